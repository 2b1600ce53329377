/* SPDX-License-Identifier: MIT */
/* interrupt.h - SIGINT and SIGTERM as something to wait for, beside a file descriptor. */
#ifndef WI_CLI_INTERRUPT_H
#define WI_CLI_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct wi_interrupt {
	int fd;
	sigset_t set;
	int signal; /* the first one that came, 0 before */
	int count;  /* of signals that did not come together */
	int hangup_count; /* of SIGHUP, once asked for */
	uint64_t last_ns;
};

/*
 * Blocks both signals in this thread and in those that it starts, so that no handler of an event
 * and no system call in the engine is interrupted. Call before there are threads. False: errno.
 */
bool wi_interrupt_open(struct wi_interrupt *interrupt);

/* SIGHUP, too, unless it is ignored: it does not end a wait. After wi_interrupt_open(). */
void wi_interrupt_take_hangup(struct wi_interrupt *interrupt);

/* From here on a signal ends the process at once, unless it is still part of the last one. */
void wi_interrupt_close(struct wi_interrupt *interrupt);

/* Until a signal, or fd (-1: none) is readable or at its end, or timeout_ms (-1: none) have passed.
 * True: fd is ready. */
bool wi_interrupt_wait(struct wi_interrupt *interrupt, int fd, int timeout_ms);

#endif
