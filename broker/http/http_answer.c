/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_answer.c - answers and the headers that all of them carry */
#include "http/http_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing from anywhere else, nothing inline, in nobody's frame, kept nowhere. "same-origin": with
 * "no-referrer" a form's Origin would be null. */
static const char *const headers[][2] = {
	{"Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cache-Control", "no-store"},
};

static enum MHD_Result queue(struct http_request *request, unsigned status, const char *type,
	struct MHD_Response *response)
{
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		MHD_add_response_header(response, headers[i][0], headers[i][1]);
	if (type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_UNAUTHORIZED)
		/* a browser asks its user for Basic, which is no good for a change */
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			strcmp(request->method, "POST")
				? "Basic realm=\"hearth (any name, the token as password)\", "
				  "charset=\"UTF-8\""
				: "Bearer realm=\"hearth\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	rc = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

enum MHD_Result http_send(
	struct http_request *request, unsigned status, const char *type, char *bytes, size_t length)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);

	if (!response)
		free(bytes);
	return queue(request, status, type, response);
}

enum MHD_Result http_send_static(
	struct http_request *request, const char *type, const void *bytes, size_t length)
{
	return queue(request, MHD_HTTP_OK, type,
		MHD_create_response_from_buffer(
			length, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
}

enum MHD_Result http_send_json(struct http_request *request, unsigned status, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

	json_decref(json);
	return text ? http_send(request, status, "application/json", text, strlen(text)) : MHD_NO;
}

enum MHD_Result http_error(
	struct http_request *request, unsigned status, const char *remedy, const char *format, ...)
{
	char error[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, sizeof(error), format, arguments);
	va_end(arguments);
	for (char *c = error; *c; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?'; /* a path may hold anything */
	}
	return http_send_json(
		request, status, json_pack("{s:s, s:s}", "error", error, "remedy", remedy));
}

enum MHD_Result http_redirect(struct http_request *request, const char *place)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, place);
	return queue(request, MHD_HTTP_SEE_OTHER, NULL, response);
}
