/* SPDX-License-Identifier: MIT */
/* Which addresses are refused: both ends of each range, and their neighbours. */
#include "unit.h"

#include "guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static const char *const refused[] = {
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
	"100.100.100.200", "127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0",
	"169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255",
	"192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255", "192.168.0.0", "192.168.255.255",
	"198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
	"224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
	"::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8", "::ffff:10.0.0.1",
	"::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::10.1.2.3",
	"64:ff9b:1::8.8.8.8", "64:ff9b::1:8.8.8.8", "100::1", "1fff:ffff::1", "2001::1", "2001:0:808:808::1",
	"2001:1ff:ffff::1", "2001:2::1", "2001:10::1", "2001:db8::1", "2001:db8:ffff::1", "2002:7f00:1::1",
	"2002:a00:1::1", "2002:c0a8:101::1", "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1",
	"3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1", "fc00::1", "fdff:ffff::1", "fe80::1",
	"febf::1", "fec0::1", "feff::1", "ff00::1", "ff02::1", "ffff::1",
};

static const char *const allowed[] = {
	"1.0.0.0", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
	"126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0",
	"172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255",
	"192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
	"198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
	"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2000::1", "2001:200::1", "2001:db7::1",
	"2001:db9::1", "2606:4700::1111", "2606:4700::5efe:8.8.8.8", "2606:4700::100:5efe:127.0.0.1",
	"3ffe::1", "3fff:1000::1",
};

static const char *
why(const char *text)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return wi_guard_why((struct sockaddr *)&four);
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return wi_guard_why((struct sockaddr *)&six);
}

static void
test_addresses(void **state)
{
	const struct sockaddr_un local = { .sun_family = AF_UNIX };

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (!why(refused[i]))
			fail_msg("%s is taken for a public address", refused[i]);
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (why(allowed[i]))
			fail_msg("%s is taken for %s", allowed[i], why(allowed[i]));
	assert_non_null(wi_guard_why((const struct sockaddr *)&local));
	assert_string_equal(why("169.254.169.254"), "a link-local address");
	assert_string_equal(why("::ffff:10.0.0.1"), "a private address");
}

static void
test_hosts(void **state)
{
	static const char *const bad[] = { "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "[fe80::1%25lo]",
		"localhost", "LocalHost", "localhost.", "a.localhost", "a.localhost.", "10.0.0.1" };
	static const char *const good[] = { "example.com", "8.8.8.8", "[2606:4700::1111]", "notlocalhost",
		"localhost.example.com", "", "." };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!wi_guard_host_why(bad[i]))
			fail_msg("%s", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (wi_guard_host_why(good[i]))
			fail_msg("%s", good[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
