/* SPDX-License-Identifier: MIT */
/* route.c - see route.h. */
#include "core/route.h"

#include <string.h>

#include "base/memory.h"
#include "core/pattern.h"

static struct wi_table *
create_table(uint32_t chunk_count, uint64_t version)
{
	struct wi_table *table = wi_memory_take(sizeof *table + chunk_count * sizeof *table->chunk);

	if (!table)
		return NULL;
	table->part.birth = version;
	table->chunk_count = chunk_count;
	return table;
}

static struct wi_list *
create_list(uint32_t count, uint64_t version)
{
	struct wi_list *list = wi_memory_take(sizeof *list + count * sizeof *list->subscription);

	if (!list)
		return NULL;
	list->part.birth = version;
	list->count = count;
	return list;
}

/* Into a chunk that readers may have: they ask for `single` first, and find the list if it is NULL (E8). */
static void
set_entry(struct wi_chunk *chunk, uint32_t topic, struct wi_list *list)
{
	uint32_t i = topic & (WI_CHUNK_COUNT - 1);

	wi_store_release(&chunk->list[i], list);                                            /* E8 */
	wi_store_release(&chunk->single[i], list && list->count == 1 ? list->subscription[0] : NULL);
}

static uint32_t
position_in(const struct wi_list *list, const struct wi_subscription *subscription)
{
	uint32_t i = 0;

	while (i < list->count && list->subscription[i] != subscription)
		i++;
	return i;
}

static void
retire(struct wi_routes *routes, struct wi_part *part, uint64_t death)
{
	part->death = death;
	part->next = routes->retired;
	routes->retired = part;
}

weir_status
wi_routes_init(struct wi_routes *routes)
{
	routes->table = create_table(1, 1);
	return routes->table ? WEIR_OK : WEIR_ENOMEM;
}

static void
drop_reference(struct wi_list *list)
{
	if (list && --list->references == 0)
		wi_memory_give(list);
}

void
wi_routes_fini(struct wi_routes *routes)
{
	struct wi_part *part, *next;

	for (part = routes->retired; part; part = next) {
		next = part->next;
		wi_memory_give(part);
	}
	for (uint32_t c = 0; routes->table && c < routes->table->chunk_count; c++) {
		struct wi_chunk *chunk = routes->table->chunk[c];

		for (int i = 0; chunk && i < WI_CHUNK_COUNT; i++)
			drop_reference(chunk->list[i]);
		wi_memory_give(chunk);
	}
	wi_memory_give(routes->table);
	*routes = (struct wi_routes){ 0 };
}

/* -- a change: built aside, then published or thrown away ------------------- */

struct change {
	struct wi_routes *routes;
	struct wi_subscription *subscription;
	bool insert;
	struct wi_table *old, *table;
	struct wi_list *from_nothing;   /* the list of the new subscription alone */
	struct wi_list *created;        /* new lists, by touched_next */
	struct wi_list *touched;        /* old lists that are replaced somewhere, by touched_next */
};

static weir_status
change_begin(struct change *change, struct wi_routes *routes, struct wi_subscription *subscription,
             bool insert, uint32_t chunk_count_least)
{
	struct wi_table *old = routes->table;
	uint32_t chunk_count = old->chunk_count;

	while (chunk_count < chunk_count_least)
		chunk_count *= 2;
	*change = (struct change){ .routes = routes, .subscription = subscription, .insert = insert,
		                   .old = old };
	change->table = create_table(chunk_count, old->part.birth + 1);
	if (!change->table)
		return WEIR_ENOMEM;
	memcpy(change->table->chunk, old->chunk, old->chunk_count * sizeof *old->chunk);
	routes->change++;
	return WEIR_OK;
}

/* The subscriptions of `old` (NULL: none) with the new one among them, in order. */
static bool
list_with(struct change *change, const struct wi_list *old, struct wi_list **ret_list)
{
	struct wi_list *list = create_list((old ? old->count : 0) + 1, change->table->part.birth);
	uint32_t from = 0;

	if (!list)
		return false;
	while (old && from < old->count &&
	       wi_subscription_before(old->subscription[from], change->subscription)) {
		list->subscription[from] = old->subscription[from];
		from++;
	}
	list->subscription[from] = change->subscription;
	for (; old && from < old->count; from++)
		list->subscription[from + 1] = old->subscription[from];
	*ret_list = list;
	return true;
}

static bool
list_without(struct change *change, const struct wi_list *old, struct wi_list **ret_list)
{
	struct wi_list *list = NULL;
	uint32_t at = position_in(old, change->subscription);

	if (old->count > 1) {
		list = create_list(old->count - 1, change->table->part.birth);
		if (!list)
			return false;
		memcpy(list->subscription, old->subscription, at * sizeof *list->subscription);
		memcpy(list->subscription + at, old->subscription + at + 1,
		       (old->count - at - 1) * sizeof *list->subscription);
	}
	*ret_list = list;
	return true;
}

static void
note_created(struct change *change, struct wi_list *list)
{
	if (!list)
		return;
	list->touched_next = change->created;
	change->created = list;
}

/* What takes the place of `old`, made once for all entries that name it. */
static bool
successor_of(struct change *change, struct wi_list *old, struct wi_list **ret_list)
{
	if (!old) {
		if (!change->from_nothing) {
			if (!list_with(change, NULL, &change->from_nothing))
				return false;
			note_created(change, change->from_nothing);
		}
		*ret_list = change->from_nothing;
		return true;
	}
	if (old->change != change->routes->change) {
		bool there = position_in(old, change->subscription) < old->count;

		old->successor = old;
		if (change->insert != there) {
			if (!(change->insert ? list_with(change, old, &old->successor)
			                     : list_without(change, old, &old->successor)))
				return false;
			note_created(change, old->successor);
			old->reference_drops = 0;
			old->touched_next = change->touched;
			change->touched = old;
		}
		old->change = change->routes->change;
	}
	*ret_list = old->successor;
	return true;
}

/* The chunk of the new table that may be written. */
static struct wi_chunk *
own_chunk(struct change *change, uint32_t c)
{
	struct wi_chunk *shared = c < change->old->chunk_count ? change->old->chunk[c] : NULL;
	struct wi_chunk *chunk = change->table->chunk[c];

	if (chunk && chunk != shared)
		return chunk;
	chunk = wi_memory_take(sizeof *chunk);
	if (!chunk)
		return NULL;
	if (shared)
		*chunk = *shared;
	chunk->part.birth = change->table->part.birth;
	change->table->chunk[c] = chunk;
	return chunk;
}

static bool
change_entry(struct change *change, uint32_t topic)
{
	struct wi_list *old = wi_table_find(change->table, topic), *list;
	struct wi_chunk *chunk;

	if (!successor_of(change, old, &list))
		return false;
	if (list == old)
		return true;
	chunk = own_chunk(change, topic >> WI_CHUNK_SHIFT);
	if (!chunk)
		return false;
	set_entry(chunk, topic, list);
	if (list)
		list->references++;
	if (old)
		old->reference_drops++;
	return true;
}

static void
change_publish(struct change *change)
{
	struct wi_routes *routes = change->routes;
	uint64_t version = change->table->part.birth;
	struct wi_list *list;

	memset(routes->recent, 0, sizeof routes->recent);
	wi_store_release(&routes->table, change->table);        /* E9 */
	for (list = change->touched; list; list = list->touched_next) {
		list->references -= list->reference_drops;
		if (list->references == 0)
			retire(routes, &list->part, version);
	}
	for (uint32_t c = 0; c < change->old->chunk_count; c++)
		if (change->old->chunk[c] && change->old->chunk[c] != change->table->chunk[c])
			retire(routes, &change->old->chunk[c]->part, version);
	retire(routes, &change->old->part, version);
}

static void
change_abandon(struct change *change)
{
	struct wi_list *list, *next;

	for (list = change->created; list; list = next) {
		next = list->touched_next;
		wi_memory_give(list);
	}
	for (uint32_t c = 0; c < change->table->chunk_count; c++)
		if (c >= change->old->chunk_count || change->table->chunk[c] != change->old->chunk[c])
			wi_memory_give(change->table->chunk[c]);
	wi_memory_give(change->table);
}

static weir_status
change_end(struct change *change, bool done)
{
	if (done)
		change_publish(change);
	else
		change_abandon(change);
	return done ? WEIR_OK : WEIR_ENOMEM;
}

weir_status
wi_routes_insert(struct wi_routes *routes, struct wi_subscription *subscription,
                 const struct wi_topics *topics)
{
	uint32_t last = subscription->topic ? subscription->topic : topics->count;
	struct change change;
	bool done = true;

	if (change_begin(&change, routes, subscription, true, (last >> WI_CHUNK_SHIFT) + 1) != WEIR_OK)
		return WEIR_ENOMEM;
	subscription->birth = change.table->part.birth;
	if (subscription->topic)
		return change_end(&change, change_entry(&change, subscription->topic));
	for (uint32_t topic = 1; done && topic <= last; topic++)
		if (wi_pattern_matches(subscription->pattern, wi_topics_name(topics, topic)))
			done = change_entry(&change, topic);
	return change_end(&change, done);
}

weir_status
wi_routes_remove(struct wi_routes *routes, struct wi_subscription *subscription)
{
	struct change change;
	bool done = true;

	if (change_begin(&change, routes, subscription, false, 1) != WEIR_OK)
		return WEIR_ENOMEM;
	subscription->death = change.table->part.birth;
	if (subscription->topic)
		return change_end(&change, change_entry(&change, subscription->topic));
	for (uint32_t c = 0; done && c < change.old->chunk_count; c++) {
		struct wi_chunk *chunk = change.old->chunk[c];

		for (uint32_t i = 0; done && chunk && i < WI_CHUNK_COUNT; i++)
			if (chunk->list[i])
				done = change_entry(&change, c << WI_CHUNK_SHIFT | i);
	}
	return change_end(&change, done);
}

/* -- topics that are new ---------------------------------------------------- */

/* How many of the subscriptions match; writes the first `room` of them, in order. */
static uint32_t
collect(const char *name, struct wi_subscription *first, struct wi_subscription **ret, uint32_t room)
{
	uint32_t count = 0;

	for (; first; first = first->next) {
		uint32_t at;

		if (first->topic || !wi_pattern_matches(first->pattern, name))
			continue;
		if (count < room) {
			for (at = count; at > 0 && wi_subscription_before(first, ret[at - 1]); at--)
				ret[at] = ret[at - 1];
			ret[at] = first;
		}
		count++;
	}
	return count;
}

static weir_status
grow_table(struct wi_routes *routes, uint32_t chunk_count)
{
	struct change change;

	if (change_begin(&change, routes, NULL, true, chunk_count) != WEIR_OK)
		return WEIR_ENOMEM;
	change_publish(&change);
	return WEIR_OK;
}

/* `list`, or one like it that was made lately: then `list` is given back. */
static struct wi_list *
share_recent(struct wi_routes *routes, struct wi_list *list)
{
	size_t size = list->count * sizeof *list->subscription;
	uintptr_t sum = 0;
	struct wi_list **recent;

	for (uint32_t i = 0; i < list->count; i++)
		sum += (uintptr_t)list->subscription[i] / sizeof(struct wi_subscription);
	recent = &routes->recent[sum % WI_ROUTES_RECENT_COUNT];
	if (*recent && (*recent)->count == list->count &&
	    memcmp((*recent)->subscription, list->subscription, size) == 0) {
		wi_memory_give(list);
		return *recent;
	}
	return *recent = list;
}

weir_status
wi_routes_topic_added(struct wi_routes *routes, uint32_t topic, const char *name,
                      struct wi_subscription *first)
{
	uint32_t count = collect(name, first, NULL, 0), c = topic >> WI_CHUNK_SHIFT;
	struct wi_chunk *chunk;
	struct wi_list *list;

	if (count == 0)
		return WEIR_OK;
	if (c >= routes->table->chunk_count && grow_table(routes, c + 1) != WEIR_OK)
		return WEIR_ENOMEM;
	list = create_list(count, routes->table->part.birth);
	if (!list)
		return WEIR_ENOMEM;
	collect(name, first, list->subscription, count);
	chunk = routes->table->chunk[c];
	if (!chunk) {
		chunk = wi_memory_take(sizeof *chunk);
		if (!chunk) {
			wi_memory_give(list);
			return WEIR_ENOMEM;
		}
		chunk->part.birth = routes->table->part.birth;
		wi_store_release(&routes->table->chunk[c], chunk);      /* E8 */
	}
	list = share_recent(routes, list);
	list->references++;
	set_entry(chunk, topic, list);
	return WEIR_OK;
}

void
wi_routes_topic_dropped(struct wi_routes *routes, uint32_t topic)
{
	struct wi_list *list = wi_table_find(routes->table, topic);

	if (!list)
		return;
	set_entry(wi_table_chunk(routes->table, topic), topic, NULL);
	memset(routes->recent, 0, sizeof routes->recent);
	drop_reference(list);   /* nobody can have read it: the topic was never shown */
}
