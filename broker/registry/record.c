/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* record.c - check a device's members; pack and unpack them for the store */

#include "registry/record.h"

#include "crypto/siphash.h"

#include <errno.h>
#include <string.h>

static bool printable(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

static bool id_well_formed(const char *id, size_t length)
{
	return length >= 1 && length <= DEVICE_ID_MAX && printable(id, length) &&
	       !memchr(id, '"', length) && !memchr(id, '\\', length);
}

/* Length of the UTF-8 sequence at @text that is a printable character, 0 if it is none. */
static size_t utf8_printable(const unsigned char *text, size_t length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char first = text[0];
	uint32_t code;
	size_t bytes;

	if (first < 0x80)
		return first >= 0x20 && first != 0x7f;
	bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || bytes > length)
		return 0;
	code = first & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	/* overlong; C1 controls; line and paragraph separator; surrogates; beyond Unicode */
	if (code < least[bytes] || code < 0xa0 || code == 0x2028 || code == 0x2029 ||
		(code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		return 0;
	return bytes;
}

static bool utf8_well_formed(const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		const size_t bytes = utf8_printable((const unsigned char *)text + i, length - i);

		if (bytes == 0)
			return false;
		i += bytes;
	}
	return true;
}

const char *device_record_check(const struct device_record *record)
{
	const size_t id = strnlen(record->id, sizeof(record->id));
	const size_t bind = strnlen(record->bind_password, sizeof(record->bind_password));
	const size_t model = strnlen(record->model, sizeof(record->model));
	const size_t gateway = strnlen(record->gateway, sizeof(record->gateway));

	if (!id_well_formed(record->id, id))
		return "the device id must be 1 to 64 printable ASCII characters without \" and \\";
	if (!printable(record->pin, DEVICE_PIN_BYTES))
		return "the PIN must be 32 printable ASCII characters";
	if (bind != 0 && (bind != DEVICE_BIND_BYTES || !printable(record->bind_password, bind)))
		return "the bind password must be empty or 8 printable ASCII characters";
	if (model > DEVICE_MODEL_MAX || !utf8_well_formed(record->model, model))
		return "the model must be printable UTF-8 of up to 64 bytes";
	if (gateway != 0 && !id_well_formed(record->gateway, gateway))
		return "the gateway must be empty or the id of a device";
	if (gateway != 0 && strcmp(record->id, record->gateway) == 0)
		return "a device cannot be its own gateway";
	return NULL;
}

/* Tells damage, not malice: whoever can write the file can write this too. */
static uint32_t record_checksum(
	const void *id, size_t id_length, const uint8_t *packed, size_t length)
{
	struct siphash_key key = {0x6465766963650000ull, 0};

	key.k1 = siphash(&key, id, id_length);
	return (uint32_t)siphash(&key, packed + sizeof(uint32_t), length - sizeof(uint32_t));
}

static uint8_t *put(uint8_t *out, const void *bytes, size_t length)
{
	memcpy(out, bytes, length);
	return out + length;
}

size_t record_pack(const struct device_record *record, uint8_t packed[RECORD_PACKED_MAX])
{
	const uint8_t model = (uint8_t)strlen(record->model);
	const uint8_t gateway = (uint8_t)strlen(record->gateway);
	uint8_t *out = packed + sizeof(uint32_t);
	uint32_t checksum;
	size_t length;

	out = put(out, &record->number, sizeof(record->number));
	out = put(out, &record->serial, sizeof(record->serial));
	out = put(out, record->pin, DEVICE_PIN_BYTES);
	out = put(out, record->bind_password, DEVICE_BIND_BYTES);
	out = put(out, &model, 1);
	out = put(out, &gateway, 1);
	out = put(out, record->model, model);
	out = put(out, record->gateway, gateway);
	length = (size_t)(out - packed);
	checksum = record_checksum(record->id, strlen(record->id), packed, length);
	memcpy(packed, &checksum, sizeof(checksum));
	return length;
}

int record_unpack(struct device_record *record, const void *id, size_t id_length,
	const void *packed, size_t length)
{
	const size_t fixed = RECORD_PACKED_MAX - DEVICE_MODEL_MAX - DEVICE_ID_MAX;
	const uint8_t *in = packed;
	uint32_t checksum;
	size_t model, gateway;

	memset(record, 0, sizeof(*record));
	if (id_length == 0 || id_length > DEVICE_ID_MAX || length < fixed)
		return -EIO;
	memcpy(&checksum, in, sizeof(checksum));
	if (checksum != record_checksum(id, id_length, in, length))
		return -EIO;
	memcpy(record->id, id, id_length);
	memcpy(&record->number, in + 4, sizeof(record->number));
	memcpy(&record->serial, in + 8, sizeof(record->serial));
	memcpy(record->pin, in + 12, DEVICE_PIN_BYTES);
	memcpy(record->bind_password, in + 12 + DEVICE_PIN_BYTES, DEVICE_BIND_BYTES);
	model = in[fixed - 2];
	gateway = in[fixed - 1];
	if (model > DEVICE_MODEL_MAX || gateway > DEVICE_ID_MAX ||
		length != fixed + model + gateway)
		return -EIO;
	memcpy(record->model, in + fixed, model);
	memcpy(record->gateway, in + fixed + model, gateway);
	return device_record_check(record) ? -EIO : 0;
}
