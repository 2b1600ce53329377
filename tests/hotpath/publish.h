/* SPDX-License-Identifier: MIT */
/* publish.h - publishing with sizes that the compiler knows, each in a function of its own. */
#ifndef HOTPATH_PUBLISH_H
#define HOTPATH_PUBLISH_H

#include <string.h>

#include <weir/weir.h>

typedef weir_status hot_fn(weir_producer *producer, weir_topic topic, const void *data);

hot_fn hot_publish_8, hot_publish_48, hot_publish_64;
hot_fn hot_in_place_48;

typedef weir_status hot_reserve_fn(weir_producer *producer, weir_topic topic, void **ret_data);

hot_reserve_fn hot_reserve_8, hot_reserve_48, hot_reserve_64;
weir_status hot_commit(weir_producer *producer);

#endif
