/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_beside_jansson.h - the scanner under other names, and jansson */
#pragma once

#include <stdint.h>

/* Both libraries name the kinds of values alike; ours go by another name where both are used. */
#define JSON_OBJECT SCAN_OBJECT
#define JSON_ARRAY SCAN_ARRAY
#define JSON_STRING SCAN_STRING
#define JSON_NUMBER SCAN_NUMBER
#define JSON_TRUE SCAN_TRUE
#define JSON_FALSE SCAN_FALSE
#define JSON_NULL SCAN_NULL
#define json_string scan_string

#include "codec/json.h"

#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_NUMBER
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#undef json_string

#include <jansson.h>
