/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_random.c - seeded bursts of garbage, mutated frames and odd segments; a canary is
 * always answered, and a report that is acknowledged has its event, and only one */
#include "worker_device.h"

#define BURSTS 3000
#define HOSTILES 12
#define REPORTS_MAX 16384
#define PATIENCE 12 /* bursts without an answer, until a device begins anew */

/** struct report - one acknowledged, or one whose event was read */
struct report {
	char device;
	uint64_t session;
	uint32_t count;
};

/** struct reporter - a device that reports, one report at a time */
struct reporter {
	struct gadget gadget;
	bool live, waiting;
	uint64_t session; /* its number */
	uint16_t base;    /* of its connect */
	unsigned waited;  /* bursts since it asked */
	uint32_t code;    /* of what it asked */
	struct frame_text frame;
	uint32_t sent; /* bytes of it, over TCP */
};

struct chaos {
	struct rig *rig;
	struct reporter canary, udp, tcp;
	struct flow *hostiles[HOSTILES];
	struct report acknowledged[REPORTS_MAX], events[REPORTS_MAX];
	unsigned acknowledged_count, event_count, lives;
	uint64_t last_id;
	bool failing; /* the link is */
};

/* ---- reports and their events ---- */

static void note(
	struct report *list, unsigned *count, const char *id, uint64_t session, uint32_t number)
{
	assert_true(*count < REPORTS_MAX);
	list[(*count)++] = (struct report){.device = id[0], .session = session, .count = number};
}

static int compare(const void *a, const void *b)
{
	const struct report *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->session != y->session)
		return x->session < y->session ? -1 : 1;
	return x->count < y->count ? -1 : x->count > y->count;
}

static void read_events(struct chaos *c)
{
	struct event event;

	while ((event = read_event(c->rig->reader)).there) {
		assert_true(event.record.id > c->last_id);
		c->last_id = event.record.id;
		if (event.record.event == HEARTH_UPLINK)
			note(c->events, &c->event_count, event.device, event.record.session,
				event.record.count);
	}
}

static void check_reports(struct chaos *c)
{
	qsort(c->events, c->event_count, sizeof(c->events[0]), compare);
	for (unsigned i = 1; i < c->event_count; i++)
		assert_int_not_equal(compare(&c->events[i - 1], &c->events[i]), 0);
	for (unsigned i = 0; i < c->acknowledged_count; i++)
		assert_non_null(bsearch(&c->acknowledged[i], c->events, c->event_count,
			sizeof(c->events[0]), compare));
}

/* ---- devices that do as they should ---- */

/* Begin anew: login and connect while nothing else is under way. */
static void begin(struct chaos *c, struct reporter *r, bool tcp, uint16_t port)
{
	struct gadget *g = &r->gadget;
	struct flow *login;

	if (g->flow) {
		flow_reset(g->flow);
		rig_turn(c->rig);
		flow_forget(g->flow);
		g->flow = NULL;
	}
	login = gadget_login(g);
	flow_close(login);
	flow_forget(login);
	g->port = port;
	if (tcp)
		g->flow = flow_open(c->rig, CONNECT_PORT);
	gadget_connect(g);
	r->base = g->side.sequence;
	r->session = entry_now(g).number;
	r->live = true;
	r->waiting = false;
	c->lives++;
}

/* The next request, if the last was answered. */
static void ask(struct reporter *r, uint32_t code)
{
	if (r->waiting)
		return;
	r->waiting = true;
	r->waited = 0;
	r->sent = 0;
	r->code = code;
	request_frame(&r->gadget, code, ++r->gadget.side.sequence, &r->frame);
}

static void take_answers(struct chaos *c, struct reporter *r)
{
	struct gadget *g = &r->gadget;
	struct answer answer;
	char text[16];

	while ((answer = gadget_answer(g)).there) {
		if (answer.result == MC_OUT_OF_SEQUENCE)
			r->live = false; /* somebody played with its frames */
		if (!member_text(answer.plain, "sequence", text, sizeof(text)) ||
			atoi(text) != g->side.sequence || !r->waiting ||
			answer.code != r->code + 1 || answer.result != 0)
			continue;
		r->waiting = false;
		if (r->code != MC_HEARTBEAT)
			note(c->acknowledged, &c->acknowledged_count, g->side.id, r->session,
				(uint16_t)(g->side.sequence - r->base));
	}
	if (g->flow && (g->flow->reset || g->flow->finished))
		r->live = false;
	if (r->waiting && ++r->waited > PATIENCE)
		r->live = false;
}

/* ---- the rest ---- */

static bool room_for(const struct chaos *c, unsigned frames)
{
	return c->rig->link.rx_count + frames <= STACK_BURST;
}

static void random_bytes(struct rig *rig, uint8_t *out, uint32_t length)
{
	plain_fill(&rig->random.random, out, length);
}

/* Nothing but noise, some of it addressed to us. */
static void send_garbage(struct chaos *c)
{
	static const uint16_t types[] = {0x0800, 0x0806, 0x86dd, 0x8100};
	struct rig *rig = c->rig;
	struct packet p;

	memset(&p, 0, sizeof(p));
	p.length = draw(rig, 1519);
	random_bytes(rig, p.data, p.length);
	if (draw(rig, 4)) {
		memcpy(p.data, our_mac, 6);
		put16(p.data + 12, types[draw(rig, 4)]);
		if (draw(rig, 2))
			p.data[IP] = 0x45;
	}
	link_arrive(&rig->link, &p);
}

/* A good frame to begin with. */
static void make_good(struct chaos *c, struct packet *p)
{
	struct rig *rig = c->rig;
	struct flow *flow = c->tcp.gadget.flow;
	const struct frame_text *frame = draw(rig, 2) ? &c->udp.frame : &c->tcp.frame;
	uint32_t length = frame->length < 1400 ? frame->length : 1400;

	switch (draw(rig, 6)) {
	case 0:
		make_arp(p, draw(rig, 2) ? all_mac : our_mac, 1 + draw(rig, 2), peer_mac,
			PEER_ADDRESS, OUR_ADDRESS);
		break;
	case 1:
		make_echo(p, draw(rig, 1400));
		break;
	case 2:
	case 3:
		make_udp(p, frame->text, length);
		put16(p->data + L4, c->udp.gadget.port);
		break;
	default:
		make_tcp(p, draw(rig, 3) ? TCP_ACK : draw(rig, 64), flow ? flow->seq : 1,
			flow ? flow->ack : 1, frame->text, length);
		put16(p->data + L4, flow ? flow->port : 1);
		put16(p->data + L4 + 2, draw(rig, 2) ? CONNECT_PORT : LOGIN_PORT);
		break;
	}
}

/* A good frame with a few bytes changed, cut or made longer; its checksums may be right again. */
static void send_mutated(struct chaos *c)
{
	const struct flow *flow = c->tcp.gadget.flow;
	struct rig *rig = c->rig;
	struct packet p;
	bool ip, sealed;
	unsigned header;

	make_good(c, &p);
	ip = get16(p.data + 12) == 0x0800;
	sealed = ip && draw(rig, 3) > 0;
	/* Where the lengths stay what they were, the sums can be made good. */
	header = sealed ? IP + 8 : 0;
	for (unsigned i = draw(rig, 6); i > 0 && p.length > header; i--) {
		uint8_t *at = p.data + header + draw(rig, p.length - header);

		*at = draw(rig, 2) ? *at ^ (uint8_t)(1 << draw(rig, 8)) : (uint8_t)draw(rig, 256);
	}
	if (sealed) {
		/* A port that our own devices will use would be taken by then, as TCP has it. */
		if (!flow || get16(p.data + L4) != flow->port)
			p.data[L4] |= 0xc0;
		seal_ip(&p);
		if (p.data[IP + 9] == 6)
			seal_l4(&p, 16);
		else if (p.data[IP + 9] == 17)
			seal_l4(&p, 6);
	} else if (draw(rig, 4) == 0) {
		p.length = draw(rig, p.length + 1);
	} else if (draw(rig, 4) == 0) {
		p.length += draw(rig, 1519 - p.length);
	}
	link_arrive(&rig->link, &p);
}

/* Bytes as somebody might send who has read the specification, or has not. */
static uint32_t hostile_bytes(struct rig *rig, uint8_t *out, uint32_t size)
{
	static const char *const words[] = {"CTS{", "}\r\n", "\r\n", "\r", "\n", "\"code\":1002,",
		"\"code\":1004,", "\"token\":\"0123456789abcdef\",",
		"\"deviceId\":\"" CANARY_ID "\"", "\"data\":\"", "\"", "AAAA", "====", "{{{{",
		"\\u0000", "\xff\xfe"};
	uint32_t length = 0;

	while (length + 64 < size && draw(rig, 12)) {
		const char *word = words[draw(rig, sizeof(words) / sizeof(words[0]))];

		if (draw(rig, 8) == 0) {
			uint32_t noise = draw(rig, 64);

			random_bytes(rig, out + length, noise);
			length += noise;
			continue;
		}
		memcpy(out + length, word, strlen(word));
		length += (uint32_t)strlen(word);
	}
	return length;
}

/* A whole login of a known device, with another's PIN. */
static uint32_t hostile_login(struct rig *rig, uint8_t *out)
{
	struct device_side side = {.id = DEVICE_LONG, .pin = PIN_B};
	struct frame_text frame;

	login_text(&side, now_of(rig), &frame);
	memcpy(out, frame.text, frame.length);
	return frame.length;
}

/* One step in the life of a connection that means no good. */
static void send_hostile(struct chaos *c, struct flow **slot)
{
	struct rig *rig = c->rig;
	struct flow *flow = *slot;
	uint8_t bytes[1460];
	uint32_t length;

	if (!flow) {
		flow = *slot = flow_make(rig, draw(rig, 2) ? LOGIN_PORT : CONNECT_PORT);
		flow_raw(flow, TCP_SYN, flow->seq++, 0, NULL, 0);
		return;
	}
	if (flow->reset || flow->finished || draw(rig, 40) == 0) {
		if (draw(rig, 2))
			flow_raw(flow, TCP_RST, flow->acked, 0, NULL, 0);
		flow_forget(flow);
		*slot = NULL;
		return;
	}
	if (!flow->established)
		return;
	length =
		draw(rig, 8) ? hostile_bytes(rig, bytes, sizeof(bytes)) : hostile_login(rig, bytes);
	if (draw(rig, 30) == 0)
		flow_raw(flow, draw(rig, 64), flow->seq + draw(rig, 3) - 1, flow->ack, bytes,
			length);
	else
		flow_next(flow, draw(rig, 20) ? 0 : TCP_FIN, bytes, length);
}

/* The next piece of what the TCP device has to say, over a network that cuts as it likes. */
static void send_piece(struct chaos *c)
{
	struct reporter *r = &c->tcp;
	uint32_t rest = r->frame.length - r->sent, piece;

	if (!r->live || !r->waiting)
		return;
	if (rest == 0) {
		/* Lost on the way in or out: everything again, as TCP does. */
		struct flow *flow = r->gadget.flow;
		uint32_t have = r->frame.length - (flow->seq - flow->acked);

		if (flow->acked != flow->seq && flow->seq - flow->acked <= r->frame.length)
			flow_raw(flow, TCP_ACK, flow->acked, flow->ack, r->frame.text + have,
				flow->seq - flow->acked);
		return;
	}
	piece = 1 + draw(c->rig, draw(c->rig, 2) ? 20 : rest);
	if (piece > rest)
		piece = rest;
	flow_next(r->gadget.flow, 0, r->frame.text + r->sent, piece);
	r->sent += piece;
}

static void send_something(struct chaos *c)
{
	switch (draw(c->rig, 8)) {
	case 0:
		send_garbage(c);
		break;
	case 1:
	case 2:
		send_mutated(c);
		break;
	case 3:
		if (c->udp.live)
			gadget_queue(&c->udp.gadget, &c->udp.frame);
		break;
	case 4:
		send_piece(c);
		break;
	default:
		send_hostile(c, &c->hostiles[draw(c->rig, HOSTILES)]);
		break;
	}
}

/* ---- the run ---- */

/* Now and then the link takes little, or has few buffers. */
static void weather(struct chaos *c)
{
	struct rig *rig = c->rig;

	rig->link.takes = ~0U;
	rig->link.buffers = LINK_RESERVED_MAX;
	c->failing = draw(rig, 12) == 0;
	if (c->failing && draw(rig, 2))
		rig->link.takes = draw(rig, 4);
	else if (c->failing)
		rig->link.buffers = draw(rig, 4);
}

static void burst(struct chaos *c)
{
	struct rig *rig = c->rig;
	unsigned frames = draw(rig, 40), at = draw(rig, frames + 1);

	rig_set_clock(rig, rig->clock.us + draw(rig, draw(rig, 20) ? 5000 : 500000));
	rig->datagram_count = 0;
	ask(&c->canary, draw(rig, 4) ? 2006 : MC_HEARTBEAT);
	ask(&c->udp, 2006);
	ask(&c->tcp, draw(rig, 4) ? 2006 : 2028);
	for (unsigned i = 0; i <= frames; i++) {
		if (i == at)
			gadget_queue(&c->canary.gadget, &c->canary.frame);
		else if (room_for(c, 2))
			send_something(c);
	}
	rig_turn(rig);
	take_answers(c, &c->canary);
	take_answers(c, &c->udp);
	take_answers(c, &c->tcp);
	/* Whatever came beside it. */
	assert_true(c->canary.live);
	if (!c->failing)
		assert_false(c->canary.waiting);
	read_events(c);
}

/* What was begun ends by itself; nothing is left of it. */
static void let_it_end(struct chaos *c)
{
	struct rig *rig = c->rig;
	struct session_counts counts;

	for (unsigned i = 0; i < rig->flow_count; i++)
		rig->flows[i]->silent = true;
	rig->link.takes = ~0U;
	rig->link.buffers = LINK_RESERVED_MAX;
	rig_pass(rig, 400 * SECOND, 100 * MS);
	read_events(c);
	counts = session_counts(session_worker(rig->broker.table, 0));
	assert_int_equal(counts.login + counts.live_tcp + counts.live_udp, 0);
	assert_int_equal(tcp_connections(rig->worker->tcp, NULL), 0);
	assert_chunks(rig, 0);
}

static void run(struct rig *rig, uint64_t seed)
{
	struct chaos *c = calloc(1, sizeof(*c));

	rig->random.state = seed;
	c->rig = rig;
	c->canary.gadget = (struct gadget)GADGET(rig, SIDE_CANARY);
	c->udp.gadget = (struct gadget)GADGET(rig, SIDE_A);
	c->tcp.gadget = (struct gadget)GADGET(rig, SIDE_B);
	begin(c, &c->canary, false, 40001);
	for (unsigned i = 0; i < BURSTS; i++) {
		weather(c);
		if (!c->failing && !c->udp.live)
			begin(c, &c->udp, false, 40002);
		if (!c->failing && !c->tcp.live)
			begin(c, &c->tcp, true, 0);
		burst(c);
	}
	/* They all got something done, and were all disturbed. */
	assert_true(c->acknowledged_count > BURSTS);
	assert_true(c->lives > 10);
	assert_true(rig->worker->stream_counters[STREAM_PARTIAL] > 100);
	assert_true(mc_counted(rig, MC_REPEATS) > 100);
	assert_true(mc_counted(rig, MC_DROP_FRAME) > 100);
	let_it_end(c);
	check_reports(c);
	free(c);
}

static void test_a_canary_lives_through_anything(void **state)
{
	run(*state, 1);
}

static void test_and_through_anything_else(void **state)
{
	run(*state, 0xfeedface);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_new, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_canary_lives_through_anything),
		TEST(test_and_through_anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
