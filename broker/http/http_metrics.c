/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_metrics.c - /metrics: the status document for Prometheus and its like */
#include "http/http_private.h"
#include "http/metrics.h"

enum MHD_Result http_metrics(struct http_request *request)
{
	const char *accept = MHD_lookup_connection_value(
		request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	enum metrics_format format = metrics_format_of(accept);
	json_t *refusal;
	const json_t *status = http_status(request, &refusal);
	size_t length;
	char *text;

	if (!status)
		return http_refused(request, refusal);
	text = metrics_text_in(status, format, &length);
	if (!text)
		return MHD_NO;
	return http_send(request, MHD_HTTP_OK, metrics_content_type(format), text, length);
}
