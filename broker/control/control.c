/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control.c - the control socket: listening, and the loop that serves its clients */

#include <urcu/urcu-qsbr.h>

#include "control/control_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A client that neither sends nor takes a byte for this long makes room for others. */
#define IDLE_US 60000000
/* When there is no room for another, the one that has been idle longest has to be so for no longer
 * than this. */
#define PRESSED_US 5000000
#define SAMPLE_US 1000000

/* The directory that the socket lies in, made if only it is missing; locked while we look at what
 * is there, so that two brokers that start at once do not remove each other's socket. */
static int lock_directory(const char *path, char *error, size_t size)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	int fd, rc;

	directory = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!directory)
		return -ENOMEM;
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		goto fail;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		goto fail;
	for (unsigned tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK || tries == 100) {
			close(fd);
			goto fail;
		}
		usleep(10000);
	}
	free(directory);
	return fd;
fail:
	rc = -errno;
	snprintf(error, size, "control socket's directory %s: %s: make it, or set control.socket",
		directory, strerror(-rc));
	free(directory);
	return rc;
}

/* Remove what a killed broker left; anything else in the way is refused. */
static int clear_path(const struct sockaddr_un *address, char *error, size_t size)
{
	struct stat there;
	int fd, rc;

	if (lstat(address->sun_path, &there) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(there.st_mode)) {
		snprintf(error, size,
			"%s is there and is no socket: remove it, or set control.socket",
			address->sun_path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: somebody listens, too busy to take us */
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	if (rc == 0 || rc == -EAGAIN) {
		snprintf(error, size,
			"another broker answers at %s: stop it, or set control.socket",
			address->sun_path);
		return -EADDRINUSE;
	}
	if (rc != -ECONNREFUSED)
		return rc;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int listen_at(struct control *control, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat made;
	int directory, rc;

	if (strlen(control->path) >= sizeof(address.sun_path)) {
		snprintf(error, size, "control.socket %s is too long for a socket's path",
			control->path);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, control->path);
	directory = lock_directory(control->path, error, size);
	if (directory < 0)
		return directory;
	rc = clear_path(&address, error, size);
	if (rc < 0)
		goto out;
	control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* fchmod before bind: the file is never there with another mode */
	if (control->listener < 0 || fchmod(control->listener, 0600) < 0 ||
		bind(control->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		lstat(control->path, &made) < 0) {
		rc = -errno;
		goto out;
	}
	control->device = made.st_dev;
	control->inode = made.st_ino;
	if (listen(control->listener, CONTROL_CLIENTS_MAX) < 0)
		rc = -errno;
out:
	if (rc < 0 && !error[0])
		snprintf(error, size,
			"control socket %s: %s: set control.socket to a place of "
			"the broker's own",
			control->path, strerror(-rc));
	close(directory);
	return rc;
}

struct control *control_open(struct broker_view *view, char *error, size_t size)
{
	struct control *control = calloc(1, sizeof(*control));
	int rc = -ENOMEM;

	error[0] = '\0';
	if (!control)
		goto fail;
	control->view = view;
	control->listener = control->answer_file = -1;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i] =
			(struct control_client){.socket = -1, .file = -1, .output_file = -1};
	control->generation =
		(struct control_generation){.number = 1, .by = "start", .when = time(NULL)};
	control->generation.waiting = json_array();
	control->path = strdup(view->config->control_socket);
	control->asks = control_asks_new();
	if (!control->path || !control->asks)
		goto fail;
	rc = listen_at(control, error, size);
	if (rc < 0)
		goto fail;
	return control;
fail:
	if (!error[0])
		snprintf(error, size, "no memory for the control socket");
	control_close(control);
	errno = -rc;
	return NULL;
}

void control_close(struct control *control)
{
	struct stat there;

	if (!control)
		return;
	if (control->asks)
		control_ask_end(control);
	control_watch_end(control);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		client_close(control, &control->clients[i]);
	if (control->listener >= 0)
		close(control->listener);
	if (control->inode && lstat(control->path, &there) == 0 &&
		there.st_dev == control->device && there.st_ino == control->inode)
		unlink(control->path);
	json_decref(control->generation.waiting);
	history_free(control->history);
	aes_burst_free(control->aes);
	control_asks_free(control->asks);
	free(control->path);
	free(control);
}

/* It has asked for nothing that is under way. */
static bool is_idle(const struct control_client *client, uint64_t now, uint64_t since_us)
{
	return client->socket >= 0 && !client->following && !client->watches &&
	       now - client->active_us > since_us && now > client->active_us;
}

/* A free slot: an unused one, else one whose client has been idle for too long: half a line, or
 * answers that nobody reads, keep nobody out. */
static struct control_client *free_slot(struct control *control, uint64_t now)
{
	struct control_client *idle = NULL;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->socket >= 0 && now - client->active_us > IDLE_US)
			client_close(control, client);
		if (client->socket < 0)
			return client;
		if (is_idle(client, now, PRESSED_US) &&
			(!idle || client->active_us < idle->active_us))
			idle = client;
	}
	if (idle)
		client_close(control, idle);
	return idle;
}

static void accept_clients(struct control *control, uint64_t now)
{
	static const char full[] =
		"{\"ok\":false,\"why\":\"busy\","
		"\"error\":\"too many clients\",\"remedy\":\"try again when others have left\"}\n";

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct control_client *client;

		if (fd < 0)
			return;
		client = free_slot(control, now);
		if (client && client_open(client, fd, now) == 0)
			continue;
		send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
	}
}

/* Send, receive, carry out one request, send again: one round of one client. */
static void serve_client(struct control *control, struct control_client *client, uint64_t now)
{
	if (client->output)
		client_send(client, now);
	if (!client->output && !client->ended)
		client_receive(client, now);
	if (client->following && (client->used || client->ended))
		client->closing = true; /* whoever follows has nothing more to say */
	if (client_ready(client)) {
		client_serve(control, client);
		urcu_qsbr_quiescent_state();
		client_send(client, now);
	}
	if (!client->output && (client->closing || (client->ended && !client_ready(client))))
		client_close(control, client);
}

/* So soon a line is on its way to who follows, in milliseconds. */
#define FOLLOW_MS 5

/* What to wait for. Return: is there something to do without waiting? */
static bool prepare(const struct control *control, struct pollfd *polled)
{
	bool ready = false;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct control_client *client = &control->clients[i];

		polled[i] = (struct pollfd){
			.fd = client->socket, .events = client->output ? POLLOUT : POLLIN};
		ready |= client_ready(client);
	}
	polled[CONTROL_CLIENTS_MAX] = (struct pollfd){.fd = control->listener, .events = POLLIN};
	polled[CONTROL_CLIENTS_MAX + 1] =
		(struct pollfd){.fd = control_asks_event(control->asks), .events = POLLIN};
	return ready;
}

void control_serve(struct control *control, unsigned milliseconds)
{
	struct pollfd polled[CONTROL_CLIENTS_MAX + 2];
	uint64_t now = control_clock_us(), end = now + (uint64_t)milliseconds * 1000;
	bool interrupted = false;

	do {
		bool ready = prepare(control, polled);
		uint64_t until;
		int wait = 0;

		/* the first sample is taken here: control_open() may come before the workers */
		control_sample(control, now);
		control_watch(control, now);
		until = control->now.us + SAMPLE_US;
		if (until > end)
			until = end;
		if (!ready && until > now)
			wait = (int)((until - now + 999) / 1000);
		if (control->followers && wait > FOLLOW_MS)
			wait = FOLLOW_MS;
		urcu_qsbr_thread_offline();
		interrupted = poll(polled, CONTROL_CLIENTS_MAX + 2, wait) < 0;
		urcu_qsbr_thread_online();
		now = control_clock_us();
		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX && !interrupted; i++) {
			if (polled[i].fd >= 0 &&
				(polled[i].revents || client_ready(&control->clients[i])))
				serve_client(control, &control->clients[i], now);
		}
		control_follow_pump(control, now);
		control_drain_step(control);
		if (!interrupted && polled[CONTROL_CLIENTS_MAX].revents)
			accept_clients(control, now);
		if (!interrupted && polled[CONTROL_CLIENTS_MAX + 1].revents)
			control_asks_serve(control);
		urcu_qsbr_quiescent_state();
		now = control_clock_us();
	} while (now < end && !interrupted);
}
