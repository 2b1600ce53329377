/* SPDX-License-Identifier: MIT */
/*
 * Ways to write an address of this machine, or of its network, each as an endpoint: none of them is
 * connected to. Twice each: as it is configured, and, where that is passed over, as it is connected.
 */
#include <stdio.h>
#include <string.h>

#include "net.h"
#include "rig.h"

/* What names lead to. */
static const struct net_name names[] = {
	{ "127.0.0.1.", "127.0.0.1" },
	{ "localhost", "127.0.0.1" },
	{ "localhost.", "127.0.0.1" },
	{ "a.localhost", "127.0.0.1" },
	{ "127.0.0.1.nip.test", "127.0.0.1" },
	{ "7f000001.nip.test", "127.0.0.1" },
	{ "10-0-0-1.sslip.test", "10.0.0.1" },
	{ "six.test", "::1" },
	{ "mapped.test", "::ffff:169.254.169.254" },
	{ "nat64.test", "64:ff9b::7f00:1" },
	{ "metadata.test", "169.254.169.254" },
	{ "lan.test", "192.168.0.1" },
	{ "ula.test", "fd00::1" },
	{ "all.test", "10.0.0.1 127.0.0.1 ::1 fe80::1" },
	{ "zero.test", "0.0.0.0" },
	{ "public.test", "8.8.8.8" },
	{ "public6.test", "2606:4700::1111" },
	{ "both.test", "8.8.8.8 127.0.0.1 10.0.0.1" },
	{ "rebind.test", "8.8.8.8|127.0.0.1" },
};

static const char *const hosts[] = {
	"127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0177.1",
	"0x7f000001", "0x7F.0.0.1", "0x7f.1", "0x7f.0x0.0x0.0x1", "127.000.000.001", "127.0.0.1.",
	"127.0.0.53", "127.255.255.254", "0", "0.0.0.0", "0x0", "localhost", "LocalHost", "localhost.",
	"a.localhost", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "%6c%6fcalhost",
	"[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
	"[0:0:0:0:0:FFFF:7F00:0001]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::127.0.0.1]",
	"[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:7f00:1::80ff:fffe]",
	"[2606:4700::5efe:127.0.0.1]", "[fe80::1]", "[fe80::1%251]", "[fc00::1]", "[fd12:3456:789a::1]",
	"[fec0::1]", "[2001:db8::1]", "[100::1]", "[ff02::1]",
	"10.0.0.1", "012.0.0.1", "0xa000001", "167772161", "172.16.0.1", "172.31.255.255", "192.168.1.1",
	"3232235777", "169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "100.64.0.1",
	"100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1",
	"203.0.113.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
	"127.0.0.1.nip.test", "7f000001.nip.test", "10-0-0-1.sslip.test", "six.test", "mapped.test",
	"nat64.test", "metadata.test", "lan.test", "ula.test", "all.test", "zero.test",
};

/* What must not get past the configuration, even with everything allowed. */
static const char *const tricks[] = {
	"http://example.com@127.0.0.1:%u/", "http://user:word@127.0.0.1:%u/", "http://@127.0.0.1:%u/",
	"http://:@127.0.0.1:%u/", "http://a@b@127.0.0.1:%u/", "http://127.0.0.1:%u@example.com/",
	"http://example.com\\@127.0.0.1:%u/", "http://127.0.0.1\\@example.com:%u/",
	"http://127.0.0.1:%u#@example.com/", "http://example.com #@127.0.0.1:%u/",
	"http://127\343\200\2020\343\200\2020\343\200\2021:%u/", "http://\342\221\240\342\221\241\342\221\246.0.0.1:%u/",
	"http://127.0.0.1\t:%u/", "http://[::1:%u/", "http://127.0.0.1:%u:80/", "http://:%u/",
	"127.0.0.1:%u/", "//127.0.0.1:%u/", "gopher://127.0.0.1:%u/_POST", "dict://127.0.0.1:%u/info",
	"ftp://127.0.0.1:%u/", "file://127.0.0.1:%u/etc/passwd", "unix://127.0.0.1:%u/", "ws://127.0.0.1:%u/",
};

static struct rig rig;
static struct receiver *receiver;
static uint32_t at_configuration, at_connection, reachable;

/* With all allowed, so that what is forbidden can be passed over. */
static void
make(struct wi_channel *channel, const char *host)
{
	char settings[500];

	snprintf(settings, sizeof settings,
	         "type = webhook\nurl = http://%s:%u/" RIG_CANARY "\nallow = http, private\ntimeout = 2s\n", host,
	         receiver_port(receiver));
	rig_channel(channel, settings);
}

static bool
is_refused_at_once(const char *host)
{
	char settings[500], problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_channel channel;
	bool refused;

	snprintf(settings, sizeof settings, "type = webhook\nurl = http://%s:%u/" RIG_CANARY "\nallow = http\n", host,
	         receiver_port(receiver));
	refused = !rig_channel_try(&channel, settings, problem);
	CHECK(!refused || strstr(problem, "private"), "%s: %s", host, problem);
	wi_channel_fini(&channel);
	return refused;
}

/* A sender of its own: what is known of a name is forgotten. */
static struct wi_result
send_alone(struct wi_channel *channel)
{
	struct wi_result result;

	net_connects_take();
	rig_open(&rig);
	result = rig_send(&rig, channel, &rig_message);
	rig_close(&rig);
	return result;
}

static void
check_host(const char *host)
{
	struct net_connects connects;
	struct wi_channel channel;
	struct wi_result result;

	at_configuration += is_refused_at_once(host);
	make(&channel, host);
	channel.allow_private = false;
	result = send_alone(&channel);
	connects = net_connects_take();
	CHECK(connects.loopback == 0 && connects.other == 0, "%s is connected to: %s", host, result.text);
	CHECK(result.outcome == WI_OUTCOME_AGAIN && result.status == 0 &&
	              strstr(result.text, "its name leads to"),
	      "%s: %s", host, result.text);
	at_connection++;

	/* It would have been reached: this was no mistake in the writing. */
	channel.allow_private = true;
	send_alone(&channel);
	connects = net_connects_take();
	CHECK(connects.loopback + connects.other > 0, "%s leads nowhere", host);
	reachable += connects.loopback > 0;
	wi_channel_fini(&channel);
}

static void
check_tricks(void)
{
	char settings[500], url[200], problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_channel channel;

	for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) {
		snprintf(url, sizeof url, tricks[i], receiver_port(receiver));
		snprintf(settings, sizeof settings, "type = webhook\nurl = %s\nallow = http, private\n", url);
		CHECK(!rig_channel_try(&channel, settings, problem), "%s is taken", url);
		wi_channel_fini(&channel);
	}
}

/* Public addresses are let through, and of several only they. */
static void
check_public(void)
{
	static const char *const public[] = { "8.8.8.8", "public.test", "public6.test", "[2606:4700::1111]",
		"[64:ff9b::808:808]", "both.test" };
	struct net_connects connects;
	struct wi_channel channel;

	for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
		make(&channel, public[i]);
		channel.allow_private = false;
		send_alone(&channel);
		connects = net_connects_take();
		CHECK(connects.loopback == 0 && connects.other == 1, "%s: %u and %u connections", public[i],
		      connects.loopback, connects.other);
		wi_channel_fini(&channel);
	}
}

/* A name that changes its mind after the first request. */
static void
check_rebinding(void)
{
	struct net_connects connects;
	struct wi_channel channel;
	struct wi_result result;

	make(&channel, "rebind.test");
	channel.allow_private = false;
	send_alone(&channel);
	connects = net_connects_take();
	CHECK(connects.other == 1 && connects.loopback == 0, "not as the name first was");
	result = send_alone(&channel);
	connects = net_connects_take();
	CHECK(connects.other == 0 && connects.loopback == 0, "rebound: %s", result.text);
	CHECK(strstr(result.text, "a loopback address"), "%s", result.text);
	wi_channel_fini(&channel);
}

/* A channel that may reach a private address leaves nothing behind for one that may not. */
static void
check_no_sharing(void)
{
	struct wi_channel may, may_not;
	struct wi_result result;

	make(&may, "127.0.0.1.nip.test");
	make(&may_not, "127.0.0.1.nip.test");
	may_not.allow_private = false;
	rig_open(&rig);
	result = rig_send(&rig, &may, &rig_message);
	CHECK(result.outcome == WI_OUTCOME_SENT, "%s", result.text);
	result = rig_send(&rig, &may_not, &rig_message);
	CHECK(strstr(result.text, "its name leads to"), "a connection is shared: %s", result.text);
	rig_close(&rig);
	wi_channel_fini(&may);
	wi_channel_fini(&may_not);
}

int
main(void)
{
	static const struct receiver_step kept = {
		.way = RECEIVER_KEEP,
		.raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};
	const uint32_t count = sizeof hosts / sizeof *hosts;

	support_begin("notify guard");
	net_names(names, sizeof names / sizeof *names);
	receiver = receiver_open(0, NULL);
	receiver_plan(receiver, &kept, 1);
	for (uint32_t i = 0; i < count; i++)
		check_host(hosts[i]);
	check_tricks();
	check_public();
	check_rebinding();
	check_no_sharing();
	receiver_close(receiver);
	printf("%u spellings of special addresses: %u/%u refused at the connection, %u of them at "
	       "configuration already; %u lead to this machine\n"
	       "%zu/%zu tricks with addresses refused at configuration\n",
	       count, at_connection, count, at_configuration, reachable, sizeof tricks / sizeof *tricks,
	       sizeof tricks / sizeof *tricks);
	return 0;
}
