/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* call.c - one request on the broker's control socket: a line of JSON each way */
#include "hearth_commands.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000
/* Descriptors that may come at once; one is expected, others are closed. */
#define FILES_MAX 8

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int connect_to(const char *path, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		feed_error(error, size, "%s: too long for a socket's path", path);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		rc = -errno;
		feed_error(error, size, "%s: %s", path, strerror(-rc));
		return rc;
	}
	/* connect() waits while the broker has too many to accept: it goes by this one */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	feed_error(error, size, "%s: %s%s", path, strerror(-rc),
		rc == -ENOENT || rc == -ECONNREFUSED ? ": is a broker running?" : "");
	close(fd);
	return rc;
}

static int send_all(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t put = send(fd, text, length, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		text += put;
		length -= (size_t)put;
	}
	return 0;
}

/* Keep the last descriptor that came, close all others. */
static void take_files(struct call_answer *answer, struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
		part = CMSG_NXTHDR(message, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (answer->fd >= 0)
				close(answer->fd);
			memcpy(&answer->fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
		}
	}
}

/* Until the line's end has come. */
static int receive_line(int fd, struct call_answer *answer)
{
	int64_t until = clock_ms() + PATIENCE_MS, left;

	while (answer->length < sizeof(answer->line)) {
		union {
			struct cmsghdr header; /* for its alignment */
			char bytes[CMSG_SPACE(FILES_MAX * sizeof(int))];
		} ancillary;
		char *end, *to = answer->line + answer->length;
		struct iovec room = {to, sizeof(answer->line) - answer->length};
		struct msghdr message = {.msg_iov = &room,
			.msg_iovlen = 1,
			.msg_control = ancillary.bytes,
			.msg_controllen = sizeof(ancillary.bytes)};
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		ssize_t got;

		left = until - clock_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&readable, 1, (int)left) <= 0)
			continue;
		got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ECONNRESET;
		take_files(answer, &message);
		end = memchr(to, '\n', (size_t)got);
		answer->length += end ? (size_t)(end - to) : (size_t)got;
		if (end)
			return 0;
	}
	return -EPROTO;
}

/* ---- what it says ---- */

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

/* Past the string that begins at @at; NULL if there is none. */
static const char *skip_string(const char *at, const char *end)
{
	if (at == end || *at != '"')
		return NULL;
	for (at++; at < end; at++) {
		if (*at == '"')
			return at + 1;
		if (*at == '\\' && ++at == end)
			break;
	}
	return NULL;
}

/* Past the value that begins at @at, to the ',' or '}' behind it; NULL if there is none. */
static const char *skip_value(const char *at, const char *end)
{
	unsigned depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = skip_string(at, end);
			if (!at)
				return NULL;
			continue;
		}
		if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
			return at;
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	}
	return NULL;
}

/* A first-level member's value, white space behind it included. */
static bool find(const struct call_answer *answer, const char *name, const char **value,
	const char **value_end)
{
	const char *end = answer->line + answer->length;
	const char *at = skip_space(answer->line, end);
	size_t length = strlen(name);

	if (at == end || *at != '{')
		return false;
	do {
		const char *key = skip_space(at + 1, end);
		const char *key_end = skip_string(key, end);

		at = key_end ? skip_space(key_end, end) : end;
		if (at == end || *at != ':')
			return false;
		*value = skip_space(at + 1, end);
		*value_end = at = skip_value(*value, end);
		if (!at)
			return false;
		if ((size_t)(key_end - key) == length + 2 && !memcmp(key + 1, name, length))
			return true;
	} while (*at == ',');
	return false;
}

static bool is_true(const struct call_answer *answer, const char *name)
{
	const char *value, *end;

	return find(answer, name, &value, &end) && end - value >= 4 && !memcmp(value, "true", 4);
}

/* Four hexadecimal digits; -1 if there are none. */
static int hex4(const char *at, const char *end)
{
	int value = 0;

	if (end - at < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* The character of an escape in UTF-8; @at: behind the backslash, moved past it. Return: bytes, 0
 * if it is none that a broker's answer has (it writes characters beyond U+001F as they are). */
static size_t resolve(const char **at, const char *end, char out[3])
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *letter = *at < end && **at ? strchr(plain, **at) : NULL;
	int code;

	if (letter) {
		++*at;
		out[0] = means[letter - plain];
		return 1;
	}
	if (*at == end || **at != 'u')
		return 0;
	code = hex4(*at + 1, end);
	if (code <= 0 || (code >= 0xd800 && code < 0xe000))
		return 0;
	*at += 5;
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | code >> 12);
	out[1] = (char)(0x80 | (code >> 6 & 0x3f));
	out[2] = (char)(0x80 | (code & 0x3f));
	return 3;
}

bool call_text(const struct call_answer *answer, const char *name, char *out, size_t size)
{
	const char *at, *end;
	size_t used = 0;

	if (!find(answer, name, &at, &end) || *at != '"')
		return false;
	for (at++; at < end && *at != '"';) {
		char bytes[3] = {*at++};
		size_t count = bytes[0] == '\\' ? resolve(&at, end, bytes) : 1;

		if (count == 0 || bytes[0] == '\0' || used + count >= size)
			return false;
		memcpy(out + used, bytes, count);
		used += count;
	}
	if (used >= size)
		return false;
	out[used] = '\0';
	return at < end;
}

bool call_number(const struct call_answer *answer, const char *name, uint64_t *value)
{
	const char *at, *end;

	if (!find(answer, name, &at, &end) || at == end || *at < '0' || *at > '9')
		return false;
	for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++) {
		*value = *value * 10 + (uint64_t)(*at - '0');
		if (*value > COMMAND_REQUEST_LIMIT)
			return false;
	}
	return skip_space(at, end) == end;
}

bool call_quote(const char *text, char *out, size_t size)
{
	size_t length = strlen(text);

	if (length + 3 > size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\')
			return false;
	}
	out[0] = '"';
	memcpy(out + 1, text, length);
	memcpy(out + 1 + length, "\"", 2);
	return true;
}

/* ---- the whole ---- */

/* A refusal: the broker's words, and what they mean for a program. */
static int refused(const struct call_answer *answer, const char *path, char *error, size_t size)
{
	static const struct {
		const char *why;
		int rc;
	} meanings[] = {{"busy", -EBUSY}, {"no-device", -ENOENT}, {"malformed", -EINVAL}};
	char text[1024], remedy[512], why[32];

	if (!call_text(answer, "error", text, sizeof(text))) {
		feed_error(error, size, "%s: what answers there is no broker", path);
		return -EPROTO;
	}
	if (!call_text(answer, "remedy", remedy, sizeof(remedy)))
		remedy[0] = '\0';
	feed_error(error, size, "%s%s%s", text, remedy[0] ? ": " : "", remedy);
	if (!call_text(answer, "why", why, sizeof(why)))
		return -EREMOTEIO;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (!strcmp(why, meanings[i].why))
			return meanings[i].rc;
	}
	return -EREMOTEIO;
}

int call_broker(const char *socket_path, const char *request, struct call_answer *answer,
	char *error, size_t size)
{
	int fd, rc;

	feed_error(error, size, "%s", "");
	answer->fd = -1;
	answer->length = 0;
	fd = connect_to(socket_path, error, size);
	if (fd < 0)
		return fd;
	rc = send_all(fd, request);
	/* Who refuses early may not read it to its end, and says why all the same. */
	if (rc == 0 || rc == -EPIPE)
		rc = receive_line(fd, answer);
	close(fd);
	if (rc < 0)
		feed_error(error, size, "%s: %s", socket_path,
			rc == -EPROTO ? "what answers there is no broker" : strerror(-rc));
	else if (!is_true(answer, "ok"))
		rc = refused(answer, socket_path, error, size);
	if (rc < 0 && answer->fd >= 0) {
		close(answer->fd);
		answer->fd = -1;
	}
	return rc;
}
