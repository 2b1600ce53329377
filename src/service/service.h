/* SPDX-License-Identifier: MIT */
/* service.h - what a service is made of, beside the word that all can see. */
#ifndef WI_SERVICE_SERVICE_H
#define WI_SERVICE_SERVICE_H

#include <pthread.h>

#include <weir/service.h>

#include "tally.h"

/* With the one that is never valid: its topics are refused, and counted, by the bus. */
enum { WI_OPERATIONS = 1 + WEIR_DEACTIVATE + WEIR_OPERATION_COUNT_MAX };

struct wi_operation {
	weir_topic topic[3];            /* by phase */
};

struct wi_service {
	weir_service front;
	weir_bus *bus;
	struct wi_operation operation[WI_OPERATIONS];
	uint32_t operation_count;       /* stored when that many are whole */
	char *name[WI_OPERATIONS];      /* lock */
	pthread_mutex_t lock;
	struct wi_tallies tallies;
	char entity[];
};

#endif
