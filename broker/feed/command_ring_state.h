/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_ring_state.h - what the parts of the broker's side of the command rings share */
#pragma once

#include "command_ring.h"

/**
 * struct command_ring - one ring as the broker knows it
 * @fd: ours: its lock can be had once the writer has gone
 * @writer_fd: the writer's, to be handed to it; -1 afterwards
 * @used, @alive: control thread's
 * @head: as last seen
 * @cursor: of the record to return next, @offset: where it lies, @request: the id it must have
 * @taken, @next: what stands in the broker's page; read by the control thread, too
 * @damaged: written by the worker, read by the control thread
 *
 * From @head on the worker's, which the control thread writes only while the ring is not active.
 */
struct command_ring {
	struct command_map map;
	int fd, writer_fd;
	bool used, alive;
	uint64_t head __attribute__((aligned(64)));
	uint64_t cursor, offset, request;
	uint64_t taken, next;
	bool damaged;
} __attribute__((aligned(128)));

/**
 * struct command_taking - what a worker remembers between its calls
 * @turn: ring to look at first
 * @last: ring of the last item, @last_length: of its record
 * @staged: bits of the rings that have something staged
 */
struct command_taking {
	unsigned turn, last;
	uint32_t last_length, staged;
	uint64_t counters[COMMAND_RING_COUNTER_COUNT];
} __attribute__((aligned(128)));

/**
 * struct command_rings
 * @active: bits of the rings that workers take from
 */
struct command_rings {
	uint32_t active;
	unsigned backends;
	char *feed_path;
	void (*wait)(void *context);
	void *context;
	struct command_ring rings[COMMAND_RINGS_MAX];
	struct command_taking taking[COMMAND_RINGS_MAX];
};

/**
 * command_record_look() - check the record at @cursor
 * @record: receives a copy of its members: the ring's may change
 * @available: bytes from there to head
 * @request: the id it must have
 * Return: is it sound?
 */
bool command_record_look(const struct command_ring *ring, uint64_t offset, uint64_t available,
	uint64_t request, struct command_record *record);
