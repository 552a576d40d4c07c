/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker.c - the poll loop's one turn, stage by stage */
#include "worker.h"

#include "worker_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/urcu-qsbr.h>

COUNTER_TABLE(worker_counter_info, WORKER_COUNTERS);

static void count(struct worker *worker, enum worker_counter counter)
{
	counter_add(&worker->counters[counter], 1);
}

static struct connection *connection(struct worker *worker, tcp_id id)
{
	return tcp_user(worker->tcp, id);
}

/* The listener of a local port (network byte order), or NULL. */
static const struct worker_listener *listener(
	const struct worker *worker, enum session_via via, uint16_t port)
{
	for (unsigned i = 0; i < worker->listener_count; i++) {
		const struct worker_listener *l = &worker->listeners[i];

		if (l->via == via && l->port == port)
			return l;
	}
	return NULL;
}

/* Which of our addresses on a link: its index, so that a session remembers one byte. */
static uint8_t local_index(
	const struct worker *worker, uint8_t link, const struct ip_address *local)
{
	struct ip_address own;

	for (unsigned i = 0; stack_address_at(worker->stack, link, i, &own); i++) {
		if (ip_equal(&own, local))
			return (uint8_t)i;
	}
	return 0;
}

static uint64_t seconds_from_now(const struct worker *worker, uint32_t seconds)
{
	return worker->host.clock.us + seconds * 1000000ull;
}

/* ---- up from the stack ---- */

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct worker *worker = context;
	const struct worker_listener *l = listener(worker, SESSION_VIA_TCP, tuple->local_port);
	struct connection *c = connection(worker, id);

	count(worker, WORKER_CONNECTIONS);
	c->stream.listener = (uint8_t)(l - worker->listeners);
	tcp_set_deadline(worker->tcp, id, seconds_from_now(worker, WORKER_FRAME_SECONDS));
}

static bool batch_room(void *context, uint32_t frames)
{
	struct worker *worker = context;

	return worker->message_count + frames <= WORKER_MESSAGES;
}

void worker_push(struct worker *worker, const struct message *message, uint8_t listener_number,
	chunk_id chunk)
{
	worker->messages[worker->message_count] = *message;
	worker->message_listener[worker->message_count++] = listener_number;
	if (chunk)
		worker->chunks_used[worker->chunk_count++] = chunk;
}

static void on_frame(void *context, const uint8_t *data, uint32_t length, chunk_id chunk)
{
	struct worker *worker = context;
	const struct message message = {.data = data, .length = length, .peer = worker->peer};

	worker_push(worker, &message, worker->peer_listener, chunk);
}

static void stop_stream(struct worker *worker, tcp_id id)
{
	struct connection *c = connection(worker, id);

	stream_reset(&c->stream, worker->chunks);
}

/*
 * Remember that a connection ended; its session hears of it after the messages that came before.
 * @tuple: NULL if TCP still has the connection
 */
static void note_end(struct worker *worker, tcp_id id, const struct connection *c,
	const struct tcp_tuple *tuple, enum end_kind kind)
{
	struct end *end = &worker->ends[worker->end_count++];

	*end = (struct end){.connection = id,
		.handle = c->handle,
		.listener = c->stream.listener,
		.kind = kind};
	if (tuple)
		end->tuple = *tuple;
	if (worker->end_count == WORKER_ENDS)
		worker_end_connections(worker);
}

/* A frame's time runs from its first byte. @begun: what the stream said before these bytes. */
static void frame_deadline(
	struct worker *worker, tcp_id id, const struct stream *stream, uint8_t begun)
{
	if (!stream_pending(stream))
		tcp_set_deadline(worker->tcp, id, 0);
	else if (stream->begun != begun)
		tcp_set_deadline(worker->tcp, id, seconds_from_now(worker, WORKER_FRAME_SECONDS));
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	struct worker *worker = context;
	struct connection *c = connection(worker, id);
	const struct worker_listener *l = &worker->listeners[c->stream.listener];
	uint8_t begun = c->stream.begun;
	struct stream_rules rules = {
		.frame_end = l->protocol->frame_end,
		.shortest = WORKER_FRAME_SHORTEST,
		.longest = c->handle ? l->frame_bytes : l->first_bytes,
		.spare = !c->handle,
		.close_long = !c->handle,
		.close_short = l->closes,
	};
	enum stream_verdict verdict;

	/* The peer sends it again; by then what came before it is decided. */
	if (worker->host.waiting && worker_waits_for(worker, id))
		return false;
	worker->peer =
		(struct peer){.via = SESSION_VIA_TCP, .listener = l->index, .connection = id};
	worker->peer_listener = c->stream.listener;
	stages_enter(&worker->stages, STAGE_FRAME);
	verdict = stream_input(&c->stream, &rules, &worker->sink, data, length);
	stages_enter(&worker->stages, STAGE_RECEIVE);
	if (verdict == STREAM_CLOSE) {
		note_end(worker, id, c, NULL, END_NO_FRAME);
		return true;
	}
	/* Before a session is bound the deadline is the connection's own and is left alone. */
	if (c->handle)
		frame_deadline(worker, id, &c->stream, begun);
	return verdict == STREAM_TAKEN;
}

void worker_close(struct worker *worker, tcp_id id)
{
	note_end(worker, id, connection(worker, id), NULL, END_DEADLINE);
}

/* The peer's FIN ends the connection, after what it sent before is answered. */
static void on_finished(void *context, tcp_id id)
{
	struct worker *worker = context;

	note_end(worker, id, connection(worker, id), NULL, END_FINISHED);
}

static void on_closed(void *context, const struct tcp_up *up)
{
	struct worker *worker = context;
	struct connection gone;

	memcpy(&gone, up->user, sizeof(gone));
	stream_reset(&gone.stream, worker->chunks);
	note_end(worker, up->id, &gone, &up->tuple, END_GONE);
}

static void on_deadline(void *context, tcp_id id)
{
	struct worker *worker = context;

	count(worker, WORKER_DEADLINE);
	note_end(worker, id, connection(worker, id), NULL, END_DEADLINE);
}

static void on_datagram(void *context, const struct datagram *datagram)
{
	struct worker *worker = context;
	const struct udp_path *path = &datagram->path;
	const struct worker_listener *l = listener(worker, SESSION_VIA_UDP, path->local_port);

	count(worker, WORKER_DATAGRAMS);
	if (datagram->length < WORKER_FRAME_SHORTEST || datagram->length > l->frame_bytes) {
		count(worker, WORKER_DROP_DATAGRAM);
		return;
	}
	if (!batch_room(worker, 1)) {
		count(worker, WORKER_DROP_BATCH);
		return;
	}
	worker->peer = (struct peer){.via = SESSION_VIA_UDP,
		.listener = l->index,
		.udp = {.address = path->remote,
			.port = path->remote_port,
			.link = path->link,
			.local = local_index(worker, path->link, &path->local)}};
	worker->peer_listener = (uint8_t)(l - worker->listeners);
	on_frame(worker, datagram->data, datagram->length, 0);
	worker->messages[worker->message_count - 1].hops = datagram->hops;
}

void worker_stack_user(struct worker *worker, struct stack_user *user)
{
	*user = (struct stack_user){.context = worker,
		.opened = on_opened,
		.stream = on_stream,
		.finished = on_finished,
		.closed = on_closed,
		.deadline = on_deadline,
		.datagram = on_datagram};
	worker->sink = (struct stream_sink){.chunks = worker->chunks,
		.counters = worker->stream_counters,
		.context = worker,
		.room = batch_room,
		.frame = on_frame};
}

/* ---- the turn ---- */

/* Hand the turn's frames to their protocols, in order, as many as one batch takes at a time. */
static void decide(struct worker *worker)
{
	unsigned first = 0, end;

	while (first < worker->message_count) {
		unsigned slot = worker->listeners[worker->message_listener[first]].slot;

		end = first + 1;
		while (end < worker->message_count && end - first < PROTOCOL_BATCH &&
			worker->listeners[worker->message_listener[end]].slot == slot)
			end++;
		protocols[slot]->messages(
			worker->states[slot], &worker->messages[first], end - first);
		first = end;
	}
	worker->message_count = 0;
	for (unsigned i = 0; i < worker->chunk_count; i++)
		chunk_put(worker->chunks, worker->chunks_used[i]);
	worker->chunk_count = 0;
}

/* Let go of a connection that TCP still has. Return: the session it was bound to. */
static session_handle end_connection(struct worker *worker, struct end *end)
{
	session_handle handle = host_bound(&worker->host, end->connection);

	if (!tcp_user(worker->tcp, end->connection))
		return 0; /* ended earlier in this turn */
	if (end->kind == END_DEADLINE && handle != end->handle)
		return 0; /* the deadline was of the time before it was bound */
	tcp_tuple_of(worker->tcp, end->connection, &end->tuple);
	stop_stream(worker, end->connection);
	if (end->kind == END_NO_FRAME)
		tcp_abort(worker->tcp, end->connection);
	else
		tcp_close(worker->tcp, end->connection);
	return handle;
}

void worker_end_connections(struct worker *worker)
{
	for (unsigned i = 0; i < worker->end_count; i++) {
		struct end *end = &worker->ends[i];
		unsigned slot = worker->listeners[end->listener].slot;
		session_handle handle = end->handle;

		if (end->kind != END_GONE)
			handle = end_connection(worker, end);
		worker->ending = end;
		if (handle)
			protocols[slot]->closed(worker->states[slot], end->connection, handle);
	}
	worker->ending = NULL;
	worker->end_count = 0;
}

uint32_t worker_pace(
	struct pace *pace, uint64_t now, uint32_t entries, uint64_t period_us, uint32_t most)
{
	uint64_t due;

	pace->credit += (now - pace->last) * entries;
	pace->last = now;
	due = pace->credit / period_us;
	if (due > most) { /* late: catch up in bounded slices, forget the rest */
		due = most;
		pace->credit = 0;
	} else {
		pace->credit -= due * period_us;
	}
	return due;
}

/* What time brings, with or without traffic. Return: did any connection end? */
static bool timers(struct worker *worker)
{
	const uint64_t now = worker->host.clock.us;
	uint32_t budget;
	bool ended;

	if (now - worker->timed < WORKER_TIMERS_US)
		return false;
	worker->timed = now;
	stages_enter(&worker->stages, STAGE_TIMERS);
	stack_timers(worker->stack, now);
	ended = worker->end_count;
	worker_end_connections(worker);
	budget = worker_pace(&worker->sweep, now, worker->blocks,
		worker->blocks > 1000000 / SESSION_BLOCK ? 8000000 : 1000000, WORKER_SWEEP_MAX);
	if (budget) {
		for (unsigned i = 0; i < protocol_count; i++)
			protocols[i]->sweep(worker->states[i], budget);
	}
	return ended;
}

/* Step 5 of a turn, the slices: what they decide is published with the same turn. */
static void slices(struct worker *worker, struct stages_work *work)
{
	bool ended = timers(worker);

	stages_enter(&worker->stages, STAGE_SLICES);
	work->sliced |= worker_mail(worker);
	work->sliced |= worker_jobs(worker);
	work->sliced |= worker_committed(worker);
	work->sliced |= worker_commands(worker);
	work->busy |= ended | work->sliced;
	for (unsigned i = 0; i < protocol_count; i++)
		work->sliced |= protocols[i]->finish(worker->states[i]);
}

bool worker_turn(struct worker *worker, const struct turn_clock *now)
{
	struct stages_work work = {0};
	unsigned taken, sent;

	stages_begin(&worker->stages);
	worker->host.clock = *now;
	if (__atomic_load_n(&worker->configured, __ATOMIC_ACQUIRE) != worker->host.config) {
		worker_take_config(worker);
		work.sliced = true;
	}
	if (worker->host.trace)
		worker->host.following = trace_turn(worker->host.trace);
	if (worker->host.waiting)
		worker_waits(worker);
	work.frames = stack_receive(worker->stack, now->us);
	taken = worker->message_count;
	work.frames += taken;
	work.busy = work.frames != 0;
	stages_enter(&worker->stages, STAGE_FRAME);
	decide(worker);
	worker_end_connections(worker);
	slices(worker, &work);

	/* The crash order: records readable, sessions stored, both marked, and only then
	 * answers. */
	stages_enter(&worker->stages, STAGE_PUBLISH);
	feed_publish(worker->host.feed);
	command_commit(worker->host.pool);
	session_commit(worker->host.sessions);
	binding_commit(worker->host.bindings);
	feed_applied(worker->host.feed);
	binding_applied(worker->host.bindings);
	if (worker_commands_take(worker))
		work.busy = work.sliced = true;
	if (worker->mesh)
		worker_hand_over(worker);
	stages_enter(&worker->stages, STAGE_TRANSMIT);
	sent = stack_transmit(worker->stack, now->us);
	work.frames += sent;
	work.busy |= sent != 0;
	feed_answered(worker->host.feed);
	stages_enter(&worker->stages, STAGE_SLICES);
	if (work.busy)
		worker_figures_turn(worker, taken);
	urcu_qsbr_quiescent_state();
	stages_end(&worker->stages, work);
	return work.busy;
}

unsigned worker_gaps(const struct worker *worker, struct gap gaps[GAP_LOG], uint64_t *count)
{
	return gap_log_read(&worker->stages.log, gaps, count);
}

void worker_turns(const struct worker *worker, struct turn_view *view)
{
	const uint64_t *from = (const uint64_t *)&worker->stages.total;
	uint64_t *to = (uint64_t *)view;

	_Static_assert(sizeof(*view) % sizeof(uint64_t) == 0, "a view is counters only");
	for (size_t i = 0; i < sizeof(*view) / sizeof(uint64_t); i++)
		to[i] = counter_read(&from[i]);
}
