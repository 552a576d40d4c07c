/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_fixture.h - the strict scan of bytes that end where the heap does */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/json.h"

/* Scan bytes of exactly that length on the heap: a sanitizer sees a read past either end. */
static inline int scan_exact(const void *text, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	struct json_object object;
	int result;

	assert_non_null(copy);
	memcpy(copy, text, length);
	result = json_scan(&object, copy, length);
	if (result != 0)
		assert_int_equal(object.count, 0);
	free(copy);
	return result;
}
