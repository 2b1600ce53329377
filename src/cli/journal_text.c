/* SPDX-License-Identifier: MIT */
/* journal_text.c - see journal_text.h. */
#include "journal_text.h"

#include "text/json_text.h"
#include "text/timestamp.h"
#include "text/traceparent.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <weir/service.h>

enum { PREVIEW = 160 };

void
wi_journal_writer_init(struct wi_journal_writer *writer, FILE *stream)
{
	memset(writer, 0, sizeof *writer);
	writer->stream = stream;
}

void
wi_journal_writer_fini(struct wi_journal_writer *writer)
{
	free(writer->buffer);
}

void
wi_journal_hex(const uint8_t *bytes, size_t count, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*ret_text++ = digits[bytes[i] >> 4];
		*ret_text++ = digits[bytes[i] & 15];
	}
	*ret_text = '\0';
}

void
wi_journal_writer_set_id(struct wi_journal_writer *writer, const uint8_t *id)
{
	char hex[2 * WI_JOURNAL_ID_SIZE + 1];

	*writer->uuid = '\0';
	if (!id)
		return;
	wi_journal_hex(id, WI_JOURNAL_ID_SIZE, hex);
	snprintf(writer->uuid, sizeof writer->uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
	         hex + 16, hex + 20);
}

const char *
wi_journal_kind(enum wi_row_kind kind)
{
	static const char *const names[] = {
		[WI_ROW_EVENT] = "event", [WI_ROW_GAP] = "gap",
		[WI_ROW_OPENED] = "opened", [WI_ROW_CLOSED] = "closed",
	};

	return names[kind];
}

/* -- what a payload is ------------------------------------------------------ */

static bool
reserve(struct wi_journal_writer *writer, size_t size)
{
	char *buffer;

	if (size <= writer->size)
		return true;
	buffer = realloc(writer->buffer, size);
	if (!buffer)
		return false;
	writer->buffer = buffer;
	writer->size = size;
	return true;
}

/* The payload as JSON in the buffer, its size; 0: it is neither JSON nor an envelope. */
static size_t
make_json(struct wi_journal_writer *writer, const struct wi_row *row)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	struct wi_json_text text;
	size_t size;
	json_t *value;

	if (row->size == 0)
		return 0;
	if (weir_envelope_open(row->payload, row->size, &envelope) == WEIR_OK) {
		size = weir_envelope_json(&envelope, NULL, 0);
		if (!reserve(writer, size + 1))
			return 0;
		return weir_envelope_json(&envelope, writer->buffer, size + 1);
	}
	/* What weir run reads: no name twice. The walk below relies on the text ending with something
	 * that ends a number. */
	value = json_loadb(row->payload, row->size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (!value || !reserve(writer, 2 * (size_t)row->size + 2)) {
		json_decref(value);
		return 0;
	}
	json_decref(value);
	memcpy(writer->buffer + row->size + 1, row->payload, row->size);
	text = (struct wi_json_text){ writer->buffer + row->size + 1, row->size };
	return wi_json_text_compact(text, writer->buffer);
}

/* -- JSON ------------------------------------------------------------------- */

/* The character at `at`, if it is one in UTF-8, and its size; else the byte, and 1. */
static uint32_t
take_character(const unsigned char *at, size_t size, unsigned *ret_size)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 :
	                  at[0] >> 3 == 30 ? 4 : 0;
	uint32_t character = length == 1 ? at[0] : at[0] & (0x7fu >> length);

	*ret_size = 1;
	if (length == 0 || length > size)
		return at[0];
	for (unsigned i = 1; i < length; i++) {
		if (at[i] >> 6 != 2)
			return at[0];
		character = character << 6 | (at[i] & 0x3f);
	}
	if (length > 1 && (character < least[length] || character > 0x10ffff ||
	                   (character >= 0xd800 && character < 0xe000)))
		return at[0];
	*ret_size = length;
	return character;
}

/* As \uXXXX, in two of them if it must. */
static void
put_escaped(FILE *stream, uint32_t character)
{
	if (character < 0x10000)
		fprintf(stream, "\\u%04" PRIx32, character);
	else
		fprintf(stream, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((character - 0x10000) >> 10),
		        0xdc00 + ((character - 0x10000) & 0x3ff));
}

static void
put_string(FILE *stream, const char *text, size_t size)
{
	unsigned length;

	putc('"', stream);
	for (size_t i = 0; i < size; i += length) {
		uint32_t character = take_character((const unsigned char *)text + i, size - i, &length);

		if (character < ' ' || character > '~')
			put_escaped(stream, character);
		else
			fprintf(stream, character == '"' || character == '\\' ? "\\%c" : "%c",
			        (int)character);
	}
	putc('"', stream);
}

/* JSON as it is; on a terminal what is not ASCII, which can only be in strings, is escaped. */
static void
put_json(const struct wi_journal_writer *writer, const char *text, size_t size)
{
	unsigned length;

	if (!writer->terminal) {
		fwrite(text, 1, size, writer->stream);
		return;
	}
	for (size_t i = 0; i < size; i += length) {
		uint32_t character = take_character((const unsigned char *)text + i, size - i, &length);

		if (character < ' ' || character > '~')
			put_escaped(writer->stream, character);
		else
			putc((int)character, writer->stream);
	}
}

static void
put_bytes(FILE *stream, const char *name, const unsigned char *bytes, uint32_t size)
{
	fprintf(stream, ",\"%s\":\"", name);
	for (uint32_t i = 0; i < size; i++)
		fprintf(stream, "%02x", bytes[i]);
	putc('"', stream);
}

static void
make_traceparent(const struct wi_row *row, char ret_text[WI_TRACEPARENT_SIZE])
{
	weir_trace trace;

	memcpy(trace.trace_id, row->trace, 16);
	memcpy(trace.span_id, row->trace + 16, 8);
	trace.flags = row->trace[24];
	wi_traceparent_format(&trace, ret_text);
}

void
wi_journal_write_ndjson(struct wi_journal_writer *writer, const struct wi_row *row, const uint8_t *hash,
                        bool loose)
{
	char time[WI_TIMESTAMP_SIZE], traceparent[WI_TRACEPARENT_SIZE], hex[2 * WI_HASH_SIZE + 1];
	size_t json = make_json(writer, row);
	FILE *stream = writer->stream;

	fputs("{\"topic\":", stream);
	put_string(stream, row->topic, row->topic_size);
	wi_timestamp_format(row->time, time);
	fprintf(stream, ",\"time\":\"%s\"", time);
	if (row->has_key)
		fprintf(stream, ",\"key\":%" PRIu64, row->key);
	if (row->has_trace) {
		make_traceparent(row, traceparent);
		fprintf(stream, ",\"traceparent\":\"%s\"", traceparent);
	}
	if (json) {
		fputs(",\"data\":", stream);
		put_json(writer, writer->buffer, json);
	} else if (row->size) {
		put_bytes(stream, "bytes", row->payload, row->size);
	}
	fprintf(stream, ",\"source\":%" PRIu32 ",\"sequence\":%" PRIu64 ",\"id\":\"%s-%" PRIu64 "\"",
	        row->source, row->sequence, writer->uuid, row->seq);
	if (hash) {
		wi_journal_hex(hash, WI_HASH_SIZE, hex);
		fprintf(stream, ",\"row\":%" PRIu64 ",\"kind\":\"%s\",\"hash\":\"%s\"", row->seq,
		        wi_journal_kind(row->kind), hex);
	}
	fputs(loose ? ",\"verified\":false}\n" : "}\n", stream);
}

/* -- cloud events ----------------------------------------------------------- */

static void
put_base64(FILE *stream, const unsigned char *bytes, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		if (i + 1 < size)
			three |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < size)
			three |= bytes[i + 2];
		putc(digits[three >> 18], stream);
		putc(digits[three >> 12 & 63], stream);
		putc(i + 1 < size ? digits[three >> 6 & 63] : '=', stream);
		putc(i + 2 < size ? digits[three & 63] : '=', stream);
	}
}

/*
 * CloudEvents 1.0 in JSON. Extensions: traceparent (distributed tracing), partitionkey (partitioning);
 * and our own, since a number in a cloud event has 32 bits: weirsource, weirsequence, as strings.
 */
void
wi_journal_write_cloudevent(struct wi_journal_writer *writer, const struct wi_row *row, bool loose)
{
	char time[WI_TIMESTAMP_SIZE], traceparent[WI_TRACEPARENT_SIZE];
	size_t json = make_json(writer, row);
	FILE *stream = writer->stream;

	fprintf(stream, "{\"specversion\":\"1.0\",\"id\":\"%s-%" PRIu64 "\",\"source\":", writer->uuid,
	        row->seq);
	if (writer->source)
		put_string(stream, writer->source, strlen(writer->source));
	else
		fprintf(stream, "\"/weir/journal/%s\"", writer->uuid);
	fputs(",\"type\":", stream);
	put_string(stream, row->topic, row->topic_size);
	wi_timestamp_format(row->time, time);
	fprintf(stream, ",\"time\":\"%s\"", time);
	if (row->has_key)
		fprintf(stream, ",\"partitionkey\":\"%" PRIu64 "\"", row->key);
	if (row->has_trace) {
		make_traceparent(row, traceparent);
		fprintf(stream, ",\"traceparent\":\"%s\"", traceparent);
	}
	fprintf(stream, ",\"weirsource\":\"%" PRIu32 "\",\"weirsequence\":\"%" PRIu64 "\"", row->source,
	        row->sequence);
	if (loose)
		fputs(",\"weirverified\":false", stream);
	if (json) {
		fputs(",\"datacontenttype\":\"application/json\",\"data\":", stream);
		put_json(writer, writer->buffer, json);
	} else if (row->size) {
		fputs(",\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"", stream);
		put_base64(stream, row->payload, row->size);
		putc('"', stream);
	}
	fputs("}\n", stream);
}

/* -- for people ------------------------------------------------------------- */

/* Bytes as text, cut, with what is not ASCII as \xNN. */
static void
put_plain(FILE *stream, const char *bytes, size_t size, size_t most)
{
	for (size_t i = 0; i < size && i < most; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (byte < ' ' || byte > '~')
			fprintf(stream, "\\x%02x", byte);
		else
			putc(byte, stream);
	}
	if (size > most)
		fprintf(stream, "... (%zu bytes)", size);
}

void
wi_journal_write_text(struct wi_journal_writer *writer, const struct wi_row *row, bool loose)
{
	char time[WI_TIMESTAMP_SIZE], traceparent[WI_TRACEPARENT_SIZE];
	size_t json = make_json(writer, row), most = writer->full ? SIZE_MAX : PREVIEW;
	FILE *stream = writer->stream;

	wi_timestamp_format(row->time, time);
	fprintf(stream, "%8" PRIu64 "  %-30s  ", row->seq, time);
	put_plain(stream, row->topic, row->topic_size, SIZE_MAX);
	if (row->source)
		fprintf(stream, "  %" PRIu32 "/%" PRIu64, row->source, row->sequence);
	if (row->has_key)
		fprintf(stream, "  key %" PRIu64, row->key);
	if (row->has_trace) {
		make_traceparent(row, traceparent);
		fprintf(stream, "  trace %s", traceparent);
	}
	if (loose)
		fputs("  NOT VERIFIED", stream);
	if (row->size)
		fputs("  ", stream);
	if (json)
		put_plain(stream, writer->buffer, json, most);
	else
		put_plain(stream, row->payload, row->size, most);
	putc('\n', stream);
}
