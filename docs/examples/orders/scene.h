/* SPDX-License-Identifier: MIT */
/*
 * scene.h - everything there is, and in which order it comes and goes.
 *
 *   requests --> shop --> bus -+-> "default": counter (a plugin, off for a while), failures
 *                 |            |
 *               orders         +-> "journal": journal (a plugin) -+-> "work": projection, warehouse
 *                                                                 +-> "mail": mail, which skips
 *                                                                 +-> "notify": notify (a plugin)
 */
#ifndef ORDERS_SCENE_H
#define ORDERS_SCENE_H

#include <stdio.h>

#include <weir/host.h>

#include "handlers.h"
#include "again.h"
#include "place.h"
#include "plain.h"
#include "projection.h"
#include "receiver.h"
#include "requests.h"
#include "shop.h"
#include "verdict.h"

enum scene_way { SCENE_WEIR, SCENE_DIRECT, SCENE_QUEUE };

struct scene {
	struct place place;
	weir_host *host;
	weir_bus *bus;
	struct orders *orders[REQUESTS_WAYS];
	struct shop shop;
	struct projection projection;
	struct again again;
	struct receiver receiver;
	struct mail mail;
	struct warehouse warehouse;
	weir_subscription warehouse_id;
	atomic_ullong failures;         /* told as weir.failed.deliver */
	atomic_ullong worth_telling;    /* events that are to become messages */
	FILE *log;
	struct direct direct;
	struct queue queue;
	struct way ways[REQUESTS_WAYS];
	struct requests requests;
	/* What the counter plugin had counted, and the shop published, when it was ... */
	uint64_t counted_off, counted_on, published_off, published_on;
	/* When all was through all pools. */
	uint64_t events;
	int64_t lost;
};

void scene_open(struct scene *scene, const char *keep);

/* False: interrupted. `say` is called now and then, with what is going on. */
bool scene_play(struct scene *scene, double seconds, void (*say)(double second, const char *what));

/* From a signal handler: scene_play() is to end soon. */
void scene_interrupt(void);

/* Bring all to an end, and look whether everything is there. */
void scene_close(struct scene *scene, struct verdict *verdict);

/* What it looks at, in look.c. */
void scene_look_open(struct scene *scene, struct verdict *verdict);
void scene_look_closed(struct scene *scene, const weir_close_report *report,
                       struct verdict *verdict);

/* Events of the shop so far. */
uint64_t scene_published(const struct scene *scene);
/* How often the plugin's handler has run: what `weir plugin list` shows as ok. */
uint64_t scene_plugin_count(const struct scene *scene);

#endif
