/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_open.c - command rings come and go: made, attached, removed, on the control thread */
#include "command_ring_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

_Static_assert(COMMAND_RINGS_MAX <= 32, "a bit for each ring");

void command_rings_path(const struct command_rings *rings, unsigned number, char *path, size_t size)
{
	snprintf(path, size, "%s.commands.%u", rings->feed_path, number);
}

static void building_path(const struct command_rings *rings, unsigned number, char *path)
{
	snprintf(path, PATH_MAX, "%s.commands.%u.new", rings->feed_path, number);
}

/* Let go of a ring's memory and descriptors; no worker looks at it. */
static void release(struct command_ring *ring)
{
	command_unmap(&ring->map);
	if (ring->fd >= 0)
		close(ring->fd);
	if (ring->writer_fd >= 0)
		close(ring->writer_fd);
	ring->fd = ring->writer_fd = -1;
	ring->used = false;
}

/* Has the writer gone? Its lock is then ours, so that nobody takes its place. */
static bool writer_gone(const struct command_ring *ring)
{
	return flock(ring->fd, LOCK_EX | LOCK_NB) == 0;
}

static void count_backends(struct command_rings *rings)
{
	unsigned backends = 0;

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		const struct command_ring *ring = &rings->rings[n];

		backends += ring->used && ring->alive &&
			    ring->map.header.flags & HEARTH_COMMANDS_BACKEND &&
			    !__atomic_load_n(&ring->damaged, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&rings->backends, backends, __ATOMIC_RELAXED);
}

/* From here on workers take from it. */
static void activate(struct command_rings *rings, unsigned number)
{
	rings->rings[number].used = true;
	__atomic_or_fetch(&rings->active, 1u << number, __ATOMIC_RELEASE);
}

/* ---- attaching what a predecessor left ---- */

static bool cursors_sound(const struct command_ring *ring, uint64_t head)
{
	const struct command_header *header = &ring->map.header;

	return ring->taken <= head && head - ring->taken <= header->bytes &&
	       (head | ring->taken) % 16 == 0 && ring->next >= header->first_request &&
	       ring->next - header->first_request <= header->requests;
}

/*
 * A broker killed between the store that makes commands taken and the one that frees their space
 * leaves records that have been taken: they are passed over. Return: do they stand up to it?
 */
static bool skip_taken(struct command_ring *ring)
{
	struct command_record record;

	while (ring->cursor != ring->head) {
		uint64_t offset = ring->cursor % ring->map.header.bytes;
		/* A record that says a request id which it does not have is damaged. */
		const struct command_record *there =
			(const struct command_record *)(ring->map.data + offset);
		uint64_t request = __atomic_load_n(&there->request, __ATOMIC_RELAXED);

		if (request >= ring->next)
			return request == ring->next;
		if (!command_record_look(ring, offset, ring->head - ring->cursor, request, &record))
			return false;
		ring->cursor += record.length;
		ring->taken = ring->cursor;
		feed_store(&ring->map.taker->taken.value, ring->taken);
	}
	return true;
}

static int attach(struct command_rings *rings, unsigned number, const char *path)
{
	struct command_ring *ring = &rings->rings[number];
	struct stat status;
	int rc;

	ring->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (ring->fd < 0)
		return -errno;
	if (fstat(ring->fd, &status) < 0)
		return -errno;
	if (status.st_uid != geteuid())
		return -EPERM;
	rc = command_map(ring->fd, false, &ring->map);
	if (rc < 0)
		return rc;
	ring->head = feed_load(&ring->map.writer->head.value);
	ring->taken = feed_load(&ring->map.taker->taken.value);
	ring->next = feed_load(&ring->map.taker->next.value);
	ring->cursor = ring->taken;
	if (ring->map.header.number != number || !cursors_sound(ring, ring->head) ||
		feed_load(&ring->map.taker->closed.value) || !skip_taken(ring)) {
		feed_store(&ring->map.taker->closed.value, 1);
		return -EPROTO;
	}
	ring->offset = ring->cursor % ring->map.header.bytes;
	ring->request = ring->next;
	ring->alive = !writer_gone(ring);
	activate(rings, number);
	return 0;
}

int command_rings_open(
	struct command_rings **opened, const char *feed_path, char *error, size_t size)
{
	struct command_rings *rings;
	char path[PATH_MAX];

	feed_error(error, size, "%s", "");
	if (strlen(feed_path) + sizeof(".commands.99.new") > PATH_MAX) {
		feed_error(error, size, "feed.path: too long");
		return -ENAMETOOLONG;
	}
	rings = aligned_alloc(__alignof__(struct command_rings), sizeof(*rings));
	if (!rings)
		return -ENOMEM;
	memset(rings, 0, sizeof(*rings));
	rings->feed_path = strdup(feed_path);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		rings->rings[n].fd = rings->rings[n].writer_fd = -1;
	if (!rings->feed_path) {
		command_rings_close(rings);
		return -ENOMEM;
	}
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		int rc;

		/* Under the feed's lock nobody else builds; what is there a predecessor left. */
		building_path(rings, n, path);
		unlink(path);
		command_rings_path(rings, n, path, sizeof(path));
		rc = attach(rings, n, path);
		if (rc == 0)
			continue;
		release(&rings->rings[n]);
		if (rc == -ENOENT)
			continue;
		feed_error(error, size,
			"%s: %s: removed; its backend, if it runs, has to register again, and "
			"what it sent last may have no outcome",
			path, rc == -EPROTO ? "damaged, or of another version" : strerror(-rc));
		unlink(path);
	}
	count_backends(rings);
	*opened = rings;
	return 0;
}

void command_rings_close(struct command_rings *rings)
{
	if (!rings)
		return;
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		release(&rings->rings[n]);
	free(rings->feed_path);
	free(rings);
}

void command_rings_grace(struct command_rings *rings, void (*wait)(void *context), void *context)
{
	rings->wait = wait;
	rings->context = context;
}

/* ---- making ---- */

/* Header last: a file without it is no ring. Return: descriptor; -errno. */
static int build(const char *path, const struct command_header *header)
{
	struct command_taker *taker = calloc(1, sizeof(*taker));
	int fd, rc;

	if (!taker)
		return -ENOMEM;
	taker->next.value = header->first_request;
	FEED_STEP();
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : 0;
	FEED_STEP();
	/* All of it now: a page that memory is missing for later would be SIGBUS. */
	if (rc == 0)
		rc = -posix_fallocate(fd, 0, (off_t)command_file_bytes(header->bytes));
	FEED_STEP();
	if (rc == 0 && pwrite(fd, taker, sizeof(*taker), 2 * FEED_PAGE) != sizeof(*taker))
		rc = -EIO;
	FEED_STEP();
	if (rc == 0 && pwrite(fd, header, sizeof(*header), 0) != sizeof(*header))
		rc = -EIO;
	free(taker);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* The writer's descriptor is one of its own, so that its lock is not the broker's. */
static int lock_for_writer(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int make(struct command_rings *rings, unsigned number, struct command_header *header)
{
	struct command_ring *ring = &rings->rings[number];
	char building[PATH_MAX], path[PATH_MAX];
	int rc;

	building_path(rings, number, building);
	command_rings_path(rings, number, path, sizeof(path));
	*ring = (struct command_ring){.fd = -1, .writer_fd = -1};
	header->number = number;
	command_header_seal(header);
	rc = build(building, header);
	if (rc >= 0) {
		ring->fd = rc;
		rc = command_map(ring->fd, false, &ring->map);
	}
	if (rc == 0) {
		ring->writer_fd = lock_for_writer(building);
		rc = ring->writer_fd < 0 ? ring->writer_fd : 0;
	}
	FEED_STEP();
	if (rc == 0 && rename(building, path) < 0)
		rc = -errno;
	FEED_STEP();
	if (rc < 0) {
		unlink(building);
		release(ring);
		return rc;
	}
	ring->alive = true;
	ring->request = ring->next = header->first_request;
	activate(rings, number);
	return 0;
}

static bool find_free(const struct command_rings *rings, unsigned *number)
{
	for (*number = 0; *number < COMMAND_RINGS_MAX; ++*number) {
		if (!rings->rings[*number].used)
			return true;
	}
	return false;
}

int command_rings_register(struct command_rings *rings, unsigned flags, uint64_t first_request,
	uint64_t bytes, unsigned *number, char *error, size_t size)
{
	struct command_header header = {.flags = flags & HEARTH_COMMANDS_BACKEND,
		.bytes = feed_round(bytes, FEED_PAGE),
		.first_request = first_request,
		.requests = COMMAND_REQUESTS};
	int rc;

	if (header.bytes < 2 * COMMAND_RECORD_MAX)
		header.bytes = feed_round(2 * COMMAND_RECORD_MAX, FEED_PAGE);
	if (header.bytes > COMMAND_BYTES_MAX || first_request == 0 ||
		first_request > COMMAND_REQUEST_LIMIT - COMMAND_REQUESTS) {
		feed_error(error, size, "a command ring: out of range");
		return -EINVAL;
	}
	/* Those that came and went in the last second make room now. */
	if (!find_free(rings, number))
		command_rings_reap(rings);
	if (!find_free(rings, number)) {
		feed_error(error, size, "%u processes that send commands are registered",
			COMMAND_RINGS_MAX);
		return -EBUSY;
	}
	rc = make(rings, *number, &header);
	if (rc < 0)
		feed_error(error, size, "%s.commands.%u: cannot be made: %s", rings->feed_path,
			*number, strerror(-rc));
	count_backends(rings);
	return rc;
}

int command_rings_hand(struct command_rings *rings, unsigned number)
{
	int fd = rings->rings[number].writer_fd;

	rings->rings[number].writer_fd = -1;
	return fd;
}

/* ---- removing ---- */

/* Is there nothing more to be had from it? */
static bool finished(const struct command_ring *ring)
{
	/* Nobody writes any more: head stays. */
	return __atomic_load_n(&ring->damaged, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&ring->taken, __ATOMIC_RELAXED) ==
		       feed_load(&ring->map.writer->head.value);
}

void command_rings_reap(struct command_rings *rings)
{
	uint32_t gone = 0;
	char path[PATH_MAX];

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		struct command_ring *ring = &rings->rings[n];

		if (!ring->used)
			continue;
		if (ring->alive && writer_gone(ring))
			ring->alive = false;
		if (!ring->alive && finished(ring))
			gone |= 1u << n;
	}
	if (gone) {
		__atomic_and_fetch(&rings->active, ~gone, __ATOMIC_RELEASE);
		if (rings->wait)
			rings->wait(rings->context);
	}
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		if (!(gone & 1u << n))
			continue;
		command_rings_path(rings, n, path, sizeof(path));
		FEED_STEP();
		unlink(path);
		release(&rings->rings[n]);
	}
	count_backends(rings);
}

/* ---- asking ---- */

unsigned command_rings_backends(const struct command_rings *rings)
{
	return __atomic_load_n(&rings->backends, __ATOMIC_RELAXED);
}

uint64_t command_rings_highest(const struct command_rings *rings)
{
	uint64_t highest = 0;

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		const struct command_header *header = &rings->rings[n].map.header;

		if (rings->rings[n].used && header->first_request + header->requests > highest)
			highest = header->first_request + header->requests;
	}
	return highest;
}

bool command_rings_holds(const struct command_rings *rings, uint64_t request)
{
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		const struct command_ring *ring = &rings->rings[n];

		if (ring->used && request >= ring->next &&
			request - ring->map.header.first_request < ring->map.header.requests)
			return true;
	}
	return false;
}

bool command_rings_view(
	const struct command_rings *rings, unsigned number, struct command_ring_view *view)
{
	const struct command_ring *ring = &rings->rings[number];
	uint64_t head, taken;

	if (number >= COMMAND_RINGS_MAX || !ring->used)
		return false;
	taken = __atomic_load_n(&ring->taken, __ATOMIC_RELAXED);
	head = feed_load(&ring->map.writer->head.value);
	*view = (struct command_ring_view){.number = number,
		.flags = ring->map.header.flags,
		.alive = ring->alive,
		.damaged = __atomic_load_n(&ring->damaged, __ATOMIC_RELAXED),
		.first_request = ring->map.header.first_request,
		.taken = __atomic_load_n(&ring->next, __ATOMIC_RELAXED) -
			 ring->map.header.first_request,
		.waiting =
			head >= taken && head - taken <= ring->map.header.bytes ? head - taken : 0,
		.bytes = ring->map.header.bytes};
	return true;
}
