/* SPDX-License-Identifier: MIT */
/* libuv_ring.c - libuv.c without its mutex, as a peer of its own. */
#define LIBUV_RING 1
#include "libuv.c"
