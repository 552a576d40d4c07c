/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_request.c - a request to a running broker, or to its registry while none runs */
#include "hearthctl.h"

#include "control/device_verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Longer answers are no broker's. */
#define ANSWER_MAX ((size_t)256 << 20)

json_t *ctl_refuse(const char *remedy, const char *format, ...)
{
	char error[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, sizeof(error), format, arguments);
	va_end(arguments);
	for (size_t i = 0; error[i]; i++) {
		if ((unsigned char)error[i] < 0x20 || (unsigned char)error[i] > 0x7e)
			error[i] = '?';
	}
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", error, "remedy", remedy);
}

static json_t *refuse_connect(const char *path, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		return ctl_refuse("--socket names another socket, --registry works on the "
				  "registry while no broker runs",
			"no broker answers at %s: is hearthd running?", path);
	if (error == EACCES || error == EPERM)
		return ctl_refuse("run hearthctl as the broker's user, or as root",
			"the socket %s is not yours to use", path);
	return ctl_refuse("--socket names another socket", "no broker answers at %s: %s", path,
		strerror(error));
}

int ctl_connect(const char *path, json_t **refusal)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		*refusal = refuse_connect(path, ENAMETOOLONG);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	*refusal = refuse_connect(path, errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The line with its descriptor. A broker that refuses early may not read it to its end. */
static void send_line(int fd, const char *line, size_t length, int file)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec from = {(char *)(uintptr_t)line, length};
	struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};
	struct cmsghdr *part = &ancillary.header;

	if (file >= 0) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = sizeof(ancillary.bytes);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(part), &file, sizeof(int));
	}
	while (from.iov_len) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		from.iov_base = (char *)from.iov_base + n;
		from.iov_len -= (size_t)n;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
}

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One line, malloc'ed, without its end; NULL if none came whole or in time. */
static char *receive_line(int fd, unsigned seconds, size_t *length)
{
	int64_t until = clock_ms() + (int64_t)seconds * 1000;
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	size_t used = 0, room = 0;
	char *line = NULL, *grown, *end;
	ssize_t n;

	for (;;) {
		int64_t left = until - clock_ms();

		if (used == room) {
			room = room ? room * 2 : 65536;
			grown = room <= ANSWER_MAX ? realloc(line, room) : NULL;
			if (!grown)
				break;
			line = grown;
		}
		if (left <= 0 || (poll(&polled, 1, (int)left) < 0 && errno != EINTR))
			break;
		n = recv(fd, line + used, room - used, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		end = memchr(line + used, '\n', (size_t)n);
		used += (size_t)n;
		if (end) {
			*length = (size_t)(end - line);
			return line;
		}
	}
	free(line);
	return NULL;
}

/* Return: false: no memory. */
static bool send_request(int fd, json_t *request, int file)
{
	char *line = json_dumps(request, JSON_COMPACT);
	size_t length;

	if (!line)
		return false;
	length = strlen(line);
	line[length] = '\n'; /* in the place of its NUL */
	send_line(fd, line, length + 1, file);
	explicit_bzero(line, length + 1);
	free(line);
	return true;
}

int ctl_send(const char *path, json_t *request, int file, json_t **refusal)
{
	int fd = ctl_connect(path, refusal);

	if (fd < 0)
		return -1;
	if (!send_request(fd, request, file)) {
		*refusal = ctl_refuse("free some memory", "no memory for the request");
		close(fd);
		return -1;
	}
	return fd;
}

static json_t *receive_answer(int fd, unsigned seconds)
{
	json_t *answer = NULL;
	size_t length;
	char *reply = receive_line(fd, seconds, &length);

	if (reply)
		answer = json_loadb(reply, length, 0, NULL);
	free(reply);
	if (json_is_object(answer) && json_is_boolean(json_object_get(answer, "ok")))
		return answer;
	json_decref(answer);
	return ctl_refuse("look at the broker's log; hearthctl and hearthd must be of one version",
		"the broker gave no answer in %u s", seconds);
}

json_t *ctl_exchange(int fd, json_t *request, unsigned seconds)
{
	if (!send_request(fd, request, -1))
		return ctl_refuse("free some memory", "no memory for the request");
	return receive_answer(fd, seconds);
}

static json_t *ask_broker(const char *path, json_t *request, int file, unsigned seconds)
{
	json_t *answer = NULL;
	int fd = ctl_send(path, request, file, &answer);

	if (fd < 0)
		return answer;
	answer = receive_answer(fd, seconds);
	close(fd);
	return answer;
}

/* Only what makes devices may make a registry. */
static bool makes_devices(const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));

	return !strcmp(verb, "device add") || !strcmp(verb, "device import");
}

static json_t *ask_registry(const char *path, json_t *request, int file)
{
	struct stat about;
	struct store *store;
	char error[256] = "";
	json_t *answer;

	if (!makes_devices(request) && stat(path, &about) < 0)
		return ctl_refuse(
			"name the directory that registry.path in the configuration names",
			"no registry at %s: %s", path, strerror(errno));
	store = store_open(path, 0, error, sizeof(error));
	if (!store)
		return ctl_refuse(errno == EBUSY ? "while a broker runs, leave --registry out and "
						   "let the broker do it (--socket)"
						 : "check the path and its owner",
			"%s", error);
	answer = device_verb(store, NULL, request, file);
	store_close(store);
	if (answer)
		return answer;
	return ctl_refuse("use --socket for this verb", "this verb needs a running broker");
}

json_t *ctl_request(const struct ctl_target *target, json_t *request, int file, unsigned seconds)
{
	json_t *answer;

	if (target->registry)
		answer = ask_registry(target->registry, request, file);
	else
		answer = ask_broker(target->socket, request, file, seconds);
	return answer ? answer : ctl_refuse("free some memory", "no memory for the answer");
}
