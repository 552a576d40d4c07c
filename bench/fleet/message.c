/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* message.c - what devices say, in the text's form and in public firmware's (section 5.4) */
#include "fleet.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

/* A text under construction; once it overflows it stays too long. */
struct text {
	char *out;
	size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	if (text->length >= text->size)
		return;
	va_start(arguments, format);
	n = vsnprintf(text->out + text->length, text->size - text->length, format, arguments);
	va_end(arguments);
	text->length = n < 0 ? text->size : text->length + (size_t)n;
}

/* Public firmware sends numbers where the text has strings of digits. */
static void add_value(
	struct text *text, const struct fleet *fleet, const char *name, uint64_t value)
{
	const char *quote = fleet->options.like == LIKE_FIRMWARE ? "" : "\"";

	add(text, "\"%s\":%s%llu%s", name, quote, (unsigned long long)value, quote);
}

/*
 * Every report carries "n", its number among all that the device ever made, so that those of the
 * feed can be set against those that were acknowledged.
 */
static void add_status(struct text *text, struct fleet *fleet, uint64_t number)
{
	size_t start;

	add(text, "\"statusSerials\":[{\"serialId\":\"1\",\"statusSerial\":[");
	add(text, "{\"statusName\":\"POWER\",");
	add_value(text, fleet, "curStatusValue", number & 1);
	add(text, "},{\"statusName\":\"TEMP\",");
	add_value(text, fleet, "curStatusValue", 16 + number % 15);
	add(text, "},{\"statusName\":\"FILL\",\"curStatusValue\":\"");
	start = text->length;
	while (text->length + 64 < fleet->options.bytes && text->length - start < 40000)
		add(text, "x");
	add(text, "\"}],");
	add_value(text, fleet, "n", number);
	add(text, "}]");
}

static void add_resources(struct text *text, struct fleet *fleet, uint64_t number)
{
	add(text, "\"resourceSerials\":[{\"serialId\":\"1\",\"resourceSerial\":[{\"resourceName\":"
		  "\"CONSUM\",\"resourceInfo\":[{\"CONSUM_ID\":\"348749488\",\"CONSUM_NAME\":"
		  "\"\xe4\xb8\xbb\xe6\xbb\xa4\xe7\xbd\x91\",");
	add_value(text, fleet, "REMAIN_LIFE", 100 - number % 101);
	add(text, "}]}],");
	add_value(text, fleet, "n", number);
	add(text, "}]");
}

static void add_body(struct text *text, struct fleet *fleet, struct device *device, unsigned code,
	uint64_t number, const struct device *subdevice, long now)
{
	switch (code) {
	case 1002:
		add(text, ",\"deviceId\":\"%s\",\"version\":\"001.000.000.000\"", device->id);
		return;
	case 1004:
		add(text,
			",\"token\":\"%s\",\"devVersion\":\"001.002.003.004\",\"model\":\"HT-AC-"
			"01\"",
			device->token);
		return;
	case 1000:
		add(text, ",\"token\":\"%s\"", device->token);
		return;
	case 2012:
	case 2020:
		add(text, ",\"deviceId\":\"%s\",\"subDeviceId\":\"%s\"", device->id, subdevice->id);
		if (code == 2012)
			add(text, ",\"pin\":\"%s\"", subdevice->pin);
		else
			add(text, ",\"onLine\":\"1\"");
		return;
	}
	add(text, ",\"deviceId\":\"%s\",", subdevice ? subdevice->id : device->id);
	switch (code) {
	case 2006:
		add_status(text, fleet, number);
		break;
	case 2008:
		add(text,
			"\"alarm\":{\"serialId\":\"1\",\"statusName\":\"TEMP\",\"dscp\":\"\\u7a7a"
			"\\u8c03 \\\"hot\\\"\",\"alarmTime\":%ld,",
			now);
		add_value(text, fleet, "n", number);
		add(text, "}");
		break;
	case 2010:
		add(text, "\"error\":[{\"serialId\":\"1\",\"errorCode\":\"E1\",\"errorTime\":%ld,",
			now);
		add_value(text, fleet, "n", number);
		add(text, "}]");
		break;
	case 2022:
		add(text, "\"model\":\"HT-AC-01\",\"device\":{\"version\":\"001.002.003.004\",");
		add_value(text, fleet, "n", number);
		add(text, "}");
		break;
	case 2026:
		/* Both members are plain values: the number stands beside them. */
		add(text, "\"status\":\"0\",\"version\":\"001.002.003.005\",");
		add_value(text, fleet, "n", number);
		break;
	case 2028:
		add_resources(text, fleet, number);
		break;
	case 2032:
		add(text, "\"event\":[{\"eventId\":\"1\",\"eventName\":\"LOCK_OPEN\",\"eventInfo\":"
			  "[{\"KEY_ID\":\"1\",");
		add_value(text, fleet, "n", number);
		add(text, "}]}]");
		break;
	}
}

size_t message_request(struct fleet *fleet, struct device *device, unsigned code, uint16_t sequence,
	uint64_t number, const struct device *subdevice, char *out, size_t size)
{
	struct text text = {.out = out, .size = size};
	long now = (long)time(NULL);

	add(&text, "{");
	add_value(&text, fleet, "sequence", sequence);
	add_body(&text, fleet, device, code, number, subdevice, now);
	add(&text, ",\"time\":%ld}", now);
	return text.length < size ? text.length : 0;
}

unsigned message_report_code(uint64_t n)
{
	/* Mostly status, as in life; each kind comes round within 16. */
	static const unsigned mix[16] = {2006, 2006, 2028, 2006, 2008, 2006, 2006, 2010, 2006, 2006,
		2032, 2006, 2006, 2026, 2006, 2028};

	return mix[n % 16];
}

size_t message_answer(struct device *device, const json_t *sequence, char *out, size_t size)
{
	struct text text = {.out = out, .size = size};

	add(&text, "{\"result\":0,");
	if (json_is_integer(sequence))
		add(&text, "\"sequence\":%lld", (long long)json_integer_value(sequence));
	else
		add(&text, "\"sequence\":\"%s\"", json_string_value(sequence));
	add(&text, ",\"dscp\":\"\xe6\x93\x8d\xe4\xbd\x9c\xe6\x88\x90\xe5\x8a\x9f\"");
	add(&text, ",\"deviceId\":\"%s\",\"time\":%ld}", device->id, (long)time(NULL));
	return text.length < size ? text.length : 0;
}
