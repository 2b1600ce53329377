/* SPDX-License-Identifier: MIT */
/* net.c - see net.h. */
#include "net.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "support.h"

enum { NAMES_MAX = 64 };

static const struct net_name *table;
static uint32_t table_size, lookups[NAMES_MAX];
static uint32_t loopback, other, hanging, hung;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER;
static bool released;

void
net_names(const struct net_name *names, uint32_t count)
{
	CHECK(count <= NAMES_MAX, "%u names", count);
	table = names;
	table_size = count;
	memset(lookups, 0, sizeof lookups);
}

/* -- getaddrinfo ------------------------------------------------------------ */

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int
look_up(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo numeric = *hints;

	numeric.ai_flags = (numeric.ai_flags & ~AI_ADDRCONFIG) | AI_NUMERICHOST;
	return real(node, service, &numeric, ret_list);
}

/* In a thread of libcurl's, which is to take no signal of the program's. */
static void
hang(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	CHECK(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD) && sigismember(&mask, SIGUSR1),
	      "a thread takes signals");
	pthread_mutex_lock(&mutex);
	add(&hanging, 1);
	while (!released)
		pthread_cond_wait(&go, &mutex);
	add(&hung, 1);
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&mutex);
}

/* The n-th of "a|b|c", or the last. */
static const char *
alternative(const char *text, uint32_t n)
{
	while (n-- && strchr(text, '|'))
		text = strchr(text, '|') + 1;
	return text;
}

/* All of "a b c", up to a '|'. */
static int
look_up_all(const char *text, const char *service, const struct addrinfo *hints,
            struct addrinfo **ret_list)
{
	size_t size = strcspn(text, " |");
	char one[64];
	int error;

	snprintf(one, sizeof one, "%.*s", (int)size, text);
	error = look_up(one, service, hints, ret_list);
	while (!error && *ret_list && (*ret_list)->ai_next)
		ret_list = &(*ret_list)->ai_next;
	if (error || text[size] != ' ')
		return error;
	return look_up_all(text + size + 1, service, hints, &(*ret_list)->ai_next);
}

int
getaddrinfo(const char *restrict node, const char *restrict service,
            const struct addrinfo *restrict hints, struct addrinfo **restrict ret_list)
{
	for (uint32_t i = 0; i < table_size; i++) {
		if (strcasecmp(table[i].name, node) != 0)
			continue;
		if (table[i].addresses)
			return look_up_all(alternative(table[i].addresses, add(&lookups[i], 1)), service,
			                   hints, ret_list);
		hang();
		return EAI_AGAIN;
	}
	return look_up(node, service, hints, ret_list);
}

uint32_t
net_hanging(void)
{
	return get(&hanging);
}

uint32_t
net_hung(void)
{
	return get(&hung);
}

void
net_release(void)
{
	pthread_mutex_lock(&mutex);
	released = true;
	pthread_cond_broadcast(&go);
	while (hung < hanging)
		pthread_cond_wait(&go, &mutex);
	pthread_mutex_unlock(&mutex);
}

/* -- connect ---------------------------------------------------------------- */

typedef int (*connect_fn)(int, const struct sockaddr *, socklen_t);

static bool
is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
}

int
connect(int fd, const struct sockaddr *address, socklen_t size)
{
	connect_fn real = (connect_fn)dlsym(RTLD_NEXT, "connect");

	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return real(fd, address, size);
	if (is_loopback(address)) {
		add(&loopback, 1);
		return real(fd, address, size);
	}
	add(&other, 1);
	errno = ECONNREFUSED;
	return -1;
}

struct net_connects
net_connects_take(void)
{
	struct net_connects taken = { get(&loopback), get(&other) };

	set(&loopback, 0);
	set(&other, 0);
	return taken;
}

/* -- sigaction -------------------------------------------------------------- */

typedef int (*sigaction_fn)(int, const struct sigaction *, struct sigaction *);

static uint32_t dispositions;

int
sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict ret_before)
{
	sigaction_fn real = (sigaction_fn)dlsym(RTLD_NEXT, "sigaction");

	if (action)
		add(&dispositions, 1);
	return real(number, action, ret_before);
}

uint32_t
net_dispositions(void)
{
	return get(&dispositions);
}
