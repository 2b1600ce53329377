/* SPDX-License-Identifier: MIT */
/* context.h - is this thread inside something that the bus calls? */
#ifndef WI_CORE_CONTEXT_H
#define WI_CORE_CONTEXT_H

#include <stdbool.h>

/* Nest. What waits for handlers asks wi_context_inside() and answers WEIR_EDEADLK. */
void wi_context_enter(void);
void wi_context_leave(void);
bool wi_context_inside(void);

#endif
