/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_common.c - what every verb needs, with or without a running broker */
#include "control/control_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

json_t *control_refuse(const char *remedy, const char *format, ...)
{
	char error[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, sizeof(error), format, arguments);
	va_end(arguments);
	/* a cut may have split a UTF-8 character, which JSON cannot carry */
	for (size_t i = 0; error[i]; i++) {
		if ((unsigned char)error[i] < 0x20 || (unsigned char)error[i] > 0x7e)
			error[i] = '?';
	}
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", error, "remedy", remedy);
}

json_t *control_why(const char *why, json_t *refusal)
{
	if (refusal)
		json_object_set_new(refusal, "why", json_string(why));
	return refusal;
}

json_t *control_unpack(json_t *request, const char *format, ...)
{
	va_list arguments;
	json_error_t error;
	int rc;

	va_start(arguments, format);
	rc = json_vunpack_ex(request, &error, JSON_STRICT, format, arguments);
	va_end(arguments);
	if (rc == 0)
		return NULL;
	/* jansson's words name members and kinds, never a value */
	return control_refuse(
		"send the members that the verb takes", "bad request: %s", error.text);
}

uint64_t control_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
