/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* item_json.c - an event as a line of JSON */
#include "hearth_feed.h"

#include <arpa/inet.h>
#include <string.h>

const char *hearth_event_name(unsigned event)
{
	static const char *const names[] = {[HEARTH_ONLINE] = "online",
		[HEARTH_OFFLINE] = "offline",
		[HEARTH_UPLINK] = "uplink",
		[HEARTH_RESPONSE] = "response",
		[HEARTH_UNDELIVERED] = "undelivered",
		[HEARTH_ALERT] = "alert"};

	return event < sizeof(names) / sizeof(names[0]) && names[event] ? names[event] : "";
}

const char *hearth_reason_name(unsigned reason)
{
	static const char *const names[] = {[HEARTH_TIMEOUT] = "timeout",
		[HEARTH_CLOSED] = "closed",
		[HEARTH_REPLACED] = "replaced",
		[HEARTH_SEQUENCE] = "sequence",
		[HEARTH_UNANSWERED] = "unanswered",
		[HEARTH_KICKED] = "kicked",
		[HEARTH_REMOVED] = "removed",
		[HEARTH_SHUTDOWN] = "shutdown",
		[HEARTH_NO_ANSWER] = "no-answer",
		[HEARTH_WAS_OFFLINE] = "offline",
		[HEARTH_UNKNOWN] = "unknown",
		[HEARTH_EXPIRED] = "expired",
		[HEARTH_QUEUE_FULL] = "queue-full",
		[HEARTH_TOO_LARGE] = "too-large",
		[HEARTH_REFUSED] = "refused",
		[HEARTH_FLAPPING] = "flapping",
		[HEARTH_CLONE] = "clone"};

	return reason < sizeof(names) / sizeof(names[0]) && names[reason] ? names[reason] : "";
}

const char *hearth_via_name(unsigned via)
{
	return via == HEARTH_VIA_TCP ? "tcp" : via == HEARTH_VIA_UDP ? "udp" : "";
}

const char *hearth_protocol_name(unsigned protocol)
{
	return protocol == HEARTH_MC ? "mc" : "";
}

/*
 * All but the payload. Two names of 255 bytes, each byte \u00xx at worst, are 3060; the rest is
 * less than 600.
 */
#define HEAD_BYTES 4096

static char *put(char *at, const char *text)
{
	size_t length = strlen(text);

	memcpy(at, text, length);
	return at + length;
}

static char *put_number(char *at, uint64_t number)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (count)
		*at++ = digits[--count];
	return at;
}

/* Names are printable ASCII if all is well; whatever else comes, the line stays JSON. */
static char *put_string(char *at, const char *text, size_t length)
{
	static const char hex[] = "0123456789abcdef";

	*at++ = '"';
	for (size_t i = 0; i < length; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c < 0x20 || c >= 0x7f) {
			at = put(at, "\\u00");
			*at++ = hex[c >> 4];
			*at++ = hex[c & 15];
			continue;
		}
		if (c == '"' || c == '\\')
			*at++ = '\\';
		*at++ = (char)c;
	}
	*at++ = '"';
	return at;
}

static char *put_word(char *at, const char *key, const char *word)
{
	if (!word[0])
		return at;
	at = put(at, key);
	return put_string(at, word, strlen(word));
}

static char *put_member(char *at, const char *key, uint64_t number)
{
	return put_number(put(at, key), number);
}

static char *put_peer(char *at, const struct hearth_record *record)
{
	static const uint8_t none[16], mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[INET6_ADDRSTRLEN];

	if (record->peer_port == 0 && memcmp(record->peer, none, sizeof(none)) == 0)
		return at;
	at = put(at, ",\"peer\":\"");
	if (memcmp(record->peer, mapped, sizeof(mapped)) == 0) {
		for (unsigned i = 12; i < 16; i++) {
			at = put_number(at, record->peer[i]);
			if (i < 15)
				*at++ = '.';
		}
	} else if (inet_ntop(AF_INET6, record->peer, text, sizeof(text))) {
		*at++ = '[';
		at = put(at, text);
		*at++ = ']';
	}
	at = put_member(at, ":", record->peer_port);
	*at++ = '"';
	return at;
}

static char *put_common(char *at, const struct hearth_item *item)
{
	const struct hearth_record *record = item->record;

	at = put_member(at, "{\"id\":\"", item->worker);
	at = put_member(at, "-", record->id);
	at = put_member(at, "\",\"time\":", record->time);
	at = put_word(at, ",\"event\":", hearth_event_name(record->event));
	at = put_word(at, ",\"protocol\":", hearth_protocol_name(record->protocol));
	at = put_string(put(at, ",\"device\":"), item->device, record->device_length);
	if (record->gateway_length)
		at = put_string(put(at, ",\"gateway\":"), item->gateway, record->gateway_length);
	at = put_word(at, ",\"via\":", hearth_via_name(record->via));
	at = put_peer(at, record);
	return put_member(at, ",\"session\":", record->session);
}

static char *put_own(char *at, const struct hearth_record *record)
{
	switch (record->event) {
	case HEARTH_UPLINK:
		at = put_member(at, ",\"count\":", record->count);
		at = put_member(at, ",\"sequence\":", record->sequence);
		at = put_member(at, ",\"code\":", record->code);
		break;
	case HEARTH_RESPONSE:
		at = put_member(at, ",\"code\":", record->code);
		at = put_member(at, ",\"request\":", record->request);
		break;
	case HEARTH_UNDELIVERED:
		at = put_member(at, ",\"code\":", record->code);
		at = put_member(at, ",\"request\":", record->request);
		at = put_word(at, ",\"reason\":", hearth_reason_name(record->reason));
		break;
	case HEARTH_OFFLINE:
	case HEARTH_ALERT:
		at = put_word(at, ",\"reason\":", hearth_reason_name(record->reason));
		break;
	default:
		break;
	}
	return at;
}

/* The payload is JSON: a line break in it stands between tokens. */
static char *put_payload(char *at, const char *payload, size_t length)
{
	at = put(at, ",\"payload\":");
	memcpy(at, payload, length);
	for (char *end = at + length; at < end; at++) {
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	}
	return at;
}

size_t hearth_item_json(const struct hearth_item *item, char *out, size_t size)
{
	char head[HEAD_BYTES];
	size_t head_length = (size_t)(put_own(put_common(head, item), item->record) - head);
	size_t payload_length = item->record->payload_length;
	size_t needed = head_length + 1;

	if (payload_length)
		needed += strlen(",\"payload\":") + payload_length;
	if (needed > size)
		return needed;
	memcpy(out, head, head_length);
	out += head_length;
	if (payload_length)
		out = put_payload(out, item->payload, payload_length);
	*out = '}';
	return needed;
}
