/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* payload.h - the report that every peer gets: the same JSON that Hearth's devices encrypt */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_LEAST 192
#define PAYLOAD_MOST 8192
#define DEVICE_ID_DIGITS 24

/** payload_init() - reports are @bytes long, PAYLOAD_LEAST..PAYLOAD_MOST; once per process. */
void payload_init(size_t bytes);

/** payload_bytes() - the length of every report. */
size_t payload_bytes(void);

/** payload_id() - DEVICE_ID_DIGITS digits, not terminated. */
void payload_id(uint8_t *out, uint32_t device);

/** payload_write() - the @number-th report of @device, payload_bytes() long. */
void payload_write(uint8_t *out, uint32_t device, uint32_t number);

/**
 * payload_read() - whose report it is and which one
 *
 * Return: whether every byte is what payload_write() would have written.
 */
bool payload_read(const uint8_t *bytes, size_t length, uint32_t *device, uint32_t *number);
