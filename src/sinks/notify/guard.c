/* SPDX-License-Identifier: MIT */
/*
 * guard.c - IANA's registries of special-purpose addresses. Of IPv6 nothing is public but 2000::/3, so
 * what comes new outside of it is refused until somebody looks; forms that carry an IPv4 address are
 * what that is.
 */
#include "guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char loopback[] = "a loopback address", private[] = "a private address";
static const char link_local[] = "a link-local address", unspecified[] = "an unspecified address";
static const char multicast[] = "a multicast address", document[] = "an address for documentation";
static const char special[] = "an address of special purpose";

static const struct { uint8_t net[4]; uint32_t bits; const char *what; } nets4[] = {
	{ { 0 }, 8, unspecified },
	{ { 10 }, 8, private },
	{ { 100, 64 }, 10, "a carrier's shared address" },
	{ { 127 }, 8, loopback },
	{ { 169, 254 }, 16, link_local },
	{ { 172, 16 }, 12, private },
	{ { 192, 0, 0 }, 24, special },
	{ { 192, 0, 2 }, 24, document },
	{ { 192, 88, 99 }, 24, special },               /* 6to4 relays */
	{ { 192, 168 }, 16, private },
	{ { 198, 18 }, 15, "an address for benchmarks" },
	{ { 198, 51, 100 }, 24, document },
	{ { 203, 0, 113 }, 24, document },
	{ { 168, 63, 129, 16 }, 32, special },          /* public, but a cloud host's own (Azure) */
	{ { 224 }, 4, multicast },
	{ { 255, 255, 255, 255 }, 32, "the broadcast address" },
	{ { 240 }, 4, "a reserved address" },
};

static const struct { uint8_t net[16]; uint32_t bits; const char *what; } nets6[] = {
	{ { [15] = 0 }, 128, unspecified },
	{ { [15] = 1 }, 128, loopback },
	{ { 0xfc }, 7, private },
	{ { 0xfe, 0x80 }, 10, link_local },
	{ { 0xfe, 0xc0 }, 10, private },                /* site-local, as it was */
	{ { 0xff }, 8, multicast },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, document },
	{ { 0x3f, 0xff }, 20, document },
	{ { 0x20, 0x01 }, 23, special },                /* Teredo, benchmarks, ORCHID and more */
};

/* Where an IPv4 address stands in an IPv6 one. */
static const struct { uint8_t net[12]; uint32_t bits, at; } carriers[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, 12 },       /* mapped */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, 12 },         /* NAT64 */
	{ { 0x20, 0x02 }, 16, 2 },                      /* 6to4 */
};

static bool
within(const uint8_t *address, const uint8_t *net, uint32_t bits)
{
	uint32_t bytes = bits / 8, rest = bits % 8;

	return memcmp(address, net, bytes) == 0 &&
	       (!rest || ((address[bytes] ^ net[bytes]) >> (8 - rest)) == 0);
}

static const char *
why4(const uint8_t address[4])
{
	for (size_t i = 0; i < sizeof nets4 / sizeof *nets4; i++)
		if (within(address, nets4[i].net, nets4[i].bits))
			return nets4[i].what;
	return NULL;
}

static const char *
why6(const uint8_t address[16])
{
	static const uint8_t isatap[] = { 0x00, 0x00, 0x5e, 0xfe };

	for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++)
		if (within(address, carriers[i].net, carriers[i].bits))
			return why4(address + carriers[i].at);
	for (size_t i = 0; i < sizeof nets6 / sizeof *nets6; i++)
		if (within(address, nets6[i].net, nets6[i].bits))
			return nets6[i].what;
	if (address[0] >> 5 != 1)
		return special;
	/* An interface of this name hands on to the IPv4 address behind it. */
	if ((address[8] & ~2) == 0 && memcmp(address + 9, isatap + 1, 3) == 0)
		return why4(address + 12);
	return NULL;
}

const char *
wi_guard_why(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;

	switch (address->sa_family) {
	case AF_INET:
		return why4((const void *)&four->sin_addr);
	case AF_INET6:
		return why6(six->sin6_addr.s6_addr);
	default:
		return "no address of the Internet";
	}
}

static bool
is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t size = strlen(host), tail = sizeof name - 1;

	size -= size && host[size - 1] == '.';
	return size >= tail && strncasecmp(host + size - tail, name, tail) == 0 &&
	       (size == tail || host[size - tail - 1] == '.');
}

const char *
wi_guard_host_why(const char *host)
{
	uint8_t bytes[16];
	char inner[INET6_ADDRSTRLEN];

	if (is_localhost(host))
		return loopback;
	if (inet_pton(AF_INET, host, bytes) == 1)
		return why4(bytes);
	if (*host != '[')
		return NULL;
	snprintf(inner, sizeof inner, "%.*s", (int)strcspn(host + 1, "%]"), host + 1);
	return inet_pton(AF_INET6, inner, bytes) == 1 ? why6(bytes) : NULL;
}
