/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the bus's own thread: ends subscriptions, frees what is retired, writes the counters
 * file.
 *
 * It sleeps until it has work; ten times a second while events flow and once a second otherwise it
 * writes the counters, and looks whether the tick stands still although dispatchers are awake (all
 * of them in long handlers): then publishers read the clock themselves. Ten times a second, more
 * often where a pool asks for it, it looks for calls that do not return (stuck.h).
 */
#ifndef WI_CORE_KEEPER_H
#define WI_CORE_KEEPER_H

#include "core/bus.h"

bool wi_keeper_start(weir_bus *bus);
void wi_keeper_stop(weir_bus *bus);

/* There is something to end or to free. Any thread, also in a handler. */
void wi_keeper_call(weir_bus *bus);

#endif
