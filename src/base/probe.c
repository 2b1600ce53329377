/* SPDX-License-Identifier: MIT */
/* probe.c - see probe.h. */
#include "base/probe.h"

#ifdef WI_TRACE

#define DEFINE(point) unsigned short weir_##point##_semaphore;
WI_PROBES(DEFINE)

#endif
