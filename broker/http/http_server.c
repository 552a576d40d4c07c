/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_server.c - listening, connections and their limits, the thread */
#include "http/http_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_MS 500
#define ACCEPTS_AT_ONCE 64

uint64_t http_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- listening ---- */

static socklen_t socket_address(
	const struct ip_address *address, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (ip_is_v4(address)) {
		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = ip_v4(address);
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	memcpy(&v6->sin6_addr, address, sizeof(v6->sin6_addr));
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static int listen_at(struct http *http, const struct config *config, char *error, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = socket_address(&http->address, http->port, &address);
	const int on = 1;
	int rc;

	http->listener =
		socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (http->listener < 0)
		goto fail;
	setsockopt(http->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6)
		setsockopt(http->listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(http->listener, (struct sockaddr *)&address, length) < 0 ||
		listen(http->listener, HTTP_CONNECTIONS_MAX) < 0)
		goto fail;
	return 0;
fail:
	rc = -errno;
	snprintf(error, size, "http.listen %s: %s: stop what listens there, or choose another port",
		config->http.listen, strerror(-rc));
	return rc;
}

/* Can only this machine reach it? */
static bool is_local(const struct ip_address *address)
{
	return guard_host("localhost", address, 80, NULL) &&
	       (ip_is_v4(address) ? ntohl(ip_v4(address)) >> 24 == 127
				  : address->word[0] == 0 && address->word[1] == 0 &&
					    address->word[2] == 0 && address->word[3] == htonl(1));
}

struct http *http_open(const struct config *config, char *error, size_t size)
{
	struct http *http = calloc(1, sizeof(*http));
	int rc = -ENOMEM;

	if (!http) {
		snprintf(error, size, "no memory for HTTP");
		errno = ENOMEM;
		return NULL;
	}
	pthread_mutex_init(&http->lock, NULL);
	http->listener = -1;
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		http->connections[i].socket = -1;
	http->address = config->http.address;
	http->port = config->http.port;
	http->needs_token = !is_local(&http->address);
	if (gethostname(http->host_name, sizeof(http->host_name) - 1) < 0)
		http->host_name[0] = '\0';
	http->epoll = epoll_create1(EPOLL_CLOEXEC);
	http->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (http->epoll < 0 || http->stop_event < 0) {
		rc = -errno;
		snprintf(error, size, "no descriptors for HTTP: %s", strerror(-rc));
	} else {
		rc = http_reload(http, config, error, size);
	}
	if (!rc)
		rc = listen_at(http, config, error, size);
	if (!rc)
		return http;
	http_close(http);
	errno = -rc;
	return NULL;
}

int http_reload(struct http *http, const struct config *config, char *error, size_t size)
{
	char token[HTTP_TOKEN_MAX + 1] = "";
	int rc = 0;

	if (config->http.token_file)
		rc = guard_token_read(config->http.token_file, token, error, size);
	else if (http->needs_token) {
		snprintf(error, size,
			"http.listen can be reached by others: name a http.token_file");
		rc = -EINVAL;
	}
	if (!rc) {
		pthread_mutex_lock(&http->lock);
		memcpy(http->token, token, sizeof(token));
		http->has_token = token[0] != '\0';
		http->actions = config->http.actions;
		pthread_mutex_unlock(&http->lock);
	}
	explicit_bzero(token, sizeof(token));
	return rc;
}

void http_set_state(struct http *http, enum http_state state)
{
	if (http)
		__atomic_store_n(&http->state, state, __ATOMIC_RELEASE);
}

/* ---- connections ---- */

struct http_connection *http_connection_of(struct http *http, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (unsigned i = 0; info && i < HTTP_CONNECTIONS_MAX; i++) {
		if (http->connections[i].socket == info->connect_fd)
			return &http->connections[i];
	}
	return NULL;
}

/* The library is done with it, and closes it. */
static void on_connection(void *context, struct MHD_Connection *connection, void **unused,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_connection *slot = http_connection_of(context, connection);

	if (slot && code == MHD_CONNECTION_NOTIFY_CLOSED)
		slot->socket = -1;
}

/* The one that has waited longest gives way, whose answer is under way only if all others' are. */
static void make_way(struct http *http, const struct ip_address *of)
{
	struct http_connection *oldest = NULL;

	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct http_connection *one = &http->connections[i];

		if (one->socket < 0 || (of && !ip_equal(&one->address, of)))
			continue;
		if (!oldest || one->busy < oldest->busy ||
			(one->busy == oldest->busy && one->since_ms < oldest->since_ms))
			oldest = one;
	}
	if (oldest)
		shutdown(oldest->socket, SHUT_RDWR);
	MHD_run(http->daemon); /* which closes it */
}

static struct http_connection *slot_for(struct http *http, const struct ip_address *address)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		struct http_connection *slot = NULL;
		unsigned same = 0;

		for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
			struct http_connection *one = &http->connections[i];

			if (one->socket < 0)
				slot = one;
			else
				same += ip_equal(&one->address, address);
		}
		if (slot && same < HTTP_CONNECTIONS_OF_ONE)
			return slot;
		make_way(http, slot ? address : NULL);
	}
	return NULL;
}

static struct ip_address address_of(const struct sockaddr_storage *from)
{
	struct ip_address address;

	if (from->ss_family == AF_INET)
		return ip_from_v4(((const struct sockaddr_in *)from)->sin_addr.s_addr);
	memcpy(&address, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof(address));
	return address;
}

static void accept_connections(struct http *http)
{
	for (unsigned i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		struct http_connection *slot;
		struct ip_address address;
		int fd = accept4(http->listener, (struct sockaddr *)&from, &length,
			SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* no descriptor is free: one of ours becomes it */
			if (errno == EMFILE || errno == ENFILE)
				make_way(http, NULL);
			return;
		}
		address = address_of(&from);
		slot = slot_for(http, &address);
		if (!slot) {
			close(fd);
			continue;
		}
		*slot = (struct http_connection){
			.socket = fd, .address = address, .since_ms = http_clock_ms()};
		if (MHD_add_connection(http->daemon, fd, (struct sockaddr *)&from, length) !=
			MHD_YES)
			slot->socket = -1; /* it has been closed */
	}
}

/* Bytes that come one by one keep nobody's place. */
static void end_late(struct http *http, uint64_t now)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct http_connection *one = &http->connections[i];
		uint64_t patience = one->busy ? HTTP_ANSWER_SECONDS : HTTP_REQUEST_SECONDS;

		if (one->socket >= 0 && now - one->since_ms > patience * 1000)
			shutdown(one->socket, SHUT_RDWR);
	}
}

/* ---- requests ---- */

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	struct http_connection *slot = http_connection_of(context, connection);
	struct http_request *request = *state;

	if (slot) {
		slot->busy = false;
		slot->since_ms = http_clock_ms();
	}
	if (!request)
		return;
	if (request->body)
		explicit_bzero(request->body, HTTP_BODY_MAX + 1); /* a form's token */
	free(request->body);
	free(request);
	*state = NULL;
}

static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, const char *path,
	const char *method, void **state)
{
	struct http_request *request = calloc(1, sizeof(*request));

	if (!request)
		return MHD_NO;
	request->http = http;
	request->connection = connection;
	request->path = path;
	snprintf(request->method, sizeof(request->method), "%s", method);
	*state = request;
	return MHD_YES;
}

static void take_body(struct http_request *request, const char *bytes, size_t length)
{
	if (!request->body)
		request->body = calloc(1, HTTP_BODY_MAX + 1);
	if (!request->body || length > HTTP_BODY_MAX - request->body_used) {
		request->too_large = true;
		return;
	}
	memcpy(request->body + request->body_used, bytes, length);
	request->body_used += length;
}

/* A body that says that it is large is not waited for: answered before it, the connection ends. */
static bool says_large(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length && strtoull(length, NULL, 10) > HTTP_BODY_MAX;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *body,
	size_t *body_length, void **state)
{
	struct http_connection *slot = http_connection_of(context, connection);
	struct http_request *request = *state;

	if (!request) {
		if (begin(context, connection, path, method, state) != MHD_YES)
			return MHD_NO;
		request = *state;
		request->too_large = says_large(connection);
		if (!request->too_large)
			return MHD_YES;
	} else if (*body_length) {
		take_body(request, body, *body_length);
		*body_length = 0;
		return MHD_YES;
	}
	if (slot) {
		slot->busy = true;
		slot->since_ms = http_clock_ms();
	}
	if (request->too_large)
		return http_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "send less",
			"a request's body has at most %d bytes", HTTP_BODY_MAX);
	return http_route(request);
}

/* ---- the thread ---- */

/* Milliseconds that may pass: the library may have more to do at once. */
static int patience(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;

	if (MHD_get_timeout(http->daemon, &milliseconds) != MHD_YES || milliseconds > SWEEP_MS)
		return SWEEP_MS;
	return (int)milliseconds;
}

static void *http_main(void *argument)
{
	struct http *http = argument;
	uint64_t swept = http_clock_ms();
	struct epoll_event ready[3];

	while (!__atomic_load_n(&http->stop, __ATOMIC_ACQUIRE)) {
		int count = epoll_wait(http->epoll, ready, 3, patience(http));
		uint64_t now = http_clock_ms();

		for (int i = 0; i < count; i++) {
			if (ready[i].data.fd == http->listener)
				accept_connections(http);
		}
		if (now - swept >= SWEEP_MS) {
			end_late(http, now);
			swept = now;
		}
		MHD_run(http->daemon);
	}
	return NULL;
}

static int watch(struct http *http, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int http_start(struct http *http, struct control *control, char *error, size_t size)
{
	const union MHD_DaemonInfo *info;
	sigset_t all, before;
	int rc;

	http->control = control;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
		on_request, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	info = http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		snprintf(error, size, "the HTTP library does not start");
		return -ENOMEM;
	}
	rc = watch(http, info->epoll_fd);
	if (!rc)
		rc = watch(http, http->listener);
	if (!rc)
		rc = watch(http, http->stop_event);
	if (!rc) {
		/* signals are the main thread's */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		rc = -pthread_create(&http->thread, NULL, http_main, http);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (rc) {
		snprintf(error, size, "no thread for HTTP: %s", strerror(-rc));
		return rc;
	}
	pthread_setname_np(http->thread, "hearth-http");
	http->running = true;
	return 0;
}

void http_close(struct http *http)
{
	const uint64_t one = 1;

	if (!http)
		return;
	if (http->running) {
		http_set_state(http, HTTP_ENDING);
		__atomic_store_n(&http->stop, true, __ATOMIC_RELEASE);
		(void)!write(http->stop_event, &one, sizeof(one));
		pthread_join(http->thread, NULL);
	}
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	if (http->listener >= 0)
		close(http->listener);
	if (http->epoll >= 0)
		close(http->epoll);
	if (http->stop_event >= 0)
		close(http->stop_event);
	json_decref(http->status);
	json_decref(http->history);
	explicit_bzero(http->token, sizeof(http->token));
	pthread_mutex_destroy(&http->lock);
	free(http);
}
