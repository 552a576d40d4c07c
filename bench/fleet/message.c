/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* message.c - what devices say, in the text's form and in public firmware's (section 5.4) */
#include "side.h"

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

static const char *version_of(const struct device *device)
{
	bool own = device->side && device->side->version[0];

	return own ? device->side->version : "001.002.003.004";
}

/* Audio that is none: the platform hands it on unseen. */
static void add_recording(struct text *text, const struct device *device)
{
	const struct series *series = &device->side->series;

	add(text, "\"ctrlParam\":{\"format\":\"amr\",\"rate\":8000,");
	if (series->sn)
		add(text, "\"voiceId\":\"%s-%llu\",\"sn\":%u,\"isLast\":\"%u\",", device->id,
			(unsigned long long)series->id, series->sn, series->sn == series->segments);
	add(text, "\"audioData\":\"IyFBTVIKPJH/\"}");
}

static void add_body(struct text *text, struct fleet *fleet, struct device *device, unsigned code,
	uint64_t number, const struct device *subdevice, long now)
{
	const struct device *subject = subdevice ? subdevice : device;

	switch (code) {
	case 1002:
		add(text, ",\"deviceId\":\"%s\",\"version\":\"001.000.000.000\"", device->id);
		return;
	case 1004:
		add(text, ",\"token\":\"%s\",\"devVersion\":\"%s\",\"model\":\"HT-AC-01\"",
			device->token, version_of(device));
		return;
	case 1000:
		add(text, ",\"token\":\"%s\"", device->token);
		return;
	case 2012:
	case 2016:
	case 2018:
	case 2020:
		add(text, ",\"deviceId\":\"%s\",\"subDeviceId\":\"%s\"", device->id, subdevice->id);
		if (code == 2012)
			add(text, ",\"pin\":\"%s\"", subdevice->pin);
		else if (code == 2020)
			add(text, ",\"onLine\":\"1\"");
		return;
	}
	add(text, ",\"deviceId\":\"%s\",", subject->id);
	switch (code) {
	case 2006:
		/* The second part of a full report is its resources. */
		if (subject == device && device->step == 2)
			add_resources(text, fleet, number);
		else
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
		add(text, "\"model\":\"HT-AC-01\",\"device\":{\"version\":\"%s\",",
			version_of(subject));
		add_value(text, fleet, "n", number);
		add(text, "}");
		break;
	case 2026:
		if (subject->side && subject->side->module[0])
			add(text, "\"type\":\"1\",\"moduleName\":\"%s\",", subject->side->module);
		/* Both members are plain values: the number stands beside them. */
		add(text, "\"status\":\"0\",\"version\":\"%s\",", version_of(subject));
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
	case 3000:
		add(text, "\"ttsParam\":{\"content\":\"\xe4\xbd\xa0\xe5\xa5\xbd\",\"format\":"
			  "\"amr\"}");
		break;
	case 3002:
		add_recording(text, device);
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
