/* SPDX-License-Identifier: MIT */
/*
 * Certificates that are not to be trusted, in an environment that says they are: proxies, other
 * authorities, a .netrc, and a configuration of OpenSSL that takes what is old and weak.
 */
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"
#include "tls.h"

static struct rig rig;
static const char *authority;           /* a file */

static void
make(struct wi_channel *channel, struct receiver *receiver, const char *host, const char *ca_file)
{
	char settings[600];

	snprintf(settings, sizeof settings, "type = webhook\nurl = https://%s:%u/" RIG_CANARY "\nallow = private\n%s%s\n",
	         host, receiver_port(receiver), ca_file ? "ca_file = " : "timeout = 15s", ca_file ? ca_file : "");
	rig_channel(channel, settings);
}

static struct wi_result
send_to(enum tls_fault fault, const struct receiver_step *step, const char *host, const char *ca_file,
        const struct wi_message *message, uint32_t *ret_count)
{
	struct receiver *receiver = receiver_open(0, tls_wire(fault));
	struct wi_channel channel;
	struct wi_result result;

	if (step)
		receiver_plan(receiver, step, 1);
	make(&channel, receiver, host, ca_file);
	result = rig_send(&rig, &channel, message);
	receiver_wait_open(receiver, 0);
	*ret_count = receiver_count(receiver);
	wi_channel_fini(&channel);
	receiver_close(receiver);
	return result;
}

static void
check_certificates(void)
{
	static const struct { enum tls_fault fault; const char *host; bool ca; bool fine; const char *text; }
	rows[] = {
		{ TLS_GOOD, "localhost", true, true, "200 OK" },
		{ TLS_GOOD, "127.0.0.1", true, true, "200 OK" },
		{ TLS_NOT_NEW, "localhost", true, true, "200 OK" },
		/* Nobody but those who made it knows this authority. */
		{ TLS_GOOD, "localhost", false, false, "unable to get local issuer certificate" },
		{ TLS_EXPIRED, "localhost", true, false, "certificate has expired" },
		{ TLS_NOT_YET, "localhost", true, false, "certificate is not yet valid" },
		{ TLS_OTHER_NAME, "localhost", true, false, "no alternative certificate subject name" },
		{ TLS_ODD_NAME, "localhost", true, false, "odd?[31m?name" },
		{ TLS_SELF_SIGNED, "localhost", true, false, "self-signed certificate" },
		{ TLS_OTHER_AUTHORITY, "localhost", true, false, "unable to get local issuer certificate" },
		{ TLS_WEAK_KEY, "localhost", true, false, "key too weak" },
		{ TLS_OLD, "localhost", true, false, "" },
	};
	struct wi_result result;
	uint32_t count, bad = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		result = send_to(rows[i].fault, NULL, rows[i].host, rows[i].ca ? authority : NULL, &rig_message,
		                 &count);
		CHECK(result.outcome == (rows[i].fine ? WI_OUTCOME_SENT : WI_OUTCOME_AGAIN) &&
		              result.status == (rows[i].fine ? 200 : 0) && strstr(result.text, rows[i].text),
		      "row %zu: outcome %d, status %d, '%s'", i, result.outcome, result.status, result.text);
		CHECK(count == rows[i].fine, "row %zu: %u requests came", i, count);
		bad += !rows[i].fine;
	}
	printf("bad certificates and versions: %u/%u refused, requests sent to them: 0\n", bad, bad);
}

/* Somebody who goes while 64 KiB are written to him, with SIGPIPE as it is by default. */
static void
check_sigpipe(void)
{
	static char body[WI_NOTIFY_BODY_MAX];
	struct receiver_step step = { .way = RECEIVER_CUT_REQUEST, .bytes = 1 };
	struct wi_message message = rig_message;
	struct wi_result result;
	uint32_t count;

	memset(body, 'x', sizeof body);
	message.body = body;
	message.body_size = sizeof body;
	for (uint32_t i = 0; i < 50; i++) {
		step.reset = i % 2;
		result = send_to(TLS_GOOD, &step, "localhost", authority, &message, &count);
		CHECK(result.outcome == WI_OUTCOME_AGAIN && result.status == 0, "%s", result.text);
	}
}

/* What would lead elsewhere, or let more in. */
static struct receiver *
spoil_environment(void)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
	static const char weak[] =
		"openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = default\n"
		"[default]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n";
	struct receiver *proxy = receiver_open(0, NULL);
	char url[100], *home;

	setenv("OPENSSL_CONF", rig_file("openssl.cnf", weak, 0600), 1);
	authority = rig_file("authority.pem", tls_authority(), 0600);
	setenv("SSL_CERT_FILE", authority, 1);
	setenv("CURL_CA_BUNDLE", authority, 1);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", receiver_port(proxy));
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		setenv(proxies[i], url, 1);
	home = strdup(rig_file(".netrc", "default login canary password canary\n", 0600));
	setenv("NETRC", home, 1);
	rig_file(".curlrc", "insecure\n", 0600);
	*strrchr(home, '/') = '\0';
	setenv("HOME", home, 1);
	setenv("CURL_HOME", home, 1);
	setenv("SSL_CERT_DIR", home, 1);
	free(home);
	return proxy;
}

static void
check_environment(struct receiver *proxy)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct receiver *receiver = receiver_open(0, tls_wire(TLS_GOOD));
	struct wi_channel channel;
	char value[100];

	/* Others do heed it. */
	CHECK(SSL_CTX_get_security_level(context) == 0 &&
	              SSL_CTX_get_min_proto_version(context) == TLS1_VERSION,
	      "OpenSSL does not read its configuration");
	SSL_CTX_free(context);
	make(&channel, receiver, "localhost", authority);
	CHECK(rig_send(&rig, &channel, &rig_message).outcome == WI_OUTCOME_SENT, "not sent");
	CHECK(!receiver_header(receiver_request(receiver, 0), "Authorization", value, sizeof value),
	      "a .netrc is read");
	wi_channel_fini(&channel);
	rig_webhook(&channel, receiver, "");
	rig_send(&rig, &channel, &rig_message);
	CHECK(receiver_connections(proxy) == 0, "a proxy is asked");
	wi_channel_fini(&channel);
	receiver_close(receiver);
}

static void
check_key_log(void)
{
	const struct wi_sender_options options = { 0 };
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_sender *sender;

	setenv("SSLKEYLOGFILE", "/dev/null", 1);
	CHECK(!wi_sender_open(&options, &sender, problem), "keys would be written to a file");
	CHECK(strstr(problem, "SSLKEYLOGFILE"), "%s", problem);
	unsetenv("SSLKEYLOGFILE");
}

int
main(void)
{
	struct receiver *proxy;

	support_begin("notify tls");
	signal(SIGPIPE, SIG_DFL);
	proxy = spoil_environment();
	check_key_log();
	rig_open(&rig);
	check_certificates();
	check_environment(proxy);
	check_sigpipe();
	rig_close(&rig);
	receiver_close(proxy);
	return 0;
}
