/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of records and headers */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** feed_crc32c() - CRC-32C of @length bytes; by SSE4.2's instruction and AVX-512 where the CPU
 * has them. */
uint32_t feed_crc32c(const void *data, size_t length);

/** feed_crc32c_plain() - the same without special instructions. */
uint32_t feed_crc32c_plain(const void *data, size_t length);
