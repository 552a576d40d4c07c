/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_tcp.c - sequences of segments, times and users' calls, near to what connections expect */
#include "fuzz.h"
#include "memory.h"
#include "tcp/tcp.h"

/*
 * Input: a byte of configuration, then records: a byte of what to do to which connection, its
 * arguments. Numbers are relative to what the connection has reached, so that mutations stay in and
 * around the windows; every payload is the stream's own bytes at that number.
 *
 * Oracle: TCP's invariants after every step; the user receives the peer's stream byte for byte,
 * once and in order; what is sent is the user's stream at its number, inside what was written;
 * nothing is acknowledged that was not sent; in the end, with a silent peer, every pool is as at
 * the start.
 */
enum {
	DO_SYN,
	DO_SEGMENT,
	DO_DATA,
	DO_WRITE,
	DO_CLOSE,
	DO_ABORT,
	DO_REFUSE,
	DO_TIME,
	DO_TOO_BIG,
	DO_CONNECT,
	DO_COUNT
};

#define FLOWS 4
#define PORT 7701
#define STREAM_MAX (1u << 20)
#define OUT_BATCH 16
#define SECOND_US 1000000ull

/** struct flow - what the oracle knows of one 4-tuple */
struct flow {
	struct tcp_tuple tuple;
	tcp_id id;      /* 0: the user has no connection */
	uint32_t iss;   /* the peer's */
	uint32_t irs;   /* Hearth's newest */
	bool up;        /* established, as the user was told */
	uint32_t sent;  /* of the peer's stream, at most */
	uint32_t acked; /* by Hearth, SYN and FIN not counted */
	uint32_t heard; /* delivered to the user */
	uint32_t written;
	bool finished; /* the user was told of the peer's FIN */
	bool fin;      /* the peer sent one */
};

static struct {
	struct tcp *tcp;
	struct chunk_pool *chunks;
	void *tcp_memory, *chunk_memory;
	size_t tcp_size, chunk_size;
	uint64_t now;
	bool refuse;
	struct flow flows[FLOWS];
} world;

static uint8_t peer_byte(const struct flow *flow, uint32_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 24 ^ flow->tuple.remote_port);
}

static uint8_t user_byte(uint32_t offset)
{
	return (uint8_t)(offset * 2246822519u >> 24);
}

static void fill_same(void *out, uint8_t byte, size_t length)
{
	memset(out, byte, length);
}

static void start(uint8_t choice)
{
	static uint16_t port;
	struct chunk_pool_config chunks = {
		.count = {choice & 1 ? 8 : 64, 32, 8, 2}, .poison = true};
	struct tcp_config config = {.connections = 4,
		.embryonic = 4,
		.time_wait = 2,
		.sides = choice & 2 ? 1 : 4,
		.ipv6 = true,
		.receive_window = choice & 4   ? 2000
				  : choice & 8 ? 200000
					       : 65535,
		.send_bytes = 20000,
		.mss = choice & 16 ? 536 : 1460,
		.idle_us = 180 * SECOND_US,
		.ports = &port,
		.port_count = 1};

	port = htons(PORT);
	fill_same(&config.flow_key, 3, sizeof(config.flow_key));
	fill_same(&config.isn_key, 4, sizeof(config.isn_key));
	memset(world.flows, 0, sizeof(world.flows));
	world.refuse = false;
	world.chunk_size = chunk_pool_bytes(&chunks);
	world.chunk_memory = memory_map(world.chunk_size, false);
	world.chunks = chunk_pool_init(world.chunk_memory, &chunks);
	config.chunks = world.chunks;
	world.tcp_size = tcp_bytes(&config);
	world.tcp_memory = memory_map(world.tcp_size, false);
	/* Some runs begin just before the millisecond clock wraps. */
	world.now = choice & 32 ? (1ull << 32) * 1000 - 3 * SECOND_US : SECOND_US;
	world.tcp = tcp_init(world.tcp_memory, &config, world.now);
	require(world.tcp, "no TCP");
	for (unsigned i = 0; i < FLOWS; i++) {
		struct tcp_tuple *tuple = &world.flows[i].tuple;

		tuple->remote = ip_from_v4(htonl(0xc6120002 + i));
		tuple->local = ip_from_v4(htonl(0xc6120001));
		if (i == 3) {
			inet_pton(AF_INET6, "fd77::2", &tuple->remote);
			inet_pton(AF_INET6, "fd77::1", &tuple->local);
		}
		tuple->remote_port = htons((uint16_t)(40000 + i));
		tuple->local_port = htons(PORT);
	}
}

static void stop(void)
{
	chunk_pool_fini(world.chunks);
	memory_unmap(world.chunk_memory, world.chunk_size);
	memory_unmap(world.tcp_memory, world.tcp_size);
}

static struct flow *flow_of(const struct tcp_tuple *tuple)
{
	for (unsigned i = 0; i < FLOWS; i++)
		if (memcmp(&world.flows[i].tuple, tuple, sizeof(*tuple)) == 0)
			return &world.flows[i];
	require(false, "a tuple that was never used");
	return NULL;
}

static struct flow *flow_by_id(tcp_id id)
{
	for (unsigned i = 0; i < FLOWS; i++)
		if (id && world.flows[i].id == id)
			return &world.flows[i];
	return NULL;
}

static void out_one(const struct tcp_out *out)
{
	struct flow *flow = flow_of(&out->tuple);
	uint32_t offset, acked;

	require(out->options_length % 4 == 0 && out->options_length <= 40, "%u",
		out->options_length);
	require(out->length <= 1460, "%u bytes in a segment", out->length);
	if (out->flags & TCP_RST)
		return;
	if (out->flags & TCP_SYN) {
		flow->irs = out->seq;
		/* A new life of the flow; of several SYNs the peer goes on with the one
		 * answered. */
		if (out->flags & TCP_ACK && !flow->id) {
			flow->iss = out->ack - 1;
			flow->sent = flow->acked = flow->written = flow->heard = 0;
			flow->fin = false;
		}
		return;
	}
	if (!flow->up)
		return;
	offset = out->seq - flow->irs - 1;
	if (out->length > 0) {
		require(offset + out->length <= flow->written, "offset %u length %u of %u", offset,
			out->length, flow->written);
		for (uint32_t i = 0; i < out->length; i++)
			require(out->payload[i] == user_byte(offset + i), "byte %u", offset + i);
	}
	acked = out->ack - flow->iss - 1;
	require(acked <= flow->sent + flow->fin, "%u acknowledged of %u", acked, flow->sent);
	require(acked >= flow->acked, "acknowledged %u, then %u", flow->acked, acked);
	require(acked <= flow->heard + flow->finished, "%u acknowledged, %u delivered", acked,
		flow->heard);
	flow->acked = acked;
}

static void output(void)
{
	struct tcp_out out[OUT_BATCH];
	unsigned count, rounds = 0;
	const char *wrong;

	do {
		count = tcp_output(world.tcp, world.now, out, OUT_BATCH);
		for (unsigned i = 0; i < count; i++)
			out_one(&out[i]);
		require(++rounds < 1000, "output without end");
	} while (count == OUT_BATCH);
	wrong = tcp_check(world.tcp);
	require(!wrong, "%s", wrong);
}

static void begin(struct flow *flow, tcp_id id)
{
	require(!flow->id, "opened while open");
	flow->id = id;
	flow->acked = flow->heard = flow->written = 0;
	flow->finished = false;
}

static void gone(struct flow *flow)
{
	flow->id = 0;
	flow->up = false;
}

static void up(struct tcp_up *ups)
{
	struct tcp_tuple tuple;
	struct flow *flow;

	if (ups->events & TCP_UP_OPENED && tcp_tuple_of(world.tcp, ups->id, &tuple)) {
		flow = flow_of(&tuple);
		if (flow->id != ups->id)
			begin(flow, ups->id);
		require(!flow->up, "opened twice");
		flow->up = true;
	}
	flow = flow_by_id(ups->id);
	if (!ups->events)
		return;
	require(flow, "events %#x of a connection that the user does not have", ups->events);
	if (ups->events & TCP_UP_DATA) {
		require(!flow->finished, "bytes after the end");
		require(ups->length > 0 && flow->heard + ups->length <= flow->sent,
			"%u bytes at %u of %u", ups->length, flow->heard, flow->sent);
		for (uint32_t i = 0; i < ups->length; i++)
			require(ups->data[i] == peer_byte(flow, flow->heard + i), "byte %u",
				flow->heard + i);
		if (!world.refuse)
			flow->heard += ups->length;
		tcp_accept(world.tcp, ups->id, !world.refuse);
	}
	if (ups->events & TCP_UP_FINISHED) {
		require(!flow->finished && flow->fin, "finished");
		flow->finished = true;
	}
	if (ups->events & TCP_UP_CLOSED)
		gone(flow);
}

static void input(const struct tcp_segment *segment)
{
	struct tcp_place place;
	struct tcp_up ups;
	tcp_id id;

	/* Exactly as long as it says, so that the sanitizer sees a read behind it. */
	uint8_t *payload = malloc(segment->length ? segment->length : 1);
	struct tcp_segment copy = *segment;

	memcpy(payload, segment->payload, segment->length);
	copy.payload = payload;
	tcp_locate_flows(world.tcp, &copy, &place, 1);
	tcp_locate_connections(world.tcp, &place, 1);
	tcp_input(world.tcp, &copy, &place, world.now, &ups);
	id = ups.id;
	up(&ups);
	while (id && flow_by_id(id) && tcp_more(world.tcp, id, &ups))
		up(&ups);
	output();
	free(payload);
}

/* A segment whose numbers are near what the flow has reached. */
static void segment(struct flow *flow, uint8_t flags, int32_t seq, int32_t ack, uint32_t length,
	uint16_t window, const uint8_t *options, size_t options_length)
{
	static uint8_t payload[4096];
	uint32_t offset = flow->acked + (uint32_t)seq;
	struct tcp_segment s = {.tuple = flow->tuple,
		.seq = flow->iss + 1 + offset,
		.ack = flow->irs + 1 + flow->written + (uint32_t)ack,
		.window = window,
		.flags = flags,
		.options = options,
		.options_length = (uint8_t)(options_length & ~3u),
		.payload = payload,
		.length = length};

	/* The number of a connection that Hearth opens is the SYN's business. */
	if (flow->id && !flow->up)
		s.flags = flags &= (uint8_t)~TCP_SYN;
	/* Ahead of the stream's first byte there is none, nor behind its last. */
	if (length > sizeof(payload) || offset >= STREAM_MAX || offset + length > STREAM_MAX)
		s.length = length = 0;
	for (uint32_t i = 0; i < length; i++)
		payload[i] = peer_byte(flow, offset + i);
	if (length > 0 && flow->sent < offset + length)
		flow->sent = offset + length;
	if (flags & TCP_FIN) {
		flow->fin = true;
		if (offset < STREAM_MAX && flow->sent < offset)
			flow->sent = offset;
	}
	input(&s);
}

static void syn(struct flow *flow, struct input *in)
{
	uint8_t count = take8(in);
	size_t length = count % 41;
	uint32_t iss = take32(in);
	const uint8_t *options = take_bytes(in, &length);
	struct tcp_segment s = {.tuple = flow->tuple,
		.seq = iss,
		.window = take16(in),
		.flags = TCP_SYN | (count & 0x80 ? TCP_ACK : 0),
		.options = options,
		.options_length = (uint8_t)(length & ~(size_t)3),
		.payload = options};

	/* One that Hearth opens has had the peer's number from the start. */
	if (flow->id && !flow->up)
		s.seq = flow->iss;
	if (s.flags & TCP_ACK)
		s.ack = flow->irs + 1;
	input(&s);
}

static void write_some(struct flow *flow, uint32_t length)
{
	uint8_t *room;

	if (!flow->id || length == 0)
		return;
	room = tcp_reserve(world.tcp, flow->id, length);
	if (!room)
		return;
	for (uint32_t i = 0; i < length; i++)
		room[i] = user_byte(flow->written + i);
	tcp_commit(world.tcp, flow->id, length);
	flow->written += length;
}

static void run(uint64_t us)
{
	struct tcp_up ups[TCP_SWEEP_GROUP];
	unsigned count;

	world.now += us;
	count = tcp_timers(world.tcp, world.now, ups, 16);
	for (unsigned i = 0; i < count; i++)
		up(&ups[i]);
	count = tcp_sweep(world.tcp, world.now, ups, 1);
	for (unsigned i = 0; i < count; i++)
		up(&ups[i]);
	output();
}

static void step(struct input *in)
{
	uint8_t what = take8(in), flags;
	struct flow *flow = &world.flows[what >> 6];
	size_t length;
	int32_t seq, ack;
	uint16_t window;
	uint32_t iss;
	tcp_id id;

	switch (what % 64 % DO_COUNT) {
	case DO_SYN:
		syn(flow, in);
		break;
	case DO_SEGMENT:
		flags = take8(in);
		seq = (int16_t)take16(in);
		ack = (int16_t)take16(in);
		window = take16(in);
		length = take8(in) % 41;
		segment(flow, flags & 0x3f, seq, ack, flags & 0x40 ? take16(in) % 1461 : 0, window,
			take_bytes(in, &length), length);
		break;
	case DO_DATA:
		seq = (int8_t)take8(in) * 100;
		segment(flow, TCP_ACK, seq, 0, take16(in) % 1461, 65535, NULL, 0);
		break;
	case DO_WRITE:
		write_some(flow, take16(in) % 5000);
		output();
		break;
	case DO_CLOSE:
		tcp_close(world.tcp, flow->id);
		gone(flow);
		output();
		break;
	case DO_ABORT:
		tcp_abort(world.tcp, flow->id);
		gone(flow);
		output();
		break;
	case DO_REFUSE:
		world.refuse = !world.refuse;
		break;
	case DO_TIME:
		run((uint64_t)take16(in) * 100);
		break;
	case DO_TOO_BIG:
		seq = (int16_t)take16(in);
		tcp_icmp_input(world.tcp, &flow->tuple,
			flow->irs + 1 + flow->written + (uint32_t)seq, TCP_ICMP_TOO_BIG, take16(in),
			world.now);
		output();
		break;
	case DO_CONNECT:
		if (flow->id)
			break;
		iss = take32(in);
		id = tcp_connect(world.tcp, &flow->tuple, 0, NULL, world.now);
		if (!id)
			break; /* the flow has a record already */
		flow->iss = iss;
		flow->sent = 0;
		flow->fin = false;
		begin(flow, id);
		output();
		break;
	}
}

/* The peer is silent from here on: everything must end by itself. */
static void drain(void)
{
	world.refuse = false;
	for (unsigned i = 0; i < FLOWS; i++) {
		tcp_close(world.tcp, world.flows[i].id);
		gone(&world.flows[i]);
	}
	for (unsigned i = 0; i < 100; i++)
		run(5 * SECOND_US);
	require(tcp_connections(world.tcp, NULL) == 0, "%u connections are left",
		tcp_connections(world.tcp, NULL));
	for (unsigned i = 0; i < CHUNK_CLASSES; i++)
		require(chunk_free_count(world.chunks, i) == chunk_count(world.chunks, i),
			"chunks of class %u are lost", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	start(take8(&in));
	for (unsigned steps = 0; in.left > 0 && steps < 200; steps++)
		step(&in);
	/* Minutes of silence take longer than all the rest: some inputs have to do. */
	if (size % 32 == 0)
		drain();
	stop();
	return 0;
}
