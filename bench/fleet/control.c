/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control.c - the broker's own figures, asked for on its control socket */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (16u << 20)
#define ANSWER_SECONDS 5

static int connect_to(const char *path)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One line, to be freed, without its end; NULL if none came whole. */
static char *read_line(int fd)
{
	size_t used = 0, size = 65536;
	char *line = malloc(size), *end = NULL;
	ssize_t got;

	while (line && !end && size <= ANSWER_MAX) {
		got = recv(fd, line + used, size - used - 1, 0);
		if (got <= 0)
			break;
		line[used + (size_t)got] = '\0';
		end = strchr(line + used, '\n');
		used += (size_t)got;
		if (!end && used + 1 == size) {
			char *grown = realloc(line, size *= 2);

			if (!grown)
				break;
			line = grown;
		}
	}
	if (end)
		return line;
	free(line);
	return NULL;
}

json_t *control_status(const char *path)
{
	static const char question[] = "{\"verb\":\"status\",\"gaps\":true}\n";
	int fd = connect_to(path);
	json_t *status = NULL;
	char *line;

	if (fd < 0) {
		fprintf(stderr, "hearth-fleet: --control %s: %s\n", path, strerror(errno));
		return NULL;
	}
	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) ==
		(ssize_t)sizeof(question) - 1) {
		line = read_line(fd);
		status = line ? json_loads(line, 0, NULL) : NULL;
		free(line);
	}
	close(fd);
	if (!json_is_true(json_object_get(status, "ok"))) {
		fprintf(stderr, "hearth-fleet: --control %s: the broker gave no status\n", path);
		json_decref(status);
		return NULL;
	}
	return status;
}
