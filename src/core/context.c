/* SPDX-License-Identifier: MIT */
/* context.c - see context.h. */
#include "core/context.h"

static __thread unsigned depth;

void
wi_context_enter(void)
{
	depth++;
}

void
wi_context_leave(void)
{
	depth--;
}

bool
wi_context_inside(void)
{
	return depth != 0;
}
