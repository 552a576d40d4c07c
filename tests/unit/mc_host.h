/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_host.h - a worker on plain memory for the Mc tests: real sessions, ring, registry and AES; the
 * transports are arrays, the clock is set by hand */
#pragma once

#include "mc_device.h"

#include <arpa/inet.h>
#include <unistd.h>
#include <urcu/urcu-qsbr.h>

#define CONNECTIONS_MAX 4096
#define SENT_MAX 1024
#define START_UNIX 1700000000u
#define RING_BYTES (1u << 20)
#define POOL_BLOCKS 256

static const uint64_t *world_session_counters;
/* feed.acknowledge of the worlds made from now on */
static enum config_acknowledge world_acknowledge;

struct sim_connection {
	bool open;   /* the device's side has not closed it */
	bool closed; /* the broker has */
	session_handle handle;
	uint32_t deadline; /* tick, 0: none */
	uint32_t from;     /* IPv4 address, host order; 0: each has one of its own */
};

struct sent {
	struct peer to;
	uint32_t length;
	uint8_t *data;
};

/* struct world - a worker's surroundings, the worker left out */
struct world {
	struct host host; /* first: host_* find the world by it */
	struct config config;
	struct random random;
	uint64_t seed;
	char directory[64];
	struct store *store;
	struct binding_table *bindings;
	struct feed *feed;
	struct command_pool *pool;
	struct hearth_feed *reader;
	struct mc *mc;
	struct listener listeners[8];
	int listener_count;
	struct sim_connection connections[CONNECTIONS_MAX];
	uint32_t connection_count;
	struct sent sent[SENT_MAX];
	unsigned sent_count, sent_next;
	struct message messages[PROTOCOL_BATCH * 2];
	unsigned message_count;
	uint8_t reserved[MC_FRAME_MAX * 2];
	bool no_room; /* host_reserve() fails */
	unsigned stage_seen;
};

/* ---- host_*: what protocol.h wants of a worker ---- */

void host_stage(struct host *host, enum stage stage)
{
	((struct world *)host)->stage_seen |= 1u << stage;
}

static struct sim_connection *sim(struct host *host, uint32_t connection)
{
	struct world *w = (struct world *)host;

	if (!connection || connection > w->connection_count)
		return NULL;
	return w->connections[connection].open ? &w->connections[connection] : NULL;
}

uint8_t *host_reserve(struct host *host, const struct peer *to, uint32_t bytes, uint32_t *ticket)
{
	struct world *w = (struct world *)host;
	struct sim_connection *c = sim(host, to->connection);

	*ticket = 7;
	assert_true(bytes <= sizeof(w->reserved));
	if (to->via == SESSION_VIA_UDP)
		assert_true(bytes <= (ip_is_v4(&to->udp.address) ? 1472 : 1452));
	if (w->no_room || (to->via == SESSION_VIA_TCP && (!c || c->closed)))
		return NULL;
	memset(w->reserved, 0xee, sizeof(w->reserved));
	w->reserved[bytes] = 0x5a;
	return w->reserved;
}

void host_commit(struct host *host, const struct peer *to, uint32_t ticket, uint32_t bytes)
{
	struct world *w = (struct world *)host;
	struct sent *sent;

	if (w->sent_next == w->sent_count) { /* all were looked at */
		for (; w->sent_count; w->sent_count--)
			free(w->sent[w->sent_count - 1].data);
		w->sent_next = 0;
	}
	assert_int_equal(ticket, 7);
	assert_true(w->sent_count < SENT_MAX);
	sent = &w->sent[w->sent_count++];
	*sent = (struct sent){.to = *to, .length = bytes, .data = malloc(bytes + 1)};
	memcpy(sent->data, w->reserved, bytes);
	sent->data[bytes] = 0;
}

void host_close(struct host *host, uint32_t connection)
{
	struct sim_connection *c = sim(host, connection);

	if (!c)
		return;
	c->closed = true;
	c->handle = 0;
}

void host_bind(struct host *host, uint32_t connection, session_handle handle)
{
	struct sim_connection *c = sim(host, connection);

	if (c)
		c->handle = handle;
}

session_handle host_bound(struct host *host, uint32_t connection)
{
	struct sim_connection *c = sim(host, connection);

	return c ? c->handle : 0;
}

void host_deadline(struct host *host, uint32_t connection, uint32_t seconds)
{
	struct sim_connection *c = sim(host, connection);

	if (c)
		c->deadline = seconds ? host->clock.tick + seconds : 0;
}

/* There is one worker here: every session is its own. */

void host_hand(struct host *host, const struct message *message, uint32_t index)
{
	fail();
}

bool host_fetch(struct host *host, const struct message *message, uint32_t index)
{
	fail();
	return false;
}

bool host_keep(struct host *host, const struct message *message)
{
	fail();
	return false;
}

bool host_command(struct host *host, uint32_t command, uint32_t index)
{
	fail();
	return false;
}

void host_look(struct host *host, uint32_t index)
{
	fail();
}

bool host_committed(struct host *host, session_handle handle, uint32_t count)
{
	fail();
	return false;
}

void host_peer_address(
	struct host *host, const struct peer *peer, uint8_t address[16], uint16_t *port)
{
	memset(address, 0, 16);
	address[10] = address[11] = 0xff;
	if (peer->via == SESSION_VIA_TCP) {
		const struct sim_connection *c = sim(host, peer->connection);
		uint32_t from = c && c->from ? c->from : 0xc6120000 + peer->connection;

		memcpy(address + 12, &(uint32_t){htonl(from)}, 4);
		*port = 40000 + peer->connection;
	} else {
		memcpy(address, &peer->udp.address, 16);
		*port = ntohs(peer->udp.port);
	}
}

/* ---- the world ---- */

static void sim_random(struct random *random, void *out, size_t length)
{
	struct world *w = (struct world *)((char *)random - offsetof(struct world, random));
	uint8_t *bytes = out;

	for (size_t i = 0; i < length; i++) { /* xorshift64* */
		w->seed ^= w->seed >> 12;
		w->seed ^= w->seed << 25;
		w->seed ^= w->seed >> 27;
		bytes[i] = (w->seed * 0x2545f4914f6cdd1dull) >> 56;
	}
}

static void path_in(const struct world *w, char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s/%s", w->directory, name);
}

static bool keep_entry(void *context, uint32_t index, uint32_t number, uint32_t serial)
{
	struct world *w = context;
	const struct device *device = registry_at(w->host.registry, number);

	return device && device->serial == serial;
}

static unsigned entry_owner(void *context, uint32_t entry)
{
	return 0;
}

static int mark_owner(void *context, uint32_t entry, uint64_t session)
{
	const struct world *w = context;
	struct session_turn turn;

	return session_peek(w->host.table, entry, &turn) && turn.number == session &&
			       (turn.state == SESSION_LIVE || turn.flags & SESSION_OWED_SUBDEVICES)
		       ? 0
		       : -1;
}

static void open_bindings(struct world *w)
{
	char path[128], error[256];
	struct binding_config config = {.path = path,
		.limit = 600,
		.workers = 1,
		.entries = 64,
		.store = w->store,
		.registry = w->host.registry,
		.owner = entry_owner};

	path_in(w, path, sizeof(path), "ring.bindings");
	if (binding_open(&w->bindings, &config, error, sizeof(error)))
		fail_with("binding_open", error);
	w->host.bindings = binding_worker(w->bindings, 0);
}

static void replay_record(void *context, const struct hearth_item *item)
{
	struct world *w = context;
	const uint8_t event = item->record->event;

	if (event == HEARTH_RESPONSE || event == HEARTH_UNDELIVERED)
		command_forget(w->pool, item->record->request);
	mc_protocol.restored(w->mc, item);
}

static void note_uncommitted(void *context, const struct hearth_item *item)
{
	struct world *w = context;

	mc_protocol.uncommitted(w->mc, item);
}

static void attach_entry(void *context, uint32_t index)
{
	struct world *w = context;

	mc_protocol.attached(w->mc, index);
	session_commit(w->host.sessions);
}

/* What a worker does with the commands that its predecessor left. */
static bool attach_command(void *context, uint32_t index)
{
	struct world *w = context;

	if (command_slot(w->host.pool, index)->life.state == COMMAND_PLACED) {
		command_arrive(w->host.pool, index);
		return true;
	}
	mc_protocol.command_attached(w->mc, index);
	command_commit(w->host.pool);
	session_commit(w->host.sessions);
	return true;
}

/* Sessions, ring and protocol, made or attached to: what a broker does when it starts. */
static void world_attach(struct world *w)
{
	char sessions[128], ring[128], commands[128], error[256];
	struct session_config session = {.path = sessions,
		.entries = 64,
		.workers = 1,
		.ipv6 = true,
		.uncommitted = w->config.feed.acknowledge == ACKNOWLEDGE_COMMIT,
		.random = &w->random};
	struct feed_config feed = {.path = ring,
		.bytes = RING_BYTES,
		.workers = 1,
		.first_id = 4096,
		.id_limit = UINT64_MAX,
		.answers = w->config.feed.acknowledge == ACKNOWLEDGE_COMMIT};

	struct command_config pool = {.path = commands, .blocks = POOL_BLOCKS, .workers = 1};
	uint32_t damaged;

	path_in(w, sessions, sizeof(sessions), "ring.sessions");
	path_in(w, commands, sizeof(commands), "ring.commands");
	path_in(w, ring, sizeof(ring), "ring");
	if (session_table_open(&w->host.table, &session, error, sizeof(error)))
		fail_with("session_table_open", error);
	if (feed_open(&w->feed, &feed, error, sizeof(error)))
		fail_with("feed_open", error);
	if (command_pool_open(&w->pool, &pool, error, sizeof(error)))
		fail_with("command_pool_open", error);
	w->host.registry = registry_load(w->store, 1024, false, 1000, error, sizeof(error));
	if (!w->host.registry)
		fail_with("registry_load", error);
	open_bindings(w);
	w->host.sessions = session_worker(w->host.table, 0);
	w->host.feed = feed_ring(w->feed, 0);
	w->host.pool = command_worker(w->pool, 0);
	w->listener_count = mc_protocol.start((void **)&w->mc, &w->host, w->listeners);
	assert_int_equal(w->listener_count, 3);
	session_worker_attach(w->host.sessions, w->host.clock.tick, keep_entry, w);
	assert_true(feed_replay(w->host.feed, replay_record, w) >= 0);
	session_commit(w->host.sessions);
	feed_applied(w->host.feed);
	binding_attach(w->bindings, mark_owner, w);
	session_visit(w->host.sessions, attach_entry, w);
	assert_true(feed_unanswered(w->host.feed, note_uncommitted, w) >= 0);
	command_attach(w->pool, attach_command, w, &damaged);
	assert_int_equal(damaged, 0);
	world_session_counters = session_counters(w->host.sessions);
}

static void world_detach(struct world *w)
{
	mc_protocol.stop(w->mc);
	binding_close(w->bindings);
	registry_free(w->host.registry);
	feed_close(w->feed);
	command_pool_close(w->pool);
	session_table_close(w->host.table);
	for (uint32_t i = 1; i <= w->connection_count; i++)
		w->connections[i].open = false;
}

/* Kill and start again: nothing of the process stays, connections neither. */
static void world_restart(struct world *w)
{
	world_detach(w);
	w->message_count = 0;
	world_attach(w);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	char registry[128], error[256], ring[128];

	w->seed = 0x123456789abcdefull;
	w->random.fill = sim_random;
	snprintf(w->directory, sizeof(w->directory), "/tmp/hearth-mc-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	path_in(w, registry, sizeof(registry), "registry");
	w->store = store_open(registry, 0, error, sizeof(error));
	if (!w->store)
		fail_with("store_open", error);
	provision_all(w->store);
	configure_mc(&w->config);
	w->config.feed.acknowledge = world_acknowledge;
	w->host.config = &w->config;
	w->host.random = &w->random;
	w->host.clock = (struct turn_clock){
		.us = 5000000000ull, .tick = 5000, .unix_ms = START_UNIX * 1000ull};
	w->host.aes = aes_burst_new();
	assert_non_null(w->host.aes);
	urcu_qsbr_register_thread();
	world_attach(w);
	path_in(w, ring, sizeof(ring), "ring");
	w->reader = hearth_feed_open(ring, 0, error, sizeof(error));
	if (!w->reader)
		fail_with("hearth_feed_open", error);
	/* a new reader of a new ring begins at its start */
	return w;
}

static void world_free(struct world *w)
{
	hearth_feed_close(w->reader);
	world_detach(w);
	aes_burst_free(w->host.aes);
	store_close(w->store);
	urcu_qsbr_unregister_thread();
	for (unsigned i = 0; i < w->sent_count; i++)
		free(w->sent[i].data);
	nftw(w->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
}

static int world_setup(void **state)
{
	*state = world_new();
	return 0;
}

static int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* What a worker does with a turn's messages, and after them. */
static void world_decide(struct world *w)
{
	unsigned done = 0, n;

	for (; done < w->message_count; done += n) {
		n = w->message_count - done;
		if (n > PROTOCOL_BATCH)
			n = PROTOCOL_BATCH;
		mc_protocol.messages(w->mc, &w->messages[done], n);
	}
	for (unsigned i = 0; i < w->message_count; i++)
		free((void *)w->messages[i].data);
	w->message_count = 0;
}

static bool answer_committed(void *context, const struct hearth_item *item)
{
	struct world *w = context;

	return mc_protocol.committed(w->mc, item);
}

/* ... and with commands: all that have arrived, and all that are held. */
static void world_commands(struct world *w)
{
	uint32_t index;

	while ((index = command_first(w->host.pool)) != COMMAND_NONE)
		assert_true(mc_protocol.command(w->mc, index));
	command_sweep(w->host.pool, POOL_BLOCKS, mc_protocol.command_due, w->mc);
}

/* The control thread's slice, and what comes of it. */
static void world_jobs(struct world *w)
{
	struct job job;

	while (binding_told(w->host.bindings, &job))
		mc_protocol.resumed(w->mc, &job);
}

static void world_turn(struct world *w)
{
	world_decide(w);
	world_jobs(w);
	feed_answer(w->host.feed, 128, answer_committed, w);
	world_commands(w);
	mc_protocol.finish(w->mc);
	feed_publish(w->host.feed);
	command_commit(w->host.pool);
	session_commit(w->host.sessions);
	binding_commit(w->host.bindings);
	feed_applied(w->host.feed);
	binding_applied(w->host.bindings);
	feed_answered(w->host.feed);
	urcu_qsbr_quiescent_state();
}

/* Time passes for everything; the sweep has seen all sessions by then. */
static void world_pass(struct world *w, uint32_t seconds)
{
	w->host.clock.us += seconds * 1000000ull;
	w->host.clock.tick += seconds;
	w->host.clock.unix_ms += seconds * 1000ull;
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
}

static uint64_t counted(const struct world *w, enum mc_counter counter)
{
	return mc_protocol.counters(w->mc)[counter];
}

static uint32_t now_of(const struct world *w)
{
	return w->host.clock.unix_ms / 1000;
}

/* ---- transports ---- */

static uint32_t tcp_open(struct world *w)
{
	assert_true(w->connection_count + 1 < CONNECTIONS_MAX);
	w->connections[++w->connection_count] = (struct sim_connection){.open = true};
	return w->connection_count;
}

/* The device closes, or the connection is reset: a bound one is reported. */
static void tcp_drop(struct world *w, uint32_t connection)
{
	session_handle handle = w->connections[connection].handle;

	w->connections[connection].open = false;
	if (handle)
		mc_protocol.closed(w->mc, connection, handle);
	world_turn(w);
}

static bool tcp_closed(const struct world *w, uint32_t connection)
{
	return w->connections[connection].closed;
}

static struct peer on_login(uint32_t connection)
{
	return (struct peer){.via = SESSION_VIA_TCP, .listener = 0, .connection = connection};
}

static struct peer on_tcp(uint32_t connection)
{
	return (struct peer){.via = SESSION_VIA_TCP, .listener = 1, .connection = connection};
}

static struct peer on_udp(uint16_t port)
{
	return (struct peer){.via = SESSION_VIA_UDP,
		.listener = 2,
		.udp = {.address = ip_from_v4(htonl(0xc6130001)), .port = htons(port)}};
}

/* The same device behind an address of the other family: fd77::7. */
static inline struct peer on_udp6(uint16_t port)
{
	struct peer peer = on_udp(port);

	peer.udp.address = (struct ip_address){{htonl(0xfd770000), 0, 0, htonl(7)}};
	return peer;
}

/* Put a frame into the next turn's batch. */
static void queue(struct world *w, struct peer peer, const void *frame, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1); /* its own block: a read past it is seen */

	memcpy(copy, frame, length);
	assert_true(w->message_count < PROTOCOL_BATCH * 2);
	w->messages[w->message_count++] =
		(struct message){.data = copy, .length = length, .peer = peer};
}

static void deliver(struct world *w, struct peer peer, const void *frame, uint32_t length)
{
	queue(w, peer, frame, length);
	world_turn(w);
}

/* ---- the device's side ---- */

/* The next frame that the broker sent, opened with a key; there is false if there is none. */
static struct answer next_answer(struct world *w, const char *key, const char *iv)
{
	struct answer answer = {0};
	struct sent *sent;

	if (w->sent_next == w->sent_count)
		return answer;
	sent = &w->sent[w->sent_next++];
	open_answer(&answer, sent->data, sent->length, key, iv);
	answer.to = sent->to;
	return answer;
}

static struct answer answer_of(struct world *w, const struct device_side *d)
{
	return next_answer(w, d->key, d->key);
}

static void expect_silence(struct world *w)
{
	assert_int_equal(w->sent_next, w->sent_count);
}

static void expect_answer(
	struct world *w, const struct device_side *d, uint32_t code, int64_t result)
{
	struct answer answer = answer_of(w, d);

	assert_true(answer.there);
	assert_int_equal(answer.code, code);
	assert_int_equal(answer.result, result);
}

static void login_frame(
	const struct world *w, const struct device_side *d, struct frame_text *frame)
{
	login_text(d, now_of(w), frame);
}

/* Log in; the token goes to @d. Return: the login connection. */
static uint32_t log_in(struct world *w, struct device_side *d)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	uint32_t connection = tcp_open(w);
	struct answer answer;

	login_frame(w, d, frame);
	deliver(w, on_login(connection), frame->text, frame->length);
	free(frame);
	answer = next_answer(w, d->pin, d->pin + 16);
	assert_true(answer.there);
	assert_int_equal(answer.code, 1003);
	assert_int_equal(answer.result, 0);
	assert_true(member_text(answer.plain, "sessionKey", d->key, sizeof(d->key)));
	assert_true(member_text(answer.plain, "token", d->token, sizeof(d->token)));
	d->sequence++;
	return connection;
}

static void queue_plain(struct world *w, const struct device_side *d, struct peer peer,
	uint32_t code, const char *plain)
{
	struct frame_text *frame = malloc(sizeof(*frame));

	session_frame(d, frame, code, plain);
	queue(w, peer, frame->text, frame->length);
	free(frame);
}

static void send_plain(struct world *w, const struct device_side *d, struct peer peer,
	uint32_t code, const char *plain)
{
	queue_plain(w, d, peer, code, plain);
	world_turn(w);
}

static void queue_connect(struct world *w, const struct device_side *d, struct peer peer,
	uint16_t sequence, uint32_t time)
{
	char plain[256];

	connect_text(d, sequence, time, plain, sizeof(plain));
	queue_plain(w, d, peer, MC_CONNECT, plain);
}

static void send_connect(struct world *w, const struct device_side *d, struct peer peer,
	uint16_t sequence, uint32_t time)
{
	queue_connect(w, d, peer, sequence, time);
	world_turn(w);
}

static void queue_request(struct world *w, const struct device_side *d, struct peer peer,
	uint32_t code, uint16_t sequence, uint32_t time)
{
	char plain[1024];

	request_text(d, code, sequence, time, plain, sizeof(plain));
	queue_plain(w, d, peer, code, plain);
}

/* Send request @sequence now, over the device's own transport. */
static void send_request(
	struct world *w, const struct device_side *d, uint32_t code, uint16_t sequence)
{
	queue_request(w, d, d->peer, code, sequence, now_of(w));
	world_turn(w);
}

/* The next request in order, answered with @result. */
static void good_request(struct world *w, struct device_side *d, uint32_t code, int64_t result)
{
	send_request(w, d, code, ++d->sequence);
	expect_answer(w, d, code + 1, result);
}

/* ---- events ---- */

static struct event next_event(struct world *w)
{
	return read_event(w->reader);
}

static void expect_no_event(struct world *w)
{
	assert_false(next_event(w).there);
}

static struct event expect_event(struct world *w, const struct device_side *d,
	enum hearth_event kind, unsigned code_or_reason)
{
	struct event event = next_event(w);

	assert_true(event.there);
	assert_int_equal(event.record.event, kind);
	assert_int_equal(
		kind == HEARTH_OFFLINE ? event.record.reason : event.record.code, code_or_reason);
	assert_string_equal(event.device, d->id);
	return event;
}

/* Connect with the next number and take the answer and the event. */
static void connected(struct world *w, struct device_side *d, struct peer peer)
{
	d->peer = peer;
	send_connect(w, d, peer, d->sequence, now_of(w));
	expect_answer(w, d, 1005, 0);
	expect_event(w, d, HEARTH_ONLINE, MC_CONNECT);
}

/* The same while the device is live already: its older session is replaced. */
static void reconnected(struct world *w, struct device_side *d, struct peer peer)
{
	d->peer = peer;
	send_connect(w, d, peer, d->sequence, now_of(w));
	expect_answer(w, d, 1005, 0);
	expect_event(w, d, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, d, HEARTH_ONLINE, MC_CONNECT);
}

/* Login and connect. */
static void live_tcp(struct world *w, struct device_side *d)
{
	log_in(w, d);
	connected(w, d, on_tcp(tcp_open(w)));
}

static void live_udp(struct world *w, struct device_side *d, uint16_t port)
{
	log_in(w, d);
	connected(w, d, on_udp(port));
}

static uint32_t entry_of(struct world *w, const struct device_side *d)
{
	return session_find(w->host.table, bytes_of(d->token));
}

static struct session_turn entry_now(struct world *w, const struct device_side *d)
{
	struct session_turn turn = {0};

	session_peek(w->host.table, entry_of(w, d), &turn);
	return turn;
}

static struct device *device_of(struct world *w, const struct device_side *d)
{
	return registry_find(w->host.registry, d->id, strlen(d->id));
}
