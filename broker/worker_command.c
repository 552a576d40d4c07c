/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_command.c - platform requests on their way from a backend's ring to the worker that
 * has the device's session */
#include "worker_state.h"

#include "feed/command_ring.h"

/* Decided on in a turn; taken from rings in a turn; arrived and not decided on before rings are
 * left alone. */
#define DECIDE_MAX 32
#define TAKE_MAX 32
/* And so many bytes of their payloads, each, beyond which no other is begun: every byte is copied,
 * checked and scanned, and 32 of the longest, 2 MiB, would be a turn of milliseconds. */
#define TURN_BYTES 65536
#define ARRIVED_MAX 256
/* Those that are held are each looked at so often. */
#define LOOK_US 500000
#define LOOK_MAX 64
/* How long one waits to be sent whose backend did not say. */
#define EXPIRES_MS 60000

/* The one protocol that has requests to devices. */
#define PROTOCOL 0

static bool look(void *context, uint32_t index)
{
	struct worker *worker = context;

	return protocols[PROTOCOL]->command_due(worker->states[PROTOCOL], index);
}

bool worker_commands(struct worker *worker)
{
	struct command_worker *pool = worker->host.pool;
	unsigned decided = 0;
	uint32_t index, bytes = 0;
	struct command_text text;

	while (decided < DECIDE_MAX && bytes < TURN_BYTES &&
		(index = command_first(pool)) != COMMAND_NONE) {
		/* looked at first: decided on, it may be another worker's */
		command_text_of(pool, index, &text);
		bytes += text.payload_length;
		if (!protocols[PROTOCOL]->command(worker->states[PROTOCOL], index)) {
			command_return(pool, index);
			break;
		}
		decided++;
	}
	if (command_held(pool))
		command_sweep(pool,
			worker_pace(&worker->look, worker->host.clock.us, command_held(pool),
				LOOK_US, LOOK_MAX),
			look, worker);
	return decided;
}

bool host_command(struct host *host, uint32_t command, uint32_t index)
{
	struct worker *worker = host->context;
	unsigned owner = session_owner(host->table, index);

	/* It came here just now: decided on in the next turn. */
	if (owner == worker->number)
		return false;
	return worker_tell(worker, owner, (struct mail){.kind = MAIL_COMMAND, .index = command});
}

/* One that a ring has, copied: what counts is the copy. */
static bool place(struct worker *worker, const struct command_item *item)
{
	const struct command_text text = {.request = item->request,
		.expires = item->expires ? item->expires : worker->host.clock.unix_ms + EXPIRES_MS,
		.event = item->event,
		.code = item->code,
		.payload_length = item->payload_length,
		.kind = item->kind,
		.worker = item->worker,
		.device_length = item->device_length,
		.device = item->device,
		.payload = item->payload};
	uint32_t index = command_place(worker->host.pool, &text);

	if (index == COMMAND_NONE)
		return false;
	command_arrive(worker->host.pool, index);
	return true;
}

bool worker_commands_take(struct worker *worker)
{
	struct host *host = &worker->host;
	struct command_item item;
	unsigned taken = 0;
	uint32_t bytes = 0;

	if (!host->commands)
		return false;
	while (taken < TAKE_MAX && bytes < TURN_BYTES &&
		command_arrived(host->pool) < ARRIVED_MAX &&
		command_ring_next(host->commands, worker->number, worker->count, &item)) {
		if (!place(worker, &item)) {
			command_ring_back(host->commands, worker->number, worker->count);
			counter_add(&worker->counters[WORKER_COMMANDS_FULL], 1);
			break;
		}
		bytes += item.payload_length;
		taken++;
	}
	if (!taken)
		return false;
	command_rings_taken(host->commands, worker->number, worker->count);
	counter_add(&worker->counters[WORKER_COMMANDS], taken);
	return true;
}

/* ---- on attach ---- */

struct attaching {
	struct worker *const *workers;
	unsigned count;
};

/* One that was sent goes on with its session; what was not sent is decided on anew. */
static bool attach(void *context, uint32_t index)
{
	const struct attaching *all = context;
	struct worker *worker = all->workers[0];
	const struct command_slot *slot = command_slot(worker->host.pool, index);
	const unsigned range = session_handle_worker(slot->handle);
	struct command_text text;

	command_text_of(worker->host.pool, index, &text);
	if (slot->life.state == COMMAND_PLACED) {
		if (worker->host.commands &&
			command_rings_holds(worker->host.commands, text.request))
			return false; /* killed before it was taken for good: it comes again */
		command_arrive(worker->host.pool, index);
		return true;
	}
	if (slot->life.state == COMMAND_SENT && range < all->count)
		worker = all->workers[range];
	protocols[PROTOCOL]->command_attached(worker->states[PROTOCOL], index);
	command_commit(worker->host.pool);
	session_commit(worker->host.sessions);
	return true;
}

void worker_commands_attach(struct worker *const *workers, unsigned count)
{
	struct attaching all = {workers, count};
	uint32_t damaged;

	command_attach(workers[0]->pool, attach, &all, &damaged);
	counter_add(&workers[0]->counters[WORKER_COMMANDS_DAMAGED], damaged);
}
