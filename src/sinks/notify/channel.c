/* SPDX-License-Identifier: MIT */
/* channel.c - a table: each setting with what reads its value; then what they must be together. */
#include "channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quantity.h"
#include "secret.h"
#include "sign.h"
#include "url.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define SECOND_NS      (1000 * MILLISECOND_NS)
#define MINUTE_NS      (60 * SECOND_NS)
#define HOUR_NS        (60 * MINUTE_NS)
#define DAY_NS         (24 * HOUR_NS)

enum { RATE_MAX = 10000, BURST_MAX = 10000 };

static const char no_memory[] = "does not fit into memory";

/* -- single settings: NULL, or what the value is to be, when it is not ------ */

typedef const char *(*take_fn)(struct wi_channel *channel, const char *value);

/* Not looked at any closer here: what is wrong is shown with its value, and this one may be a secret. */
static const char *
take_text(const char *value, char **ret_text)
{
	if (!*value)
		return "is empty";
	*ret_text = strdup(value);
	return *ret_text ? NULL : no_memory;
}

static const char *
take_type(struct wi_channel *channel, const char *value)
{
	static const struct { const char *name; enum wi_channel_kind kind; } names[] = {
		{ "slack", WI_CHANNEL_SLACK },
		{ "webhook", WI_CHANNEL_WEBHOOK },
		{ "cloudevents", WI_CHANNEL_CLOUDEVENTS },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(value, names[i].name) == 0) {
			channel->kind = names[i].kind;
			return NULL;
		}
	return "is none of slack, webhook, cloudevents";
}

static const char *
take_url(struct wi_channel *channel, const char *value)
{
	return take_text(value, &channel->url);
}

static const char *
take_url_file(struct wi_channel *channel, const char *value)
{
	return take_text(value, &channel->url_file);
}

static const char *
take_key_file(struct wi_channel *channel, const char *value)
{
	return take_text(value, &channel->key_file);
}

static const char *
take_ca_file(struct wi_channel *channel, const char *value)
{
	return take_text(value, &channel->ca_file);
}

static const char *
take_mode(struct wi_channel *channel, const char *value)
{
	channel->binary = strcmp(value, "binary") == 0;
	return channel->binary || strcmp(value, "structured") == 0 ?
	               NULL :
	               "is neither structured nor binary";
}

static const char *
take_allow(struct wi_channel *channel, const char *value)
{
	static const char separators[] = ", \t";
	size_t size;

	for (value += strspn(value, separators); *value; value += strspn(value, separators)) {
		size = strcspn(value, separators);
		if (size == 4 && memcmp(value, "http", size) == 0)
			channel->allow_http = true;
		else if (size == 7 && memcmp(value, "private", size) == 0)
			channel->allow_private = true;
		else
			return "is to be http, private or both";
		value += size;
	}
	return channel->allow_http || channel->allow_private ? NULL : "is to be http, private or both";
}

static const char *
take_timeout(struct wi_channel *channel, const char *value)
{
	return wi_quantity_duration(value, 10 * MINUTE_NS, &channel->total_ns) &&
	                       channel->total_ns >= MILLISECOND_NS ?
	               NULL :
	               "is to be a time from 1ms to 10min, as 15s";
}

static const char *
take_connect_timeout(struct wi_channel *channel, const char *value)
{
	return wi_quantity_duration(value, 10 * MINUTE_NS, &channel->connect_ns) &&
	                       channel->connect_ns >= MILLISECOND_NS ?
	               NULL :
	               "is to be a time from 1ms to 10min, as 5s";
}

static const char *
take_rate(struct wi_channel *channel, const char *value)
{
	static const struct { const char *name; uint64_t ns; } units[] = {
		{ "/s", SECOND_NS }, { "/min", MINUTE_NS }, { "/h", HOUR_NS },
	};
	char digits[8];
	size_t size = strspn(value, "0123456789");
	uint64_t count;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (size >= sizeof digits || strcmp(value + size, units[i].name) != 0)
			continue;
		memcpy(digits, value, size);
		digits[size] = '\0';
		if (!wi_quantity_count(digits, 1, RATE_MAX, &count))
			break;
		channel->interval_ns = units[i].ns / count;
		return NULL;
	}
	return "is to be requests in a time, at most 10000, as 1/s, 30/min or 100/h";
}

static const char *
take_burst(struct wi_channel *channel, const char *value)
{
	uint64_t count;

	if (!wi_quantity_count(value, 1, BURST_MAX, &count))
		return "is to be a number from 1 to 10000";
	channel->burst = (uint32_t)count;
	return NULL;
}

static const char *
take_retry(struct wi_channel *channel, const char *value)
{
	const char *dots = strstr(value, "..");
	char first[24];

	if (dots && (size_t)(dots - value) < sizeof first) {
		memcpy(first, value, (size_t)(dots - value));
		first[dots - value] = '\0';
		if (wi_quantity_duration(first, DAY_NS, &channel->retry_first_ns) &&
		    wi_quantity_duration(dots + 2, DAY_NS, &channel->retry_most_ns) &&
		    channel->retry_first_ns >= MILLISECOND_NS &&
		    channel->retry_most_ns >= channel->retry_first_ns)
			return NULL;
	}
	return "is to be two times from 1ms to 1d, the lesser first, as 5s..1h";
}

static const char *
take_expire(struct wi_channel *channel, const char *value)
{
	return wi_quantity_duration(value, 365 * DAY_NS, &channel->expire_ns) &&
	                       channel->expire_ns >= SECOND_NS ?
	               NULL :
	               "is to be a time from 1s to 365d, as 3d";
}

static const char *
take_digest(struct wi_channel *channel, const char *value)
{
	return wi_quantity_duration(value, DAY_NS, &channel->digest_ns) ?
	               NULL :
	               "is to be a time of at most 1d, as 60s; 0: never";
}

enum setting {
	TYPE, URL, URL_FILE, KEY_FILE, MODE, CA_FILE, ALLOW, TIMEOUT, CONNECT_TIMEOUT, RATE, BURST,
	RETRY, EXPIRE, DIGEST, SETTING_COUNT
};

static const struct { const char *name; take_fn take; } settings[SETTING_COUNT] = {
	[TYPE] = { "type", take_type },
	[URL] = { "url", take_url },
	[URL_FILE] = { "url_file", take_url_file },
	[KEY_FILE] = { "key_file", take_key_file },
	[MODE] = { "mode", take_mode },
	[CA_FILE] = { "ca_file", take_ca_file },
	[ALLOW] = { "allow", take_allow },
	[TIMEOUT] = { "timeout", take_timeout },
	[CONNECT_TIMEOUT] = { "connect_timeout", take_connect_timeout },
	[RATE] = { "rate", take_rate },
	[BURST] = { "burst", take_burst },
	[RETRY] = { "retry", take_retry },
	[EXPIRE] = { "expire", take_expire },
	[DIGEST] = { "digest", take_digest },
};

static bool
given(const struct wi_channel *channel, enum setting setting)
{
	return channel->given & 1u << setting;
}

/* "channel.NAME.SETTING: ..." */
static bool
fail(const struct wi_channel *channel, const char *setting, char *ret_problem, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool
fail(const struct wi_channel *channel, const char *setting, char *ret_problem, const char *format, ...)
{
	va_list arguments;
	int size = snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "channel.%s.%.80s: ", channel->name,
	                    setting);

	va_start(arguments, format);
	vsnprintf(ret_problem + size, WI_NOTIFY_PROBLEM_SIZE - (size_t)size, format, arguments);
	va_end(arguments);
	return false;
}

static bool
take(struct wi_channel *channel, enum setting setting, const char *value, char *ret_problem)
{
	const char *name = settings[setting].name, *problem;

	if (given(channel, setting))
		return fail(channel, name, ret_problem, "stands there twice");
	channel->given |= 1u << setting;
	problem = settings[setting].take(channel, value);
	return !problem || fail(channel, name, ret_problem, "'%.100s' %s", value, problem);
}

bool
wi_channel_take(struct wi_channel *channel, const char *key, const char *value,
                char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	const char *name = strrchr(key, '.');

	name = name ? name + 1 : key;
	for (enum setting i = 0; i < SETTING_COUNT; i++)
		if (strcmp(name, settings[i].name) == 0)
			return take(channel, i, value, ret_problem);
	return fail(channel, name, ret_problem,
	            "there is no such setting of a channel; those are: type, url, url_file, key_file, "
	            "mode, ca_file, allow, timeout, connect_timeout, rate, burst, retry, expire, digest");
}

/* -- together --------------------------------------------------------------- */

static bool
check_name(const struct wi_channel *channel, char *ret_problem)
{
	size_t size = strlen(channel->name);

	if (size && size == strspn(channel->name, "abcdefghijklmnopqrstuvwxyz0123456789_-"))
		return true;
	snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE,
	         "channel.%s: a channel's name is made of a-z, 0-9, _ and -, at most %d of them",
	         channel->name, WI_NOTIFY_NAME_MAX);
	return false;
}

/* What does not go together. */
static bool
check_kind(const struct wi_channel *channel, char *ret_problem)
{
	bool slack = channel->kind == WI_CHANNEL_SLACK;

	if (!given(channel, TYPE))
		return fail(channel, "type", ret_problem, "is missing: slack, webhook or cloudevents");
	if (slack && given(channel, URL))
		return fail(channel, "url", ret_problem, "is a secret with Slack: put it into a file of "
		            "mode 0600 and name that in url_file");
	if (slack && given(channel, KEY_FILE))
		return fail(channel, "key_file", ret_problem, "Slack takes no signatures");
	if (given(channel, MODE) && channel->kind != WI_CHANNEL_CLOUDEVENTS)
		return fail(channel, "mode", ret_problem, "is for the type cloudevents alone");
	if (given(channel, URL) && given(channel, URL_FILE))
		return fail(channel, "url_file", ret_problem, "there is a url, too: one of them");
	if (!given(channel, URL) && !given(channel, URL_FILE))
		return fail(channel, slack ? "url_file" : "url", ret_problem,
		            "is missing: where messages are to go");
	return true;
}

static void
default_to(struct wi_channel *channel, enum setting setting, uint64_t *value, uint64_t usual)
{
	if (!given(channel, setting))
		*value = usual;
}

static bool
fill_in(struct wi_channel *channel, char *ret_problem)
{
	bool slack = channel->kind == WI_CHANNEL_SLACK;

	default_to(channel, TIMEOUT, &channel->total_ns, 15 * SECOND_NS);
	default_to(channel, CONNECT_TIMEOUT, &channel->connect_ns,
	           channel->total_ns < 5 * SECOND_NS ? channel->total_ns : 5 * SECOND_NS);
	default_to(channel, RATE, &channel->interval_ns, slack ? SECOND_NS : SECOND_NS / 10);
	default_to(channel, RETRY, &channel->retry_first_ns, 5 * SECOND_NS);
	default_to(channel, RETRY, &channel->retry_most_ns, HOUR_NS);
	default_to(channel, EXPIRE, &channel->expire_ns, 3 * DAY_NS);
	default_to(channel, DIGEST, &channel->digest_ns, MINUTE_NS);
	if (!given(channel, BURST))
		channel->burst = slack ? 3 : 10;
	if (channel->connect_ns > channel->total_ns)
		return fail(channel, "connect_timeout", ret_problem, "is longer than the whole timeout");
	return true;
}

static bool
read_url(struct wi_channel *channel, char *ret_problem)
{
	char problem[WI_SECRET_PROBLEM_SIZE];
	struct wi_secret secret;

	if (!channel->url_file)
		return true;
	if (!wi_secret_read(channel->url_file, &secret, problem))
		return fail(channel, "url_file", ret_problem, "the file %s", problem);
	secret.text[strcspn(secret.text, "\r\n")] = '\0';
	channel->url = strdup(secret.text);
	wi_secret_fini(&secret);
	return channel->url || fail(channel, "url_file", ret_problem, no_memory);
}

static bool
check_url(struct wi_channel *channel, char *ret_problem)
{
	const char *setting = channel->url_file ? "url_file" : "url", *problem;

	problem = wi_url_check(channel->url, channel->allow_http, channel->allow_private,
	                       &channel->shown);
	if (problem)
		return fail(channel, setting, ret_problem, "the address %s", problem);
	if (!channel->ca_file)
		return true;
	if (strncmp(channel->shown, "https:", 6) != 0)
		return fail(channel, "ca_file", ret_problem, "the address is not one of https");
	return access(channel->ca_file, R_OK) == 0 ||
	       fail(channel, "ca_file", ret_problem, "'%.200s' cannot be read", channel->ca_file);
}

/* A key a line; empty lines are none. */
static bool
take_keys(struct wi_channel *channel, const char *text, char *ret_problem)
{
	size_t size;

	for (text += strspn(text, "\r\n"); *text; text += strspn(text, "\r\n")) {
		size = strcspn(text, "\r\n");
		if (channel->key_count == WI_CHANNEL_KEY_MAX)
			return fail(channel, "key_file", ret_problem, "the file has more than %d keys",
			            WI_CHANNEL_KEY_MAX);
		if (!wi_sign_key(text, size, &channel->keys[channel->key_count]))
			return fail(channel, "key_file", ret_problem,
			            "key %u in the file is not whsec_ and 24 to 64 bytes in base64",
			            channel->key_count + 1);
		channel->key_count++;
		text += size;
	}
	return channel->key_count || fail(channel, "key_file", ret_problem, "the file is empty");
}

static bool
read_keys(struct wi_channel *channel, char *ret_problem)
{
	char problem[WI_SECRET_PROBLEM_SIZE];
	struct wi_secret secret;
	bool fine;

	if (!channel->key_file)
		return true;
	if (!wi_secret_read(channel->key_file, &secret, problem))
		return fail(channel, "key_file", ret_problem, "the file %s", problem);
	fine = take_keys(channel, secret.text, ret_problem);
	wi_secret_fini(&secret);
	return fine;
}

/* -- life ------------------------------------------------------------------- */

void
wi_channel_init(struct wi_channel *channel, const char *name)
{
	*channel = (struct wi_channel){ 0 };
	/* One that is too long is left empty, and wi_channel_end() says so. */
	if (strlen(name) <= WI_NOTIFY_NAME_MAX)
		strcpy(channel->name, name);
}

bool
wi_channel_end(struct wi_channel *channel, char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	return check_name(channel, ret_problem) && check_kind(channel, ret_problem) &&
	       fill_in(channel, ret_problem) && read_url(channel, ret_problem) &&
	       check_url(channel, ret_problem) && read_keys(channel, ret_problem);
}

void
wi_channel_fini(struct wi_channel *channel)
{
	wi_secret_free(channel->url);
	free(channel->shown);
	free(channel->ca_file);
	free(channel->url_file);
	free(channel->key_file);
	explicit_bzero(channel, sizeof *channel);
}
