/* SPDX-License-Identifier: MIT */
/*
 * guard.h - which addresses are this machine's or this network's own, and no receiver's.
 *
 * An event must not make this program call its neighbours (server-side request forgery): what is asked
 * is the address of the connection itself, whatever a name, or another way to write a number, led to.
 */
#ifndef WI_NOTIFY_GUARD_H
#define WI_NOTIFY_GUARD_H

#include <sys/socket.h>

/* NULL: it is a public one; otherwise what it is: "a loopback address". */
const char *wi_guard_why(const struct sockaddr *address);

/* The same of a host as it stands in an address; NULL too if it is a name, but localhost's. */
const char *wi_guard_host_why(const char *host);

#endif
