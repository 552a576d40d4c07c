/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* payload.c - the report that every peer gets: the same JSON that Hearth's devices encrypt */
#include "payload.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS 10
#define HEAD "{\"sequence\":\""
#define MIDDLE "\",\"deviceId\":\""
#define REST                                                                                       \
	"\",\"time\":1700000000,\"statusSerials\":[{\"serialId\":\"1\",\"statusSerial\":[{"        \
	"\"statusName\":\"FILL\",\"curStatusValue\":\""
#define TAIL "\"}]}]}"
#define NUMBER_AT (sizeof(HEAD) - 1)
#define ID_AT (NUMBER_AT + NUMBER_DIGITS + sizeof(MIDDLE) - 1)
#define AFTER_ID (ID_AT + DEVICE_ID_DIGITS)

_Static_assert(AFTER_ID + sizeof(REST) + sizeof(TAIL) <= PAYLOAD_LEAST, "room for the fill");

static struct {
	size_t bytes;
	uint8_t text[PAYLOAD_MOST];
} template;

void payload_init(size_t bytes)
{
	size_t start = AFTER_ID + sizeof(REST) - 1, end = bytes - (sizeof(TAIL) - 1);

	template.bytes = bytes;
	memset(template.text, 'x', bytes);
	memcpy(template.text, HEAD, NUMBER_AT);
	memcpy(template.text + NUMBER_AT + NUMBER_DIGITS, MIDDLE, sizeof(MIDDLE) - 1);
	memcpy(template.text + AFTER_ID, REST, sizeof(REST) - 1);
	memset(template.text + start, 'x', end - start);
	memcpy(template.text + end, TAIL, sizeof(TAIL) - 1);
}

size_t payload_bytes(void)
{
	return template.bytes;
}

static void put_digits(uint8_t *out, unsigned digits, uint32_t value)
{
	while (digits--) {
		out[digits] = (uint8_t)('0' + value % 10);
		value /= 10;
	}
}

/* Return: whether all are digits and the value fits 32 bits. */
static bool get_digits(const uint8_t *bytes, unsigned digits, uint32_t *value)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (bytes[i] < '0' || bytes[i] > '9' || sum > UINT32_MAX)
			return false;
		sum = sum * 10 + (uint64_t)(bytes[i] - '0');
	}
	*value = (uint32_t)sum;
	return sum <= UINT32_MAX;
}

void payload_id(uint8_t *out, uint32_t device)
{
	put_digits(out, DEVICE_ID_DIGITS, device);
}

void payload_write(uint8_t *out, uint32_t device, uint32_t number)
{
	memcpy(out, template.text, template.bytes);
	put_digits(out + NUMBER_AT, NUMBER_DIGITS, number);
	put_digits(out + ID_AT, DEVICE_ID_DIGITS, device);
}

bool payload_read(const uint8_t *bytes, size_t length, uint32_t *device, uint32_t *number)
{
	const size_t middle = NUMBER_AT + NUMBER_DIGITS;

	return length == template.bytes && memcmp(bytes, template.text, NUMBER_AT) == 0 &&
	       memcmp(bytes + middle, template.text + middle, ID_AT - middle) == 0 &&
	       memcmp(bytes + AFTER_ID, template.text + AFTER_ID, length - AFTER_ID) == 0 &&
	       get_digits(bytes + NUMBER_AT, NUMBER_DIGITS, number) &&
	       get_digits(bytes + ID_AT, DEVICE_ID_DIGITS, device);
}
