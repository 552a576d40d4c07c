/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_forward.c - packets on the wrong worker's queue: to their owner, once, as they were */
#include "icmp_quote.h"

#include <stdio.h>

#define WORKERS 3

/* Stacks that share an ownership function, rings and an Ethernet address, as a port's queues do. */
struct crew {
	struct fixture *f[WORKERS];
	struct forward *forward;
};

static int crew_make(void **state, uint16_t vlan, bool ipv6)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	uint8_t key[RSS_KEY_BYTES];

	crew->forward = forward_new(WORKERS, false);
	assert_non_null(crew->forward);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct fixture *f = crew->f[i] = fixture_make();

		if (i == 0)
			do
				seeded_fill(&f->random, key, sizeof(key));
			while (rss_init(&f->rss, key, WORKERS) != 0);
		f->rss = crew->f[0]->rss;
		f->config.worker = i;
		f->config.links[0].vlan = vlan;
		f->config.forward = crew->forward;
		if (ipv6) {
			f->config.links[0].addresses[f->config.links[0].address_count++] =
				(struct stack_address){v6(our_v6), 64};
			f->config.tcp.ipv6 = true;
		}
		fixture_start(f);
	}
	*state = crew;
	return 0;
}

static int crew_setup(void **state)
{
	return crew_make(state, 0, false);
}

static int crew_setup_tagged(void **state)
{
	return crew_make(state, 77, false);
}

static int crew6_setup(void **state)
{
	return crew_make(state, 0, true);
}

static int crew_teardown(void **state)
{
	struct crew *crew = *state;

	for (unsigned i = 0; i < WORKERS; i++)
		fixture_free(crew->f[i]);
	forward_free(crew->forward);
	free(crew);
	return 0;
}

static unsigned owner_of(const struct crew *crew, unsigned port, unsigned local_port)
{
	return owner_v4(&crew->f[0]->rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
		htons((uint16_t)local_port));
}

/* The next port at or after @from whose flow worker @owner owns. */
static unsigned port_of(const struct crew *crew, unsigned owner, unsigned from, unsigned local)
{
	while (owner_of(crew, from, local) != owner)
		from++;
	return from;
}

static void udp_from(struct packet *p, unsigned port, const char *text)
{
	make_udp(p, text, (unsigned)strlen(text));
	put16(p->data + L4, port);
	seal_l4(p, 6);
}

static void test_a_datagram_goes_to_its_owner_whatever_queue_it_came_by(void **state)
{
	struct crew *crew = *state;
	unsigned heard[WORKERS] = {0}, forwarded[WORKERS] = {0}, frames[WORKERS] = {0};
	struct packet p;

	for (unsigned port = 40000; port < 40200; port++) {
		unsigned owner = owner_of(crew, port, UDP_PORT), at = port % WORKERS;
		char text[16];

		snprintf(text, sizeof(text), "from %u", port);
		udp_from(&p, port, text);
		p.flags = port & 1 ? FRAME_L3_GOOD | FRAME_L4_GOOD : 0;
		deliver(crew->f[at], &p);
		frames[at]++;
		forwarded[at] += at != owner;
		assert_int_equal(counter(crew->f[at], STACK_FORWARDED), forwarded[at]);
		if (at != owner)
			turn(crew->f[owner]);
		assert_int_equal(crew->f[owner]->datagrams, ++heard[owner]);
		assert_int_equal(crew->f[owner]->last.path.remote_port, htons((uint16_t)port));
		assert_memory_equal(crew->f[owner]->datagram, text, strlen(text));
		assert_int_equal(crew->f[owner]->last.hops, 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_true(heard[i] > 30 && forwarded[i] > 20);
		assert_int_equal(crew->f[i]->datagrams, heard[i]);
		assert_int_equal(all_drops(crew->f[i]), 0);
		assert_int_equal(counter(crew->f[i], STACK_RX_FRAMES), frames[i]);
	}
}

/* What is wrong with a packet is found where it came in: only good ones go on. */
static void test_bad_packets_are_not_handed_on(void **state)
{
	struct crew *crew = *state;
	unsigned port = port_of(crew, 1, 40000, UDP_PORT);
	struct packet p;

	udp_from(&p, port, "hello");
	p.data[L4 + 8] ^= 1;
	deliver(crew->f[0], &p);
	assert_int_equal(counter(crew->f[0], STACK_DROP_UDP_CHECKSUM), 1);
	turn(crew->f[1]);
	assert_int_equal(crew->f[1]->datagrams, 0);
	assert_int_equal(counter(crew->f[1], STACK_FORWARD_TAKEN), 0);
}

static void test_a_connection_lives_where_its_flow_belongs(void **state)
{
	struct crew *crew = *state;
	unsigned port = port_of(crew, 2, 50000, TCP_PORT);
	struct fixture *owner = crew->f[2];
	uint32_t theirs;
	struct packet p;

	introduce(crew->f[0]);
	turn(owner); /* it learnt the peer with worker 0 */
	forget_sent(owner);
	make_tcp(&p, 0x02, 1000, 0, NULL, 0);
	put16(p.data + L4, port);
	seal_l4(&p, 16);
	deliver(crew->f[0], &p);
	turn(owner);
	assert_int_equal(owner->links[0].sent_count, 1);
	theirs = get32(owner->links[0].sent[0].data + L4 + 4);
	for (unsigned i = 0; i < 3; i++) {
		make_tcp(&p, 0x18, 1001 + 5 * i, theirs + 1, "hello", 5);
		put16(p.data + L4, port);
		seal_l4(&p, 16);
		deliver(crew->f[i], &p); /* any queue */
		turn(owner);
	}
	assert_int_equal(owner->opened, 1);
	assert_int_equal(owner->stream_length, 15);
	assert_memory_equal(owner->stream, "hellohellohello", 15);
	assert_int_equal(crew->f[0]->opened + crew->f[1]->opened, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(all_drops(crew->f[i]), 0);
}

/* The network that a frame belongs to goes with it, in its tag or beside it where the port took
 * that off; and is no other on the way. */
static void test_L3_a_forwarded_frame_keeps_its_network(void **state)
{
	struct crew *crew = *state;
	unsigned port = port_of(crew, 1, 40000, UDP_PORT);
	struct packet p;

	for (unsigned stripped = 0; stripped < 2; stripped++) {
		udp_from(&p, port, "tagged");
		if (stripped) {
			p.flags = FRAME_VLAN;
			p.vlan = 77;
		} else {
			memmove(p.data + 16, p.data + 12, p.length - 12);
			put16(p.data + 12, 0x8100);
			put16(p.data + 14, 77);
			p.length += 4;
		}
		deliver(crew->f[0], &p);
		assert_int_equal(counter(crew->f[0], STACK_FORWARDED), stripped + 1);
		turn(crew->f[1]);
		assert_int_equal(crew->f[1]->datagrams, stripped + 1);
		assert_int_equal(all_drops(crew->f[1]), 0);
	}
	udp_from(&p, port, "untagged");
	deliver(crew->f[0], &p);
	turn(crew->f[1]);
	assert_int_equal(counter(crew->f[0], STACK_DROP_VLAN), 1);
	assert_int_equal(crew->f[1]->datagrams, 2);
}

static uint64_t tcp_counter_of(const struct fixture *f, enum tcp_counter which)
{
	return tcp_counters(stack_tcp(f->stack))[which];
}

/* An error about what worker @owner would have sent comes by the queue of worker @at. */
static void icmp_errors_reach(struct crew *crew, unsigned at, unsigned owner, bool is_v6)
{
	struct ip_address ours = v6(our_v6), peer = v6(peer_v6);
	unsigned port = 50000;
	struct packet p;

	while ((is_v6 ? rss_owner(&crew->f[0]->rss, &peer, &ours, htons((uint16_t)port),
				htons(TCP_PORT))
		      : owner_of(crew, port, TCP_PORT)) != owner)
		port++;
	if (is_v6) {
		make_error6(&p, 1, 4, 0, 6);
		put16(p.data + QUOTE6_L4 + 2, port);
		seal6(&p, 2);
	} else {
		make_error(&p, 3, 3, 0, 6);
		put16(p.data + QUOTE_L4 + 2, port);
		seal_l4(&p, 2);
	}
	deliver(crew->f[at], &p);
	turn(crew->f[owner]);
}

/* RFC 1122 section 4.2.3.9: TCP must react to an error; its owner does, wherever the error came. */
static void test_an_icmp_error_goes_to_the_owner_of_what_it_quotes(void **state)
{
	struct crew *crew = *state;

	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		for (unsigned at = 0; at < WORKERS; at++) {
			for (unsigned owner = 0; owner < WORKERS; owner++) {
				uint64_t there = counter(crew->f[owner], STACK_ICMP_TCP);
				uint64_t handed = counter(crew->f[at], STACK_FORWARDED);

				icmp_errors_reach(crew, at, owner, is_v6);
				assert_int_equal(
					counter(crew->f[owner], STACK_ICMP_TCP), there + 1);
				/* TCP has no such flow, and says so where the flow belongs. */
				assert_int_equal(
					tcp_counter_of(crew->f[owner], TCP_DROP_ICMP), there + 1);
				assert_int_equal(counter(crew->f[at], STACK_FORWARDED),
					handed + (at != owner));
			}
		}
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(all_drops(crew->f[i]), 0);
}

/* RFC 1191: the connection that sent what was too big hears of it, wherever the error came. */
static void test_too_big_reaches_a_connection_by_any_queue(void **state)
{
	static uint8_t bytes[1200];
	struct crew *crew = *state;
	unsigned port = port_of(crew, 2, 50000, TCP_PORT);
	struct fixture *owner = crew->f[2];
	uint32_t theirs;
	struct packet p;

	owner->echo = true;
	introduce(crew->f[0]);
	turn(owner);
	forget_sent(owner);
	make_ip(&p, 6, 24); /* a SYN with an MSS of 1460 */
	put16(p.data + L4, port);
	put16(p.data + L4 + 2, TCP_PORT);
	put32(p.data + L4 + 4, 1000);
	p.data[L4 + 12] = 0x60;
	p.data[L4 + 13] = 0x02;
	put16(p.data + L4 + 14, 65535);
	put32(p.data + L4 + 20, 0x020405b4);
	seal_l4(&p, 16);
	deliver(crew->f[0], &p);
	turn(owner);
	theirs = get32(owner->links[0].sent[0].data + L4 + 4);
	make_tcp(&p, 0x18, 1001, theirs + 1, bytes, sizeof(bytes));
	put16(p.data + L4, port);
	seal_l4(&p, 16);
	deliver(crew->f[1], &p);
	turn(owner);
	assert_int_equal(owner->opened, 1);
	make_error(&p, 3, 4, 1000, 6);
	put16(p.data + QUOTE_L4 + 2, port);
	put32(p.data + QUOTE_L4 + 4, theirs + 1);
	seal_l4(&p, 2);
	deliver(crew->f[1], &p);
	turn(owner);
	assert_int_equal(counter(owner, STACK_ICMP_TCP), 1);
	assert_int_equal(counter(crew->f[1], STACK_ICMP_TCP), 0);
	/* Believed, if yet unconfirmed: about what is in flight, of a size that can be. */
	assert_int_equal(tcp_counter_of(owner, TCP_DROP_ICMP), 0);
}

/* A port that hashed with our key is believed. */
static void test_a_ports_hash_is_used(void **state)
{
	struct crew *crew = *state;
	struct fixture *f = crew->f[0];
	struct packet p;

	udp_from(&p, port_of(crew, 0, 40000, UDP_PORT), "x");
	p.flags = FRAME_HASH; /* the hash is 0 here: worker 0's */
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	udp_from(&p, port_of(crew, 1, 40000, UDP_PORT), "x");
	p.flags = FRAME_HASH;
	deliver(f, &p);
	assert_int_equal(f->datagrams, 2);
	assert_int_equal(counter(f, STACK_FORWARDED), 0);
	/* Another's, as the table has it. */
	for (unsigned worker = 1; worker < WORKERS; worker++) {
		udp_from(&p, port_of(crew, 0, 40000, UDP_PORT), "x");
		p.flags = FRAME_HASH;
		while (rss_worker(&f->rss, p.hash) != worker)
			p.hash++;
		deliver(f, &p);
		assert_int_equal(f->datagrams, 2);
		assert_int_equal(counter(f, STACK_FORWARDED), worker);
	}
}

/* T28: whoever sends all flows to one worker fills its ring; what others own goes on. */
static void test_a_stalled_worker_costs_the_others_nothing(void **state)
{
	struct crew *crew = *state;
	unsigned mine = port_of(crew, 0, 40000, UDP_PORT), to_1 = port_of(crew, 1, 40000, UDP_PORT);
	unsigned room = forward_slots(crew->forward);
	struct packet p;

	for (unsigned i = 0; i < room + 100; i++) {
		udp_from(&p, to_1, "for the stalled one");
		deliver(crew->f[0], &p);
		udp_from(&p, mine, "for me");
		deliver(crew->f[0], &p);
	}
	assert_int_equal(crew->f[0]->datagrams, room + 100);
	assert_int_equal(counter(crew->f[0], STACK_FORWARDED), room);
	assert_int_equal(counter(crew->f[0], STACK_DROP_FORWARD_FULL), 100);
	/* It comes back: a burst a turn, and its own wire is not kept waiting. */
	udp_from(&p, to_1, "from the wire");
	deliver(crew->f[1], &p);
	assert_int_equal(crew->f[1]->datagrams, 1 + STACK_BURST);
	for (unsigned i = 0; i < room / STACK_BURST; i++)
		turn(crew->f[1]);
	assert_int_equal(crew->f[1]->datagrams, 1 + room);
	udp_from(&p, to_1, "again");
	deliver(crew->f[0], &p);
	assert_int_equal(counter(crew->f[0], STACK_FORWARDED), room + 1);
}

/* What was taken is valid until the end of the turn, as a port's frames are. */
static void test_slots_are_kept_until_transmit(void **state)
{
	struct crew *crew = *state;
	struct fixture *f = crew->f[1];
	struct packet p;

	udp_from(&p, port_of(crew, 1, 40000, UDP_PORT), "first");
	deliver(crew->f[0], &p);
	stack_receive(f->stack, f->now);
	assert_int_equal(f->datagrams, 1);
	for (unsigned i = 0; i < 2 * forward_slots(crew->forward); i++) {
		udp_from(&p, port_of(crew, 1, 40000, UDP_PORT), "other");
		deliver(crew->f[0], &p);
	}
	stack_receive(f->stack, f->now); /* nothing more is taken */
	assert_int_equal(f->datagrams, 1);
	assert_memory_equal(f->last.data, "first", 5);
	stack_transmit(f->stack, f->now);
	stack_receive(f->stack, f->now);
	assert_int_equal(f->datagrams, 1 + STACK_BURST);
	stack_transmit(f->stack, f->now);
}

static void test_a_datagram_is_handed_to_a_sessions_owner(void **state)
{
	struct crew *crew = *state;
	uint8_t bytes[LINK_MTU_MAX - 28], fill = 0;
	struct datagram datagram = {.path = {.remote = ip_from_v4(PEER_ADDRESS),
					    .local = ip_from_v4(OUR_ADDRESS),
					    .remote_port = htons(40000),
					    .local_port = htons(UDP_PORT)},
		.data = bytes};

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = fill++;
	for (unsigned i = 0; i < 2; i++) {
		datagram.length = i ? sizeof(bytes) : 1;
		datagram.hops = (uint8_t)i;
		assert_true(stack_hand(crew->f[0]->stack, &datagram, 2));
		turn(crew->f[2]);
		assert_int_equal(crew->f[2]->datagrams, i + 1);
		assert_memory_equal(&crew->f[2]->last.path, &datagram.path, sizeof(datagram.path));
		assert_int_equal(crew->f[2]->last.length, datagram.length);
		assert_int_equal(crew->f[2]->last.hops, i + 1);
		assert_memory_equal(crew->f[2]->datagram, bytes, datagram.length);
	}
	assert_int_equal(counter(crew->f[0], STACK_DATAGRAMS_HANDED), 2);
}

/* ---- neighbours ---- */

static void test_what_one_worker_learns_the_others_learn(void **state)
{
	struct crew *crew = *state;

	introduce(crew->f[0]);
	for (unsigned i = 1; i < WORKERS; i++) {
		forget_sent(crew->f[i]);
		assert_true(try_send(crew->f[i], 0, OUR_ADDRESS, PEER_ADDRESS) ||
			    try_send(crew->f[i], 0, OUR_ADDRESS, PEER_ADDRESS));
		assert_int_equal(requests_sent(crew->f[i], 0), 0);
		assert_memory_equal(last_destination(crew->f[i], 0), peer_mac, 6);
	}
	assert_int_equal(counter(crew->f[0], STACK_NEIGHBOURS_SHARED), 1);
	assert_int_equal(counter(crew->f[1], STACK_NEIGHBOURS_SHARED), 0); /* not passed round */
}

/* It asks, the answer comes by another's queue. */
static void test_an_answer_reaches_the_one_that_asked(void **state)
{
	struct crew *crew = *state;

	assert_false(send_to(crew->f[1], PEER_ADDRESS));
	turn(crew->f[1]);
	assert_int_equal(requests_sent(crew->f[1], 0), 1);
	arp_reply(crew->f[0], peer_mac, PEER_ADDRESS);
	turn(crew->f[1]);
	assert_true(send_to(crew->f[1], PEER_ADDRESS));
	/* Nobody else believes an answer to a question of another's. */
	turn(crew->f[2]);
	assert_false(send_to(crew->f[2], PEER_ADDRESS));
}

static void test_a_question_is_answered_once(void **state)
{
	struct crew *crew = *state;
	unsigned frames = 0;

	arp_ask(crew->f[0], peer_mac, PEER_ADDRESS);
	/* Nor does more than one worker defend our address. */
	arp_ask(crew->f[0], other_mac, OUR_ADDRESS);
	for (unsigned i = 0; i < WORKERS; i++) {
		turn(crew->f[i]);
		frames += crew->f[i]->links[0].sent_count;
	}
	assert_int_equal(frames, 2);
}

/* Thousands of neighbours a second that nobody has: the rings stay free for what counts. */
static void test_a_flood_of_arp_does_not_fill_the_rings(void **state)
{
	struct crew *crew = *state;
	unsigned port = port_of(crew, 1, 40000, UDP_PORT);
	struct packet p;

	for (unsigned i = 0; i < 5000; i++) {
		make_arp(&p, all_mac, 1, other_mac, htonl(0xc6120000 + 16 + i % 200), OUR_ADDRESS);
		deliver(crew->f[0], &p);
		crew->f[0]->now += 10;
	}
	assert_in_range(counter(crew->f[0], STACK_NEIGHBOURS_SHARED), 256, 310);
	/* A flood of answers is limited apart from it. */
	for (unsigned i = 0; i < 5000; i++) {
		make_arp(&p, our_mac, 2, other_mac, htonl(0xc6120000 + 16 + i % 200), OUR_ADDRESS);
		deliver(crew->f[0], &p);
	}
	assert_in_range(counter(crew->f[0], STACK_NEIGHBOURS_SHARED), 512, 700);
	crew->f[1]->now = crew->f[0]->now;
	for (unsigned i = 0; i < 20; i++)
		turn(crew->f[1]);
	udp_from(&p, port, "x");
	deliver(crew->f[0], &p);
	turn(crew->f[1]);
	assert_int_equal(crew->f[1]->datagrams, 1);
}

/* ---- the same of neighbour discovery ---- */

static void nd(struct fixture *f, unsigned type, unsigned flags, const char *destination,
	const char *target, const uint8_t *mac)
{
	struct packet p;

	make_nd(&p, type, flags, peer_v6, destination, target, mac);
	deliver(f, &p);
}

/* Neighbour discovery of @type about @target that a worker sent. */
static unsigned nd_sent(const struct fixture *f, unsigned type, const char *target)
{
	struct ip_address about = v6(target);
	unsigned count = 0;

	for (unsigned i = 0; i < f->links[0].sent_count; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		count += get16(out + 12) == 0x86dd && out[IP + 6] == 58 && out[L4_6] == type &&
			 memcmp(out + L4_6 + 8, &about, 16) == 0;
	}
	return count;
}

/* A datagram to the IPv6 peer. Return: did it leave, to the peer's Ethernet address? */
static bool send6(struct fixture *f)
{
	const struct udp_path path = {.remote = v6(peer_v6),
		.local = v6(our_v6),
		.remote_port = htons(40000),
		.local_port = htons(UDP_PORT)};
	unsigned ticket;
	uint8_t *out = stack_datagram(f->stack, &path, 1, &ticket);

	if (!out)
		return false;
	out[0] = 1;
	stack_datagram_commit(f->stack, ticket, 1);
	turn(f);
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	return true;
}

/* RFC 4861 section 7.2.3: who asks for us tells where it is, and all workers hear it. */
static void test_what_one_worker_learns_by_nd_the_others_learn(void **state)
{
	struct crew *crew = *state;
	unsigned answers = 0;

	nd(crew->f[0], 135, 0, our_v6, our_v6, peer_mac);
	for (unsigned i = 1; i < WORKERS; i++)
		turn(crew->f[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		answers += nd_sent(crew->f[i], 136, our_v6);
	assert_int_equal(answers, 1);
	assert_int_equal(nd_sent(crew->f[0], 136, our_v6), 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		forget_sent(crew->f[i]);
		assert_true(send6(crew->f[i]));
		assert_int_equal(nd_sent(crew->f[i], 135, peer_v6), 0);
	}
	assert_int_equal(counter(crew->f[0], STACK_NEIGHBOURS_SHARED), 1);
	assert_int_equal(counter(crew->f[1], STACK_NEIGHBOURS_SHARED), 0); /* not passed round */
}

/* RFC 4861 section 7.2.5: it asks, the answer comes by another's queue. */
static void test_an_advertisement_reaches_the_one_that_asked(void **state)
{
	struct crew *crew = *state;

	assert_false(send6(crew->f[1]));
	turn(crew->f[1]);
	assert_int_equal(nd_sent(crew->f[1], 135, peer_v6), 1);
	nd(crew->f[0], 136, 0x60, our_v6, peer_v6, peer_mac);
	turn(crew->f[1]);
	assert_true(send6(crew->f[1]));
	/* Nobody else believes an answer to a question of another's. */
	turn(crew->f[2]);
	assert_false(send6(crew->f[2]));
}

/* RFC 4862 section 5.4.5: what is another's is no worker's. */
static void test_a_duplicate_is_nobodys(void **state)
{
	struct crew *crew = *state;
	unsigned defended = 0;
	struct packet p;

	/* It is ours already: one worker says so, the others leave it at that. */
	make_nd(&p, 136, 0x20, peer_v6, "ff02::1", our_v6, other_mac);
	deliver(crew->f[0], &p);
	for (unsigned i = 0; i < WORKERS; i++) {
		turn(crew->f[i]);
		defended += nd_sent(crew->f[i], 136, our_v6);
		assert_int_equal(counter(crew->f[i], STACK_DROP_ND_CONFLICT), 1);
	}
	assert_int_equal(defended, 1);
}

/* RFC 7527: a probe that the link gives back, to whichever worker, is no other host's. */
static void test_a_probe_come_back_is_no_duplicate(void **state)
{
	struct crew *crew = *state;

	for (unsigned i = 0; i < WORKERS; i++) {
		struct fixture *f = crew->f[i];

		stack_free(f->stack);
		f->stack = stack_new(&f->config, f->now);
		assert_non_null(f->stack);
		forget_sent(f);
		stack_timers(f->stack, f->now);
		stack_transmit(f->stack, f->now);
		assert_int_equal(nd_sent(f, 135, our_v6), 1);
	}
	for (unsigned from = 0; from < WORKERS; from++) {
		const struct fixture *f = crew->f[from];
		unsigned count = f->links[0].sent_count;

		for (unsigned i = 0; i < count; i++) {
			struct packet p = {.length = f->links[0].sent[i].frame.length};

			memcpy(p.data, f->links[0].sent[i].data, p.length);
			for (unsigned to = 0; to < WORKERS; to++)
				deliver(crew->f[to], &p);
		}
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		turn(crew->f[i]);
		assert_int_equal(counter(crew->f[i], STACK_ND_DUPLICATE), 0);
		pass(crew->f[i], 5 * SECOND, SECOND / 10);
		forget_sent(crew->f[i]);
		nd(crew->f[i], 135, 0, our_v6, our_v6, peer_mac);
		assert_int_equal(nd_sent(crew->f[i], 136, our_v6), 1);
	}
}

#define TEST6(name) cmocka_unit_test_setup_teardown(name, crew6_setup, crew_teardown)
#define TEST(name) cmocka_unit_test_setup_teardown(name, crew_setup, crew_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_datagram_goes_to_its_owner_whatever_queue_it_came_by),
		TEST(test_bad_packets_are_not_handed_on),
		TEST(test_a_connection_lives_where_its_flow_belongs),
		TEST6(test_an_icmp_error_goes_to_the_owner_of_what_it_quotes),
		TEST(test_too_big_reaches_a_connection_by_any_queue),
		TEST(test_a_ports_hash_is_used),
		cmocka_unit_test_setup_teardown(test_L3_a_forwarded_frame_keeps_its_network,
			crew_setup_tagged, crew_teardown),
		TEST(test_a_stalled_worker_costs_the_others_nothing),
		TEST(test_slots_are_kept_until_transmit),
		TEST(test_a_datagram_is_handed_to_a_sessions_owner),
		TEST(test_what_one_worker_learns_the_others_learn),
		TEST(test_an_answer_reaches_the_one_that_asked),
		TEST(test_a_question_is_answered_once),
		TEST(test_a_flood_of_arp_does_not_fill_the_rings),
		TEST6(test_what_one_worker_learns_by_nd_the_others_learn),
		TEST6(test_an_advertisement_reaches_the_one_that_asked),
		TEST6(test_a_duplicate_is_nobodys),
		TEST6(test_a_probe_come_back_is_no_duplicate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
