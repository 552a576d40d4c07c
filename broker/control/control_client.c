/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_client.c - one client of the control socket: bounded lines in, answers out, no wait */
#include "control/control_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors that a client may send at once; one is used, the rest are closed. */
#define FILES_MAX 8

/* Who connected, as the kernel knows it; whoever the descriptor was handed to is not seen. */
static void know(struct control_client *client)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);

	client->actor.surface = "socket";
	if (getsockopt(client->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		peer = (struct ucred){.uid = (uid_t)-1};
	snprintf(client->actor.who, sizeof(client->actor.who), "uid %lld, pid %lld",
		(long long)(int)peer.uid, (long long)peer.pid);
}

int client_open(struct control_client *client, int accepted, uint64_t now)
{
	char *input = malloc(CONTROL_LINE_MAX + 1);

	if (!input)
		return -ENOMEM;
	*client = (struct control_client){.socket = accepted,
		.file = -1,
		.output_file = -1,
		.input = input,
		.active_us = now};
	know(client);
	return 0;
}

static void drop_output_file(struct control_client *client)
{
	if (client->output_file >= 0)
		close(client->output_file);
	client->output_file = -1;
}

static void drop_output(struct control_client *client)
{
	drop_output_file(client);
	if (client->output)
		explicit_bzero(client->output, client->output_length);
	free(client->output);
	client->output = NULL;
	client->output_length = client->sent = 0;
}

static void drop_file(struct control_client *client)
{
	if (client->file >= 0)
		close(client->file);
	client->file = -1;
}

void client_close(struct control *control, struct control_client *client)
{
	if (client->socket < 0)
		return;
	control_follow_end(control, client);
	close(client->socket);
	drop_file(client);
	drop_output(client);
	explicit_bzero(client->input, CONTROL_LINE_MAX + 1);
	free(client->input);
	*client = (struct control_client){.socket = -1, .file = -1, .output_file = -1};
}

/* Keep the last descriptor that came, close all others. */
static void take_files(struct control_client *client, struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
		part = CMSG_NXTHDR(message, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			drop_file(client);
			memcpy(&client->file, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
		}
	}
}

void client_receive(struct control_client *client, uint64_t now)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(FILES_MAX * sizeof(int))];
	} ancillary;
	struct iovec to = {client->input + client->used, CONTROL_LINE_MAX + 1 - client->used};
	struct msghdr message = {.msg_iov = &to,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes)};
	ssize_t n;

	if (!to.iov_len)
		return;
	n = recvmsg(client->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		client->ended = client->closing = true;
		drop_output(client);
		return;
	}
	take_files(client, &message);
	if (!n)
		client->ended = true;
	client->used += (size_t)n;
	client->active_us = now;
}

/* What the socket takes now; the descriptor goes with the first byte. */
static ssize_t send_some(struct control_client *client)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec from = {client->output + client->sent, client->output_length - client->sent};
	struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};

	if (client->output_file >= 0) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = sizeof(ancillary.bytes);
		ancillary.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&ancillary.header), &client->output_file, sizeof(int));
	}
	return sendmsg(client->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void client_send(struct control_client *client, uint64_t now)
{
	while (client->sent < client->output_length) {
		ssize_t n = send_some(client);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			client->ended = client->closing = true;
			client->used = 0;
			break;
		}
		drop_output_file(client); /* the client has its copy */
		client->sent += (size_t)n;
		client->active_us = now;
	}
	drop_output(client);
}

static const char *line_end(const struct control_client *client)
{
	return memchr(client->input + client->scanned, '\n', client->used - client->scanned);
}

bool client_ready(const struct control_client *client)
{
	return client->socket >= 0 && !client->output && !client->closing && !client->following &&
	       (client->used > CONTROL_LINE_MAX || line_end(client) ||
		       (client->ended && client->used));
}

static void set_output(struct control_client *client, char *text)
{
	client->output = text;
	client->output_length = text ? strlen(text) : 0;
	if (!text)
		client->closing = true; /* no memory: the client sees the connection end */
}

void client_serve(struct control *control, struct control_client *client)
{
	const char *end = line_end(client);
	json_t *refusal;
	size_t length;

	if (!end) {
		client->scanned = client->used;
		if (!client_ready(client))
			return;
		/* a line without end: too long, or cut off by the client's leaving */
		refusal = control_refuse("send shorter lines, each with its line end",
			"the request is longer than %d bytes or has no line end", CONTROL_LINE_MAX);
		set_output(client, control_line(refusal));
		client->closing = true;
		client->used = client->scanned = 0;
		return;
	}
	length = (size_t)(end - client->input);
	control->serving = client;
	set_output(client, control_answer(control, client->input, length, client->file));
	client->output_file = control->answer_file;
	control->serving = NULL;
	control->answer_file = -1;
	if (!client->output)
		drop_output_file(client);
	drop_file(client);
	explicit_bzero(client->input, length);
	client->used -= length + 1;
	memmove(client->input, end + 1, client->used);
	client->scanned = 0;
}
