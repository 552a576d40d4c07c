/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_api.c - /api/v1: the broker's documents as they are */
#include "http/http_private.h"

#include <stdlib.h>
#include <string.h>

#define SESSIONS_DEFAULT 100

/* One member of the status document; @key NULL: all of it. */
static enum MHD_Result member(struct http_request *request, const char *key)
{
	json_t *refusal;
	const json_t *status = http_status(request, &refusal);

	if (!status)
		return http_refused(request, refusal);
	if (!key)
		return http_send_json(request, MHD_HTTP_OK, json_incref((json_t *)status));
	return http_send_json(request, MHD_HTTP_OK,
		json_pack("{s:b, s:O*}", "ok", 1, key, json_object_get(status, key)));
}

static enum MHD_Result drops(struct http_request *request)
{
	json_t *refusal;
	const json_t *status = http_status(request, &refusal);

	if (!status)
		return http_refused(request, refusal);
	return http_send_json(request, MHD_HTTP_OK,
		json_pack("{s:b, s:o}", "ok", 1, "drops", http_drops(status)));
}

/* A verb's answer, or its refusal. */
static enum MHD_Result answer(struct http_request *request, json_t *verb)
{
	json_t *json;

	if (!verb) /* what is no UTF-8 cannot be asked */
		return http_error(
			request, MHD_HTTP_NOT_FOUND, "look at /api/v1/sessions", "no such device");
	json = http_ask(request, verb);
	if (!json_is_true(json_object_get(json, "ok")))
		return http_refused(request, json);
	return http_send_json(request, MHD_HTTP_OK, json);
}

static enum MHD_Result sessions(struct http_request *request)
{
	const char *limit = http_query(request, "limit"), *after = http_query(request, "after");
	long count = SESSIONS_DEFAULT;
	char *end;

	if (limit) {
		count = strtol(limit, &end, 10);
		if (*end || !*limit || count < 1)
			return http_error(request, MHD_HTTP_BAD_REQUEST,
				"leave it out, or ask for 1 to 1000", "limit is no number");
	}
	return answer(request,
		after ? json_pack("{s:s, s:I, s:s}", "verb", "sessions", "limit", (json_int_t)count,
				"after", after)
		      : json_pack("{s:s, s:I}", "verb", "sessions", "limit", (json_int_t)count));
}

enum MHD_Result http_api_kick(struct http_request *request, const char *id)
{
	if (!http_may_act(request, NULL))
		return MHD_YES;
	return answer(request, json_pack("{s:s, s:s}", "verb", "kick", "id", id));
}

enum MHD_Result http_api(struct http_request *request, const char *path)
{
	static const char *const members[] = {"workers", "ports", "problems"};
	const char *slash;
	char id[256];

	if (!strcmp(request->method, "POST")) {
		slash = strrchr(path, '/');
		if (strncmp(path, "session/", 8) || !slash || strcmp(slash, "/kick") ||
			slash - path <= 8 || (size_t)(slash - path) - 8 >= sizeof(id))
			return http_error(request, MHD_HTTP_METHOD_NOT_ALLOWED,
				"POST /api/v1/session/ID/kick", "nothing can be changed here");
		memcpy(id, path + 8, (size_t)(slash - path) - 8);
		id[slash - path - 8] = '\0';
		return http_api_kick(request, id);
	}
	if (!strcmp(path, "status"))
		return member(request, NULL);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (!strcmp(path, members[i]))
			return member(request, members[i]);
	}
	if (!strcmp(path, "drops"))
		return drops(request);
	if (!strcmp(path, "sessions"))
		return sessions(request);
	if (!strncmp(path, "session/", 8) && path[8])
		return answer(request, json_pack("{s:s, s:s}", "verb", "session", "id", path + 8));
	return http_error(request, MHD_HTTP_NOT_FOUND,
		"there are status, workers, ports, drops, problems, sessions, session/ID",
		"there is nothing here");
}

/* ---- drops ---- */

static json_int_t count_of(const json_t *row)
{
	return json_integer_value(json_object_get(row, "count"));
}

/* The most frequent first, then by name. */
static int by_count(const void *left, const void *right)
{
	const json_t *a = *(json_t *const *)left, *b = *(json_t *const *)right;

	if (count_of(a) != count_of(b))
		return count_of(a) < count_of(b) ? 1 : -1;
	return strcmp(json_string_value(json_object_get(a, "name")),
		json_string_value(json_object_get(b, "name")));
}

json_t *http_drops(const json_t *status)
{
	json_t *found = json_array(), *sorted = json_array(), *counters, *value, **rows;
	const json_t *help = json_object_get(status, "help");
	const char *layer, *name;
	size_t count;

	json_object_foreach(json_object_get(status, "drops"), layer, counters)
	{
		json_object_foreach(counters, name, value) json_array_append_new(
			found, json_pack("{s:s, s:s, s:O, s:O?}", "layer", layer, "name", name,
				       "count", value, "help",
				       json_object_get(json_object_get(help, layer), name)));
	}
	count = json_array_size(found);
	rows = calloc(count + 1, sizeof(json_t *));
	for (size_t i = 0; rows && i < count; i++)
		rows[i] = json_array_get(found, i);
	if (rows)
		qsort(rows, count, sizeof(json_t *), by_count);
	for (size_t i = 0; rows && i < count; i++)
		json_array_append(sorted, rows[i]);
	free(rows);
	json_decref(found);
	return sorted;
}
