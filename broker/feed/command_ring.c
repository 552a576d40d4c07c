/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_ring.c - taking commands from backends' rings, on the worker's thread */
#include "command_ring_state.h"

COUNTER_TABLE(command_ring_counter_info, COMMANDS_COUNTERS);

bool command_record_look(const struct command_ring *ring, uint64_t offset, uint64_t available,
	uint64_t request, struct command_record *record)
{
	const uint8_t *data = ring->map.data + offset;

	if (available < sizeof(*record))
		return false;
	memcpy(record, data, sizeof(*record));
	if (record->request != request || record->device_length == 0 ||
		record->device_length > COMMAND_DEVICE_MAX ||
		record->payload_length > HEARTH_COMMAND_PAYLOAD_MAX ||
		(record->kind != COMMAND_REQUEST && record->kind != COMMAND_ANSWER))
		return false;
	return record->length <= available &&
	       record->length == feed_round(command_used(record), 16) &&
	       record->checksum == command_checksum(record, data);
}

/* Nothing in it can be believed from here on; what was taken stays taken. */
static void give_up(struct command_rings *rings, unsigned worker, struct command_ring *ring,
	enum command_ring_counter why)
{
	__atomic_store_n(&ring->damaged, true, __ATOMIC_RELAXED);
	feed_store(&ring->map.taker->closed.value, 1);
	counter_add(&rings->taking[worker].counters[why], 1);
}

/* Return: the next record's length, and its copy; 0: there is none. */
static uint32_t look(struct command_rings *rings, unsigned worker, struct command_ring *ring,
	struct command_record *record)
{
	if (ring->damaged)
		return 0;
	if (ring->cursor == ring->head) {
		uint64_t head = feed_load(&ring->map.writer->head.value);

		if (head == ring->head)
			return 0;
		/* Also what is staged must still stand: its space is not the writer's yet. */
		if (head < ring->head || head - ring->taken > ring->map.header.bytes || head % 16) {
			give_up(rings, worker, ring, COMMAND_BAD_CURSOR);
			return 0;
		}
		ring->head = head;
	}
	if (ring->request - ring->map.header.first_request >= ring->map.header.requests ||
		!command_record_look(
			ring, ring->offset, ring->head - ring->cursor, ring->request, record)) {
		give_up(rings, worker, ring, COMMAND_BAD_RECORD);
		return 0;
	}
	return record->length;
}

static void advance(struct command_ring *ring, uint32_t length)
{
	ring->cursor += length;
	ring->offset += length;
	if (ring->offset >= ring->map.header.bytes)
		ring->offset -= ring->map.header.bytes;
	ring->request++;
}

static void fill(const struct command_ring *ring, const struct command_record *record,
	struct command_item *item)
{
	const uint8_t *data = ring->map.data + ring->offset + sizeof(*record);

	*item = (struct command_item){.request = record->request,
		.expires = record->expires,
		.event = record->event,
		.code = record->code,
		.payload_length = record->payload_length,
		.kind = record->kind,
		.worker = record->worker,
		.device_length = record->device_length,
		.device = (const char *)data,
		.payload = data + record->device_length};
}

/* Bits of the rings that belong to a worker. */
static uint32_t rings_of(unsigned worker, unsigned workers)
{
	uint32_t bits = 0;

	for (unsigned n = worker; n < COMMAND_RINGS_MAX; n += workers)
		bits |= 1u << n;
	return bits;
}

bool command_ring_next(
	struct command_rings *rings, unsigned worker, unsigned workers, struct command_item *item)
{
	uint32_t active = __atomic_load_n(&rings->active, __ATOMIC_ACQUIRE);
	struct command_record record;
	struct command_taking *taking;

	if (!active || worker >= COMMAND_RINGS_MAX)
		return false;
	taking = &rings->taking[worker];
	active &= rings_of(worker, workers);
	while (active) {
		/* The first from @turn on, else the first of all. */
		uint32_t ahead = active & ~((1u << taking->turn) - 1);
		unsigned n = (unsigned)__builtin_ctz(ahead ? ahead : active);
		struct command_ring *ring = &rings->rings[n];
		uint32_t length = look(rings, worker, ring, &record);

		taking->turn = (n + 1) % COMMAND_RINGS_MAX;
		active &= ~(1u << n);
		if (!length)
			continue;
		fill(ring, &record, item);
		advance(ring, length);
		taking->last = n;
		taking->last_length = length;
		taking->staged |= 1u << n;
		return true;
	}
	return false;
}

void command_ring_back(struct command_rings *rings, unsigned worker, unsigned workers)
{
	struct command_taking *taking;
	struct command_ring *ring;

	if (worker >= COMMAND_RINGS_MAX || !rings->taking[worker].last_length)
		return;
	taking = &rings->taking[worker];
	ring = &rings->rings[taking->last];
	ring->cursor -= taking->last_length;
	ring->offset = ring->cursor % ring->map.header.bytes;
	ring->request--;
	/* A ring that is given up may be gone by the time something else is taken. */
	if (ring->cursor == ring->taken)
		taking->staged &= ~(1u << taking->last);
	/* It is this ring's turn still. */
	taking->turn = taking->last;
	taking->last_length = 0;
	counter_add(&taking->counters[COMMAND_BACK], 1);
}

void command_rings_taken(struct command_rings *rings, unsigned worker, unsigned workers)
{
	struct command_taking *taking;

	if (worker >= COMMAND_RINGS_MAX)
		return;
	taking = &rings->taking[worker];
	taking->last_length = 0;
	for (; taking->staged; taking->staged &= taking->staged - 1) {
		struct command_ring *ring = &rings->rings[__builtin_ctz(taking->staged)];

		counter_add(&taking->counters[COMMAND_TAKEN], ring->request - ring->next);
		counter_add(&taking->counters[COMMAND_BYTES], ring->cursor - ring->taken);
		feed_store(&ring->map.taker->next.value, ring->request);
		feed_store(&ring->map.taker->taken.value, ring->cursor);
		__atomic_store_n(&ring->next, ring->request, __ATOMIC_RELAXED);
		__atomic_store_n(&ring->taken, ring->cursor, __ATOMIC_RELAXED);
	}
}

const uint64_t *command_ring_counters(const struct command_rings *rings, unsigned worker)
{
	static const uint64_t none[COMMAND_RING_COUNTER_COUNT];

	return worker < COMMAND_RINGS_MAX ? rings->taking[worker].counters : none;
}
