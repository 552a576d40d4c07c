/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* journal.c - what happened, so that it can be set against what the backend has */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX 192 /* an id of 64 characters and six short columns */

int journal_open(struct fleet *fleet)
{
	const char *path = fleet->options.journal;

	fleet->journal = -1;
	if (!path)
		return 0;
	fleet->journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fleet->journal >= 0)
		return 0;
	fprintf(stderr, "hearth-fleet: %s: %s\n", path, strerror(errno));
	return -errno;
}

/* One write a line: what has returned from it outlives the process. */
static void put(struct fleet *fleet, const char *line, int length)
{
	if (write(fleet->journal, line, (size_t)length) == length)
		return;
	fprintf(stderr, "hearth-fleet: %s: a line could not be written\n", fleet->options.journal);
	exit(1);
}

void journal_request(struct fleet *fleet, const struct device *device, const char *what,
	const struct request *request)
{
	char line[LINE_MAX], number[24] = "-";

	if (fleet->journal < 0 || request->code < 2000)
		return;
	if (request->sn)
		snprintf(number, sizeof(number), "sn%u", request->sn);
	else if (request->number)
		snprintf(number, sizeof(number), "%llu", (unsigned long long)request->number);
	put(fleet, line,
		snprintf(line, sizeof(line), "%s %s %u %u %u %u %s\n", what, device->id,
			device->connects, request->count, request->sequence, request->code,
			number));
}

void journal_command(struct fleet *fleet, const struct device *device, const char *what,
	unsigned copies, uint16_t sequence, unsigned code, const char *mark)
{
	char line[LINE_MAX];

	if (fleet->journal < 0)
		return;
	put(fleet, line,
		snprintf(line, sizeof(line), "%s %s %u %u %u %u %s\n", what, device->id,
			device->connects, copies, sequence, code, mark));
}

void journal_connect(struct fleet *fleet, const struct device *device)
{
	char line[LINE_MAX];

	if (fleet->journal < 0)
		return;
	put(fleet, line,
		snprintf(line, sizeof(line), "connected %s %u 0 %u 1004 %s\n", device->id,
			device->connects, device->sequence, device->tcp ? "tcp" : "udp"));
}
