/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* redis.c - SET of a report under its device's id: +OK is acknowledged and consumed at once */
#include "payload.h"
#include "peers.h"
#include "resp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define SAMPLES 1024 /* keys that are read back */

static size_t greeting(const struct run *run, const struct connection *connection, uint8_t *out)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n";

	memcpy(out, ping, sizeof(ping) - 1);
	return sizeof(ping) - 1;
}

static size_t report(
	const struct run *run, struct connection *connection, uint32_t number, uint8_t *out)
{
	uint8_t id[DEVICE_ID_DIGITS], value[PAYLOAD_MOST];

	payload_id(id, connection->device);
	payload_write(value, connection->device, number);
	return resp_set(out, MESSAGE_MOST, id, sizeof(id), value, payload_bytes());
}

static bool is_text(const struct resp_reply *reply, const char *text)
{
	return reply->length == strlen(text) && memcmp(reply->text, text, reply->length) == 0;
}

static ssize_t take(
	struct run *run, struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct resp_reply reply;
	ssize_t n = resp_parse(bytes, length, &reply);
	bool ok;
	int error;

	if (n <= 0)
		return n;
	if (connection->state == GREETING) {
		if (reply.kind != RESP_OK || !is_text(&reply, "PONG"))
			return fail(run, -EPROTO, "PING is answered with %.*s", (int)reply.length,
				reply.text);
		engine_ready(run, connection);
		return n;
	}
	ok = reply.kind == RESP_OK && is_text(&reply, "OK");
	if (!ok && reply.kind != RESP_ERROR)
		return -EPROTO;
	error = engine_answered(run, connection, !ok);
	return error ? error : n;
}

/* One GET over a connection that waits; Return: the reply's length in @in, or -errno. */
static ssize_t ask(struct connection *connection, uint32_t device, uint8_t *in, size_t size,
	struct resp_reply *reply)
{
	uint8_t id[DEVICE_ID_DIGITS], out[128];
	size_t had = 0, length;
	ssize_t n;

	payload_id(id, device);
	length = resp_get(out, sizeof(out), id, sizeof(id));
	if (send(connection->fd, out, length, MSG_NOSIGNAL) != (ssize_t)length)
		return -EIO;
	while (had < size) {
		n = recv(connection->fd, in + had, size - had, 0);
		if (n <= 0)
			return -EIO;
		had += (size_t)n;
		n = resp_parse(in, had, reply);
		if (n)
			return n;
	}
	return -EPROTO;
}

/* Whether keys hold what was last set, from all over the devices. */
static int verify(struct run *run)
{
	struct connection *connection = &run->connections[0];
	uint8_t in[MESSAGE_MOST];
	uint32_t step = run->options.devices / SAMPLES + 1, device, number;
	struct resp_reply reply;
	ssize_t n;

	fcntl(connection->fd, F_SETFL, 0);
	for (uint32_t i = 0; i < run->options.devices; i += step) {
		if (!run->sent[i])
			continue;
		n = ask(connection, i, in, sizeof(in), &reply);
		if (n < 0)
			return fail(run, (int)n, "GET: %s", strerror((int)-n));
		if (reply.kind != RESP_BULK ||
			!payload_read(reply.text, reply.length, &device, &number) || device != i ||
			number != run->sent[i])
			run->counts.wrong++;
	}
	return 0;
}

const struct protocol protocol_redis = {
	.name = "redis",
	.greeting = greeting,
	.report = report,
	.take = take,
	.verify = verify,
};
