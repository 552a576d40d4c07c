/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_wait.c - connects that wait for their session to come from another worker */
#include "worker_state.h"

#include <string.h>

/* A session comes within two turns unless its owner is stalled. */
#define ASK_AGAIN_US 20000
#define WAIT_US 3000000

bool worker_waits_for(const struct worker *worker, tcp_id id)
{
	for (unsigned i = 0; i < worker->host.waiting; i++) {
		if (worker->waits[i].message.peer.connection == id)
			return true;
	}
	return false;
}

/* Copy a message that lies in a packet, or in a chunk that goes with the turn. */
static bool keep(struct worker *worker, const struct message *message, uint32_t index)
{
	struct host *host = &worker->host;
	const struct connection *c = tcp_user(worker->tcp, message->peer.connection);
	struct wait *wait = &worker->waits[host->waiting];
	uint8_t *copy;

	if (!c || host->waiting == WORKER_WAITS)
		return false;
	*wait = (struct wait){.message = *message,
		.chunk = chunk_get(worker->chunks, message->length),
		.index = index,
		.listener = c->stream.listener,
		.since = host->clock.us,
		.asked = host->clock.us};
	if (!wait->chunk)
		return false;
	copy = chunk_data(worker->chunks, wait->chunk);
	memcpy(copy, message->data, message->length);
	wait->message.data = copy;
	host->waiting++;
	return true;
}

static void ask(struct worker *worker, uint32_t index)
{
	unsigned owner = session_owner(worker->host.table, index);

	if (owner != worker->number)
		worker_tell(worker, owner, (struct mail){.kind = MAIL_WANTED, .index = index});
}

bool host_fetch(struct host *host, const struct message *message, uint32_t index)
{
	struct worker *worker = host->context;

	if (!worker->mesh || !keep(worker, message, index)) {
		counter_add(&worker->counters[WORKER_DROP_FETCH], 1);
		return false;
	}
	counter_add(&worker->counters[WORKER_FETCHES], 1);
	ask(worker, index);
	return true;
}

bool host_keep(struct host *host, const struct message *message)
{
	struct worker *worker = host->context;

	if (message->peer.via != SESSION_VIA_TCP ||
		!worker_waits_for(worker, message->peer.connection))
		return false;
	if (!keep(worker, message, SESSION_NONE))
		counter_add(&worker->counters[WORKER_DROP_KEPT], 1);
	return true;
}

enum verdict { WAITS, COMES, GONE };

static bool is_free(const struct worker *worker, uint32_t index)
{
	struct session_turn now;

	return !session_peek(worker->host.table, index, &now) || now.state == SESSION_FREE;
}

/* What becomes of a connect now. */
static enum verdict judge(struct worker *worker, struct wait *wait)
{
	const uint64_t now = worker->host.clock.us;
	const tcp_id id = wait->message.peer.connection;

	if (!tcp_user(worker->tcp, id))
		return GONE;
	if (session_take(worker->host.sessions, wait->index))
		return COMES;
	if (now - wait->asked <= ASK_AGAIN_US)
		return WAITS;
	if (now - wait->since > WAIT_US || is_free(worker, wait->index)) {
		counter_add(&worker->counters[WORKER_DROP_FETCH], 1);
		worker_close(worker, id);
		return GONE;
	}
	wait->asked = now;
	ask(worker, wait->index);
	return WAITS;
}

/* A connection's messages lie in their order, the connect first: all share its verdict. */
static enum verdict judged_before(const struct worker *worker, const uint8_t *verdicts, unsigned i)
{
	const tcp_id id = worker->waits[i].message.peer.connection;

	while (i-- > 0) {
		if (worker->waits[i].message.peer.connection == id)
			return (enum verdict)verdicts[i];
	}
	return GONE;
}

void worker_waits(struct worker *worker)
{
	struct wait *waits = worker->waits;
	uint8_t verdicts[WORKER_WAITS];
	unsigned count = worker->host.waiting, stay = 0;

	for (unsigned i = 0; i < count; i++)
		verdicts[i] = waits[i].index == SESSION_NONE ? judged_before(worker, verdicts, i)
							     : judge(worker, &waits[i]);
	for (unsigned i = 0; i < count; i++) {
		if (verdicts[i] == WAITS)
			waits[stay++] = waits[i];
		else if (verdicts[i] == COMES)
			worker_push(worker, &waits[i].message, waits[i].listener, waits[i].chunk);
		else
			chunk_put(worker->chunks, waits[i].chunk);
	}
	worker->host.waiting = stay;
}

void worker_waits_free(struct worker *worker)
{
	for (unsigned i = 0; i < worker->host.waiting; i++)
		chunk_put(worker->chunks, worker->waits[i].chunk);
	worker->host.waiting = 0;
}
