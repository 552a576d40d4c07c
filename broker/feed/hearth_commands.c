/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_commands.c - sending of commands: the writer's side of a command ring */
#include "hearth_commands.h"

#include "crc32c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* So often is looked whether the ring's file is still the broker's. */
#define STALE_CHECK_MS 100

/**
 * struct hearth_commands
 * @fd: holds the ring's lock: while it is open the broker knows that we live
 * @head: cursor of the next record, @offset: where it lies in the data
 * @sent: records written
 * @checked: when the file was last looked for, ms
 */
struct hearth_commands {
	struct command_map map;
	int fd;
	struct stat file;
	char *path, *feed;
	uint64_t head, offset;
	uint32_t sent;
	uint64_t checked;
	bool stale;
};

struct hearth_commands *commands_attach(int fd, const char *path, const char *feed)
{
	struct hearth_commands *commands = calloc(1, sizeof(*commands));
	int rc = -ENOMEM;

	if (!commands) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	commands->fd = fd;
	commands->path = strdup(path);
	commands->feed = strdup(feed);
	if (!commands->path || !commands->feed)
		goto fail;
	rc = fstat(fd, &commands->file) < 0 ? -errno : command_map(fd, true, &commands->map);
	if (rc < 0)
		goto fail;
	/* Only its first writer knows how many records are in it. */
	rc = -EPROTO;
	if (feed_load(&commands->map.writer->head.value) ||
		feed_load(&commands->map.taker->taken.value))
		goto fail;
	return commands;
fail:
	hearth_commands_close(commands);
	errno = -rc;
	return NULL;
}

void hearth_commands_close(struct hearth_commands *commands)
{
	if (!commands)
		return;
	command_unmap(&commands->map);
	close(commands->fd);
	free(commands->path);
	free(commands->feed);
	free(commands);
}

const char *hearth_commands_feed(const struct hearth_commands *commands)
{
	return commands->feed;
}

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Does the broker still take from this ring? It says so itself if it gives the ring up; one that
 * started without it (its memory was lost, or it found it damaged) does not know of it.
 */
static bool stale(struct hearth_commands *commands)
{
	uint64_t now = clock_ms(CLOCK_MONOTONIC_COARSE);

	if (commands->stale)
		return true;
	if (feed_load(&commands->map.taker->closed.value))
		commands->stale = true;
	else if (!commands->checked || now - commands->checked >= STALE_CHECK_MS)
		commands->stale = feed_same_file(commands->path, &commands->file) != 1;
	commands->checked = now;
	return commands->stale;
}

/* What a programming error would be; the rest is looked at by the broker, which refuses. */
static bool looks_like_object(const char *text, size_t length)
{
	static const char space[] = " \t\r\n";

	while (length && memchr(space, *text, sizeof(space) - 1)) {
		text++;
		length--;
	}
	while (length && memchr(space, text[length - 1], sizeof(space) - 1))
		length--;
	return length >= 2 && text[0] == '{' && text[length - 1] == '}';
}

/* Write one record and publish it. @record: lengths, kind and what else is said of it. */
static int put(struct hearth_commands *commands, struct command_record *record, const char *device,
	const char *payload)
{
	static const uint8_t zeros[16];
	const struct command_header *header = &commands->map.header;
	uint8_t *start = commands->map.data + commands->offset;
	uint64_t used = command_used(record), length = feed_round(used, 16);
	uint64_t taken = feed_load(&commands->map.taker->taken.value);

	if (commands->sent == header->requests || taken % 16 || taken > commands->head ||
		commands->head - taken > header->bytes)
		return -ESTALE;
	if (length > header->bytes - (commands->head - taken))
		return -EAGAIN;
	record->length = (uint32_t)length;
	record->request = header->first_request + commands->sent;
	feed_copy(start + sizeof(*record), device, record->device_length);
	feed_copy(start + sizeof(*record) + record->device_length, payload, record->payload_length);
	feed_copy(start + used, zeros, length - used);
	record->checksum = command_checksum(record, start);
	feed_copy(start, record, sizeof(*record));

	commands->sent++;
	commands->head += length;
	commands->offset += length;
	if (commands->offset >= header->bytes)
		commands->offset -= header->bytes;
	feed_store(&commands->map.writer->head.value, commands->head);
	return 0;
}

static int check(struct hearth_commands *commands, const char *device, size_t device_length,
	const char *payload, size_t payload_length)
{
	if (!device || device_length < 1 || device_length > COMMAND_DEVICE_MAX || !payload)
		return -EINVAL;
	if (payload_length > HEARTH_COMMAND_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (!looks_like_object(payload, payload_length))
		return -EINVAL;
	return stale(commands) ? -ESTALE : 0;
}

int hearth_command_send(
	struct hearth_commands *commands, const struct hearth_command *command, uint64_t *request)
{
	struct command_record record = {.kind = COMMAND_REQUEST, .code = command->code};
	int rc = check(commands, command->device, command->device_length, command->payload,
		command->payload_length);

	if (rc < 0)
		return rc;
	record.device_length = (uint8_t)command->device_length;
	record.payload_length = (uint32_t)command->payload_length;
	if (command->expires_ms)
		record.expires = clock_ms(CLOCK_REALTIME) + command->expires_ms;
	rc = put(commands, &record, command->device, command->payload);
	if (rc == 0 && request)
		*request = record.request;
	return rc;
}

int hearth_command_answer(struct hearth_commands *commands, const struct hearth_item *asked,
	const char *payload, size_t length)
{
	const struct hearth_record *uplink = asked->record;
	struct command_record record = {.kind = COMMAND_ANSWER,
		.code = uplink->code + 1,
		.event = uplink->id,
		.worker = (uint8_t)asked->worker};
	int rc;

	if (uplink->event != HEARTH_UPLINK || (uplink->code != 3000 && uplink->code != 3002))
		return -EINVAL;
	rc = check(commands, asked->device, uplink->device_length, payload, length);
	if (rc < 0)
		return rc;
	record.device_length = uplink->device_length;
	record.payload_length = (uint32_t)length;
	return put(commands, &record, asked->device, payload);
}

uint64_t hearth_commands_waiting(const struct hearth_commands *commands)
{
	uint64_t behind = commands->map.header.first_request + commands->sent;
	uint64_t next = feed_load(&commands->map.taker->next.value);

	return next <= behind ? behind - next : 0;
}
