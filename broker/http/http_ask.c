/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_ask.c - what requests ask of the broker: through the control thread, and no oftener than it
 * bears */
#include "http/http_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* A document is shown for so long; a control thread that does not answer is let be for so long. */
#define STATUS_MS 1000
#define SILENT_MS 1000

static json_t *refusal(const char *why, const char *error, const char *remedy)
{
	return json_pack(
		"{s:b, s:s, s:s, s:s}", "ok", 0, "why", why, "error", error, "remedy", remedy);
}

static void peer_text(struct MHD_Connection *connection, char *out, size_t size)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr_in *v4;
	const struct sockaddr_in6 *v6;
	char text[INET6_ADDRSTRLEN] = "";

	out[0] = '\0';
	if (!info || !info->client_addr)
		return;
	v4 = (const struct sockaddr_in *)info->client_addr;
	v6 = (const struct sockaddr_in6 *)info->client_addr;
	if (v4->sin_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		snprintf(out, size, "%s:%u", text, ntohs(v4->sin_port));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
		snprintf(out, size, "[%s]:%u", text, ntohs(v6->sin6_port));
	}
}

json_t *http_ask(struct http_request *request, json_t *verb)
{
	struct http *http = request->http;
	enum http_state state = __atomic_load_n(&http->state, __ATOMIC_ACQUIRE);
	struct control_actor actor = {.surface = "http"};
	uint64_t began = http_clock_ms();
	json_t *answer;

	if (state == HTTP_STARTING || state == HTTP_ENDING || began < http->silent_until_ms) {
		json_decref(verb);
		return refusal("busy",
			state == HTTP_STARTING ? "the broker is starting"
			: state == HTTP_ENDING ? "the broker is ending"
					       : "the broker's control thread does not answer",
			"try again in a moment");
	}
	peer_text(request->connection, actor.who, sizeof(actor.who));
	answer = control_ask(http->control, &actor, verb, HTTP_ASK_MS);
	if (http_clock_ms() - began >= HTTP_ASK_MS)
		http->silent_until_ms = http_clock_ms() + SILENT_MS;
	return answer ? answer : refusal("busy", "out of memory", "give the machine more memory");
}

const json_t *http_status(struct http_request *request, json_t **why)
{
	struct http *http = request->http;
	uint64_t now = http_clock_ms();
	json_t *answer;

	*why = NULL;
	if (http->status && now - http->status_ms < STATUS_MS)
		return http->status;
	answer = http_ask(request, json_pack("{s:s, s:b}", "verb", "status", "help", 1));
	if (!json_is_true(json_object_get(answer, "ok"))) {
		*why = answer;
		return NULL;
	}
	json_decref(http->status);
	http->status = answer;
	http->status_ms = now;
	return answer;
}

json_t *http_history(struct http_request *request)
{
	struct http *http = request->http;
	uint64_t now = http_clock_ms();
	json_t *answer;

	if (!http->history || now - http->history_ms >= STATUS_MS) {
		answer = http_ask(
			request, json_pack("{s:s, s:i}", "verb", "history", "seconds", 900));
		json_decref(http->history);
		http->history = answer;
		http->history_ms = now;
	}
	return json_incref(http->history);
}

unsigned http_status_code(const json_t *answer)
{
	static const struct {
		const char *why;
		unsigned status;
	} kinds[] = {{"busy", MHD_HTTP_SERVICE_UNAVAILABLE}, {"unknown", MHD_HTTP_NOT_FOUND},
		{"offline", MHD_HTTP_NOT_FOUND}, {"gone", MHD_HTTP_GONE}};
	const char *why = json_string_value(json_object_get(answer, "why"));

	for (size_t i = 0; why && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(why, kinds[i].why))
			return kinds[i].status;
	}
	return MHD_HTTP_BAD_REQUEST;
}

enum MHD_Result http_refused(struct http_request *request, json_t *answer)
{
	unsigned status = http_status_code(answer);

	json_object_del(answer, "ok");
	json_object_del(answer, "why");
	return http_send_json(request, status, answer);
}

const char *http_query(const struct http_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}
