/* SPDX-License-Identifier: MIT */
/*
 * net.h - the C library's getaddrinfo(), connect() and sigaction(), as this program would have them.
 *         Compiled into the program itself, which is where libcurl finds them first.
 *
 * Nothing leaves the machine: names that are not in the table do not exist, and a connection to anything
 * but a loopback address is refused, and counted.
 */
#ifndef WI_TESTS_NOTIFY_NET_H
#define WI_TESTS_NOTIFY_NET_H

#include <stdint.h>

struct net_name {
	const char *name;
	/*
	 * "8.8.8.8 ::1": both; "8.8.8.8|::1": the first lookup gets the first, and those after the last get
	 * the last. NULL: the lookup hangs until net_release().
	 */
	const char *addresses;
};

/* names stays. */
void net_names(const struct net_name *names, uint32_t count);

/* How often connect() was called since the last time, for such addresses. */
struct net_connects { uint32_t loopback, other; };
struct net_connects net_connects_take(void);

/* Lookups that hang: how many began, and how many ended. net_release() ends them and waits for that. */
uint32_t net_hanging(void);
uint32_t net_hung(void);
void net_release(void);

/* How often somebody changed what a signal does. */
uint32_t net_dispositions(void);

#endif
