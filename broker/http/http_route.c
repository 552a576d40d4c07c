/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_route.c - who may ask for what, and where it is answered */
#include "http/page.h"

#include <string.h>

static const char *header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool is(const struct http_request *request, const char *path)
{
	return !strcmp(request->path, path);
}

/* The token that a request shows in its headers. A browser sends Basic by itself, also with what
 * another site made it send: that is good for looking only. */
static bool shows_token(struct http_request *request, bool basic, const char *form_token)
{
	const char *own = header(request, "X-Hearth-Token");
	char shown[HTTP_TOKEN_MAX + 1] = "";
	struct http *http = request->http;
	bool good;

	if (form_token || own) {
		own = form_token ? form_token : own;
		if (strlen(own) > HTTP_TOKEN_MAX)
			return false;
		strcpy(shown, own);
	} else if (!guard_authorization(header(request, "Authorization"), basic, shown)) {
		return false;
	}
	pthread_mutex_lock(&http->lock);
	good = http->has_token && guard_token(shown, http->token);
	pthread_mutex_unlock(&http->lock);
	explicit_bzero(shown, sizeof(shown));
	return good;
}

bool http_may_act(struct http_request *request, const char *form_token)
{
	struct http *http = request->http;
	bool has_token, actions;

	pthread_mutex_lock(&http->lock);
	has_token = http->has_token;
	actions = http->actions;
	pthread_mutex_unlock(&http->lock);
	if (!guard_origin(header(request, "Origin"), header(request, "Sec-Fetch-Site"),
		    header(request, "Host")))
		http_error(request, MHD_HTTP_FORBIDDEN, "use the page of this broker itself",
			"another site's page asked for this change");
	else if (!actions)
		http_error(request, MHD_HTTP_FORBIDDEN,
			"use hearthctl, or set http.actions to true and reload",
			"changes over HTTP are switched off");
	else if (!has_token)
		http_error(request, MHD_HTTP_FORBIDDEN,
			"use hearthctl, or name a http.token_file and reload",
			"changes over HTTP need a token, and none is configured");
	else if (!shows_token(request, false, form_token))
		http_error(request, MHD_HTTP_UNAUTHORIZED,
			"send the content of http.token_file as X-Hearth-Token: T or "
			"Authorization: Bearer T",
			"the token is missing or wrong");
	else
		return true;
	return false;
}

static enum MHD_Result text(struct http_request *request, unsigned status, const char *line)
{
	char *copy = strdup(line);

	return copy ? http_send(request, status, "text/plain; charset=utf-8", copy, strlen(copy))
		    : MHD_NO;
}

static enum MHD_Result ready(struct http_request *request)
{
	switch (__atomic_load_n(&request->http->state, __ATOMIC_ACQUIRE)) {
	case HTTP_READY:
		return text(request, MHD_HTTP_OK, "ready\n");
	case HTTP_STARTING:
		return text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "starting\n");
	case HTTP_DRAINING:
		return text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "draining\n");
	case HTTP_ENDING:
		break;
	}
	return text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "ending\n");
}

enum MHD_Result http_route(struct http_request *request)
{
	struct http *http = request->http;
	bool post = !strcmp(request->method, "POST");
	enum MHD_Result rc;

	if (!guard_host(header(request, "Host"), &http->address, http->port, http->host_name))
		return http_error(request, MHD_HTTP_MISDIRECTED_REQUEST,
			"use the address of http.listen, or localhost",
			"this server is not known by that name");
	if (!post && strcmp(request->method, "GET") && strcmp(request->method, "HEAD"))
		return http_error(request, MHD_HTTP_METHOD_NOT_ALLOWED, "use GET",
			"that method is not served");
	if (!post && is(request, "/healthz"))
		return text(request, MHD_HTTP_OK, "alive\n");
	if (!post && is(request, "/readyz"))
		return ready(request);
	if (!post && http->needs_token && !shows_token(request, true, NULL))
		return http_error(request, MHD_HTTP_UNAUTHORIZED,
			"send the content of http.token_file as Authorization: Bearer T",
			"the token is missing or wrong");
	if (!strncmp(request->path, "/api/v1/", 8))
		return http_api(request, request->path + 8);
	if (!post && is(request, "/metrics"))
		return http_metrics(request);
	if (post && is(request, "/device/kick"))
		return page_kick(request);
	if (!post && page_serve(request, &rc))
		return rc;
	return http_error(request, post ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
		"see /, /api/v1/status, /metrics, /healthz, /readyz", "there is nothing here");
}
