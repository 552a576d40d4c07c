/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_register.c - what a backend asks the broker for: a ring to send commands by, a lanKey */
#include "hearth_commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct hearth_commands *hearth_commands_open(
	const char *control_socket, unsigned flags, char *error, size_t size)
{
	struct call_answer answer;
	char path[CALL_TEXT_MAX], feed[CALL_TEXT_MAX];
	struct hearth_commands *commands;
	int rc = call_broker(control_socket,
		flags & HEARTH_COMMANDS_BACKEND ? "{\"verb\":\"commands\",\"backend\":true}\n"
						: "{\"verb\":\"commands\"}\n",
		&answer, error, size);

	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	if (answer.fd < 0 || !call_text(&answer, "path", path, sizeof(path)) ||
		!call_text(&answer, "feed", feed, sizeof(feed))) {
		if (answer.fd >= 0)
			close(answer.fd);
		feed_error(error, size, "%s: the broker's answer names no ring", control_socket);
		errno = EPROTO;
		return NULL;
	}
	commands = commands_attach(answer.fd, path, feed);
	if (!commands)
		feed_error(error, size, "%s: %s", path,
			errno == EPROTO ? "of another version than this library" : strerror(errno));
	return commands;
}

int hearth_lan_key(const char *control_socket, const char *device, const char *random, char key[45],
	unsigned *live_seconds, char *error, size_t size)
{
	struct call_answer answer;
	char id[COMMAND_DEVICE_MAX + 3], quoted[32], request[256];
	uint64_t seconds;
	int rc;

	/* What could not even be written as a request could not be right. */
	if (!call_quote(random, quoted, sizeof(quoted))) {
		feed_error(error, size, "the random is not 16 characters 0-9, A-Z, a-z");
		return -EINVAL;
	}
	if (!call_quote(device, id, sizeof(id))) {
		feed_error(error, size, "no such device");
		return -ENOENT;
	}
	snprintf(request, sizeof(request), "{\"verb\":\"lan-key\",\"id\":%s,\"random\":%s}\n", id,
		quoted);
	rc = call_broker(control_socket, request, &answer, error, size);
	if (rc == 0 && answer.fd >= 0)
		close(answer.fd);
	if (rc == 0 && (!call_text(&answer, "lan_key", key, 45) || strlen(key) != 44 ||
			       !call_number(&answer, "liveTime", &seconds))) {
		feed_error(error, size, "%s: the broker's answer has no key", control_socket);
		rc = -EPROTO;
	}
	if (rc == 0 && live_seconds)
		*live_seconds = (unsigned)seconds;
	if (rc < 0)
		explicit_bzero(key, 45);
	explicit_bzero(&answer, sizeof(answer));
	return rc;
}
