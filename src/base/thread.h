/* SPDX-License-Identifier: MIT */
/* thread.h - start, name and pin a thread that takes no signals. */
#ifndef WI_BASE_THREAD_H
#define WI_BASE_THREAD_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

bool wi_thread_start(pthread_t *ret_thread, void *(*run)(void *), void *argument);

/* Until `before` is given back the calling thread cannot be cancelled. */
int wi_thread_shield(void);
void wi_thread_unshield(int before);

/* The calling thread; at most 15 bytes of the name are kept. */
void wi_thread_name(const char *name);
bool wi_thread_pin(const cpu_set_t *cpus);

#endif
