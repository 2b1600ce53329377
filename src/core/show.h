/* SPDX-License-Identifier: MIT */
/* show.h - what a bus writes into its counters file. */
#ifndef WI_CORE_SHOW_H
#define WI_CORE_SHOW_H

#include "core/bus.h"

/* Writes all counters, if there is a file; takes the control lock. */
void wi_show(weir_bus *bus);

#endif
