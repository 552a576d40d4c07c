/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* record.h - a device as it lies in the store */
#pragma once

#include "registry/registry.h"

/* checksum, number, serial, PIN, bind password, two lengths, two texts */
#define RECORD_PACKED_MAX                                                                          \
	(3 * 4 + DEVICE_PIN_BYTES + DEVICE_BIND_BYTES + 2 + DEVICE_MODEL_MAX + DEVICE_ID_MAX)

/** record_pack() - write a checked record (without its id). Return: bytes. */
size_t record_pack(const struct device_record *record, uint8_t packed[RECORD_PACKED_MAX]);

/** record_unpack() - read it back. Return: 0; -EIO if record_pack() did not write it for @id. */
int record_unpack(struct device_record *record, const void *id, size_t id_length,
	const void *packed, size_t length);
