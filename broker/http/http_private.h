/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_private.h - between the files that make up the HTTP server */
#pragma once

#include "control/control_ask.h"
#include "http/http.h"
#include "http/http_guard.h"

#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

/** Connections at once, of all and of one address; the one that has waited longest gives way. */
#define HTTP_CONNECTIONS_MAX 128
#define HTTP_CONNECTIONS_OF_ONE 64
/** Bytes of a request's line and headers together, of its body. */
#define HTTP_HEAD_MAX 16384
#define HTTP_BODY_MAX 4096
/** Seconds until a request's head and body must be there, until its answer must be taken. */
#define HTTP_REQUEST_SECONDS 10
#define HTTP_ANSWER_SECONDS 30
/** Milliseconds that the control thread has for an answer. */
#define HTTP_ASK_MS 2000

/**
 * struct http_connection
 * @socket: -1 if the slot is free
 * @since_ms: accepted, or its last request answered, or (busy) that one's head complete
 */
struct http_connection {
	int socket;
	struct ip_address address;
	uint64_t since_ms;
	bool busy;
};

/**
 * struct http
 * @lock: of @token and @actions, which a reload changes
 * @status, @status_ms: the document that everybody is shown for a second, and when it was made
 * @history, @history_ms: likewise
 * @silent_until_ms: the control thread did not answer; nobody is made to wait for it until then
 */
struct http {
	int listener, epoll, stop_event;
	struct ip_address address;
	uint16_t port;
	char host_name[256];
	bool needs_token; /* for everything: others than this machine can reach it */
	pthread_mutex_t lock;
	char token[HTTP_TOKEN_MAX + 1];
	bool has_token, actions;
	enum http_state state;
	struct control *control;
	struct MHD_Daemon *daemon;
	pthread_t thread;
	bool running, stop;
	json_t *status, *history;
	uint64_t status_ms, history_ms, silent_until_ms;
	struct http_connection connections[HTTP_CONNECTIONS_MAX];
};

/**
 * struct http_request - one request while it is being answered
 * @body: what came, NUL-terminated; @too_large: more came than it takes
 */
struct http_request {
	struct http *http;
	struct MHD_Connection *connection;
	const char *path;
	char method[8];
	char *body;
	size_t body_used;
	bool too_large, answered;
};

/* ---- the server (http_server.c) ---- */

uint64_t http_clock_ms(void);

/** http_connection_of() - the slot of a connection, NULL if it has none */
struct http_connection *http_connection_of(struct http *http, struct MHD_Connection *connection);

/* ---- answers (http_answer.c) ---- */

/** http_send() - answer with bytes, malloc'ed and taken. @type: Content-Type */
enum MHD_Result http_send(struct http_request *request, unsigned status, const char *type,
	char *bytes, size_t length);

/** http_send_static() - answer with bytes that stay. */
enum MHD_Result http_send_static(
	struct http_request *request, const char *type, const void *bytes, size_t length);

/** http_send_json() - answer with a document, which is taken; NULL: no memory. */
enum MHD_Result http_send_json(struct http_request *request, unsigned status, json_t *json);

/** http_error() - {"error", "remedy"} */
enum MHD_Result http_error(struct http_request *request, unsigned status, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/** http_redirect() - 303 to a place of ours */
enum MHD_Result http_redirect(struct http_request *request, const char *place);

/* ---- what is asked of the broker (http_ask.c) ---- */

/** http_ask() - the control thread's answer to @verb, which is taken; a refusal while there is
 * none. The caller's. */
json_t *http_ask(struct http_request *request, json_t *verb);

/** http_status() - the document of figures, a second old at most; borrowed until the next call.
 * NULL: there is none, and *@refusal, the caller's, says why. */
const json_t *http_status(struct http_request *request, json_t **refusal);

/** http_history() - answer of the verb history, a second old at most; the caller's. NULL: none */
json_t *http_history(struct http_request *request);

/** http_status_code() - of a refusal's kind */
unsigned http_status_code(const json_t *refusal);

/** http_refused() - answer with a refusal, which is taken */
enum MHD_Result http_refused(struct http_request *request, json_t *refusal);

/** http_may_act() - may this request change something? Else it has been answered. @form_token: as a
 * form carried it, NULL if none did */
bool http_may_act(struct http_request *request, const char *form_token);

/** http_query() - a parameter of the request's address, NULL: not given */
const char *http_query(const struct http_request *request, const char *key);

/* ---- routes (http_route.c, http_api.c) ---- */

enum MHD_Result http_route(struct http_request *request);
enum MHD_Result http_api(struct http_request *request, const char *path);
enum MHD_Result http_metrics(struct http_request *request);
enum MHD_Result http_api_kick(struct http_request *request, const char *id);

/** http_drops() - [{"layer", "name", "count", "help"}], the most frequent first */
json_t *http_drops(const json_t *status);
