/* SPDX-License-Identifier: MIT */
/* service.c - see <weir/service.h>: services and their operations. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"

static const char *const standard[] = { "create", "update", "delete", "upsert", "activate", "deactivate" };

static int
is_token(const char *name)
{
	return name && *name && !strchr(name, '.');
}

/* -- operations ------------------------------------------------------------- */

static weir_status
resolve(struct wi_service *service, const char *name, struct wi_operation *ret_operation)
{
	static const char *const phases[] = { "before", "after", "failed" };
	char topic[256];

	for (int i = 0; i < 3; i++) {
		int length = snprintf(topic, sizeof topic, "%s.%s.%s", service->entity, phases[i], name);
		weir_status status;

		if (length < 0 || (size_t)length >= sizeof topic)
			return WEIR_EINVAL;
		status = weir_topic_open(service->bus, topic, &ret_operation->topic[i]);
		if (status != WEIR_OK)
			return status;
	}
	return WEIR_OK;
}

/* With the lock. */
static weir_status
find_or_make(struct wi_service *service, const char *name, weir_operation *ret_operation)
{
	uint32_t count = service->operation_count;
	weir_status status;

	for (uint32_t i = 1; i < count; i++)
		if (!strcmp(service->name[i], name)) {
			*ret_operation = i;
			return WEIR_OK;
		}
	if (count == WI_OPERATIONS)
		return WEIR_ELIMIT;
	status = resolve(service, name, &service->operation[count]);
	if (status != WEIR_OK)
		return status;
	service->name[count] = strdup(name);
	if (!service->name[count])
		return WEIR_ENOMEM;
	__atomic_store_n(&service->operation_count, count + 1, __ATOMIC_RELEASE);
	*ret_operation = count;
	return WEIR_OK;
}

weir_status
weir_service_operation(weir_service *handle, const char *name, weir_operation *ret_operation)
{
	struct wi_service *service = (struct wi_service *)handle;
	weir_status status;

	if (!service || !is_token(name) || !ret_operation)
		return WEIR_EINVAL;
	pthread_mutex_lock(&service->lock);
	status = find_or_make(service, name, ret_operation);
	pthread_mutex_unlock(&service->lock);
	return status;
}

/* -- services --------------------------------------------------------------- */

static void
destroy(struct wi_service *service)
{
	for (uint32_t i = 1; i < service->operation_count; i++)
		free(service->name[i]);
	wi_tallies_fini(&service->tallies);
	pthread_mutex_destroy(&service->lock);
	free(service);
}

static struct wi_service *
create(weir_bus *bus, const char *entity)
{
	size_t size = sizeof(struct wi_service) + strlen(entity) + 1;
	size_t align = _Alignof(struct wi_service);
	struct wi_service *service = aligned_alloc(align, (size + align - 1) / align * align);

	if (!service)
		return NULL;
	memset(service, 0, size);
	strcpy(service->entity, entity);
	service->bus = bus;
	service->operation_count = 1;
	pthread_mutex_init(&service->lock, NULL);
	return service;
}

weir_status
weir_service_open(weir_bus *bus, const char *entity, const weir_service_options *given,
                  weir_service **ret_service)
{
	weir_service_options options;
	struct wi_service *service;
	weir_operation operation;
	weir_status status;

	if (!bus || !is_token(entity) || !ret_service || !wi_options_take(&options, sizeof options, given))
		return WEIR_EINVAL;
	service = create(bus, entity);
	if (!service)
		return WEIR_ENOMEM;
	for (size_t i = 0; i < sizeof standard / sizeof *standard; i++) {
		status = weir_service_operation(&service->front, standard[i], &operation);
		if (status != WEIR_OK) {
			destroy(service);
			return status;
		}
	}
	service->front.enabled = !options.disabled;
	*ret_service = &service->front;
	return WEIR_OK;
}

void
weir_service_close(weir_service *handle)
{
	if (handle)
		destroy((struct wi_service *)handle);
}

void
weir_service_enable(weir_service *service, int enabled)
{
	if (service)
		__atomic_store_n(&service->enabled, enabled != 0, __ATOMIC_RELAXED);
}

weir_status
weir_service_get_counts(const weir_service *handle, weir_service_counts *ret_counts)
{
	const struct wi_service *service = (const struct wi_service *)handle;
	weir_service_counts counts = WEIR_SERVICE_COUNTS_INIT;

	if (!service || !ret_counts)
		return WEIR_EINVAL;
	wi_tallies_sum(&service->tallies, &counts);
	return wi_options_give(ret_counts, &counts, sizeof counts) ? WEIR_OK : WEIR_EINVAL;
}
