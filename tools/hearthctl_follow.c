/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_follow.c - session ID --follow: one line a frame, until Ctrl-C */
#include "hearthctl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_SECONDS 10
#define PAYLOAD ",\"payload\":" /* the last member of a line; no other has such text in it */

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = 1;
}

/* Ctrl-C is how following ends: what was read is printed, the exit code is 0. */
static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Columns of the terminal; 0: it is none, lines are whole. */
static unsigned columns(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

/* Bytes of the UTF-8 character at @at, and the columns that it takes (wide: from Hangul Jamo
 * on). */
static size_t character(const char *at, size_t left, unsigned *width)
{
	const unsigned char first = (unsigned char)*at;
	size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*width =
		bytes > 3 || (bytes == 3 && (first > 0xe1 || (unsigned char)at[1] >= 0x84)) ? 2 : 1;
	return bytes < left ? bytes : left;
}

/* A device chose these bytes: nothing in them may steer a terminal. @room: columns, 0: all. */
static void print_payload(const char *at, size_t length, unsigned room)
{
	const bool cut = room != 0;
	unsigned width;

	while (length) {
		size_t bytes = character(at, length, &width);

		if (cut && room < width + 3) {
			printf("...");
			return;
		}
		if (*at == 0x7f || (bytes == 2 && *at == '\xc2' && (unsigned char)at[1] < 0xa0))
			putchar('?');
		else
			fwrite(at, 1, bytes, stdout);
		room -= cut ? width : 0;
		at += bytes;
		length -= bytes;
	}
}

static const char *text_of(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text ? text : "";
}

/* Time, direction, where, what, and what was decided. Return: columns. */
static unsigned print_head(const json_t *line)
{
	const json_int_t ms = json_integer_value(json_object_get(line, "time"));
	const json_t *count = json_object_get(line, "count");
	const json_t *sequence = json_object_get(line, "sequence");
	const char *what = text_of(line, "what");
	const time_t seconds = (time_t)(ms / 1000);
	struct tm local;
	int n;

	localtime_r(&seconds, &local);
	n = printf("%02d:%02d:%02d.%03d %s", local.tm_hour, local.tm_min, local.tm_sec,
		(int)(ms % 1000),
		!strcmp(what, "in")    ? "->"
		: !strcmp(what, "out") ? "<-"
				       : "--");
	if (*text_of(line, "via"))
		n += printf(" %s %s", text_of(line, "via"), text_of(line, "peer"));
	if (json_object_get(line, "code"))
		n += printf(" %lld", json_integer_value(json_object_get(line, "code")));
	if (*text_of(line, "name"))
		n += printf(" %s", text_of(line, "name"));
	if (count)
		n += printf(" #%lld", json_integer_value(count));
	if (sequence)
		n += printf(" sequence %lld", json_integer_value(sequence));
	n += printf("%s %s", strcmp(what, "note") ? ":" : "", text_of(line, "decision"));
	return (unsigned)n;
}

static void print_line(const char *text, size_t length)
{
	const char *payload = memmem(text, length, PAYLOAD, strlen(PAYLOAD));
	json_t *line = json_loadb(text, length, JSON_DISABLE_EOF_CHECK, NULL);
	unsigned wide = columns(), used;

	if (json_object_get(line, "lost")) {
		printf("   ... %lld lines lost: they came faster than they were taken\n",
			json_integer_value(json_object_get(line, "lost")));
	} else if (json_object_get(line, "decision")) {
		used = print_head(line);
		if (payload && (!wide || used + 8 < wide)) {
			payload += strlen(PAYLOAD);
			printf("  ");
			/* but the brace that closes the line */
			print_payload(payload, (size_t)(text + length - 1 - payload),
				wide ? wide - used - 2 : 0);
		}
		putchar('\n');
	}
	json_decref(line);
}

/** struct input - lines from the broker */
struct input {
	int fd;
	char *bytes;
	size_t used, room;
};

/* More bytes. Return: false when there are no more, or somebody pressed Ctrl-C. */
static bool receive(struct input *input)
{
	struct pollfd polled = {.fd = input->fd, .events = POLLIN};
	ssize_t n;

	if (input->used == input->room) {
		char *grown = realloc(input->bytes, input->room + 65536);

		if (!grown)
			return false;
		input->bytes = grown;
		input->room += 65536;
	}
	if (stopped || (poll(&polled, 1, 200) < 0 && errno != EINTR))
		return false;
	if (!polled.revents)
		return true;
	n = recv(input->fd, input->bytes + input->used, input->room - input->used, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	input->used += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* The first line is the answer. Return: it, NULL if none came. */
static json_t *first_line(struct input *input)
{
	const time_t until = time(NULL) + ANSWER_SECONDS;
	json_t *answer;
	char *end;

	while (!(end = input->used ? memchr(input->bytes, '\n', input->used) : NULL)) {
		if (time(NULL) > until || !receive(input))
			return NULL;
	}
	answer = json_loadb(input->bytes, (size_t)(end - input->bytes), 0, NULL);
	input->used -= (size_t)(end + 1 - input->bytes);
	memmove(input->bytes, end + 1, input->used);
	return answer;
}

static void print_lines(struct input *input, bool as_json)
{
	char *at = input->bytes, *end;

	while (input->used && (end = memchr(at, '\n', input->used))) {
		if (as_json)
			fwrite(at, 1, (size_t)(end + 1 - at), stdout);
		else
			print_line(at, (size_t)(end - at));
		input->used -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	memmove(input->bytes, at, input->used);
	fflush(stdout);
}

static void print_begin(const json_t *answer, bool as_json)
{
	if (as_json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		printf("following %s, which is %s; Ctrl-C ends it\n", text_of(answer, "id"),
			json_is_true(json_object_get(answer, "connected"))
				? "connected"
				: "not connected: waiting for it");
	}
	fflush(stdout);
}

int ctl_follow(const struct ctl_command *command, json_t **refusal)
{
	const bool as_json = command->options[OPTION_JSON];
	struct input input = {.fd = -1};
	json_t *request, *answer;
	int rc = CTL_DONE;

	request = json_pack("{s:s, s:s}", "verb", "follow", "id", command->operands[0]);
	if (!request) {
		*refusal = ctl_refuse("use UTF-8", "the id is not UTF-8 text");
		return CTL_REFUSED;
	}
	catch_signals();
	input.fd = ctl_send(command->target.socket, request, -1, refusal);
	json_decref(request);
	if (input.fd < 0)
		return CTL_REFUSED;
	answer = first_line(&input);
	if (!json_is_true(json_object_get(answer, "ok"))) {
		*refusal =
			answer ? answer
			       : ctl_refuse("look at the broker's log",
					 "the broker at %s gave no answer", command->target.socket);
		rc = CTL_REFUSED;
		goto out;
	}
	print_begin(answer, as_json);
	json_decref(answer);
	print_lines(&input, as_json);
	while (receive(&input))
		print_lines(&input, as_json);
	if (!stopped) {
		fprintf(stderr, "hearthctl: the broker at %s has gone\n", command->target.socket);
		rc = CTL_REFUSED;
	}
out:
	close(input.fd);
	free(input.bytes);
	return rc;
}
