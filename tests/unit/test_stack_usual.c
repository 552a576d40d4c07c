/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_usual.c - the frames that nearly all are: read in one go they bring what they bring by
 * the general way, and all others go that way */
#include "stack_fixture.h"
#include "stack_private.h"

#define FRAMES 60000

/*
 * Two stacks alike, but one takes no frame for a usual one. After each frame both have counted,
 * heard and sent the same.
 */
static struct fixture *twins[2];

static void setup_twins(void)
{
	for (unsigned i = 0; i < 2; i++) {
		twins[i] = fixture_make();
		twins[i]->echo = true;
		fixture_start(twins[i]);
		introduce(twins[i]);
	}
	assert_true(twins[0]->stack->interfaces[0].usual);
	twins[1]->stack->interfaces[0].usual = false;
}

static void free_twins(void)
{
	fixture_free(twins[0]);
	fixture_free(twins[1]);
}

static void assert_same_sent(const struct fake_link *a, const struct fake_link *b)
{
	assert_int_equal(a->sent_count, b->sent_count);
	for (unsigned i = 0; i < a->sent_count; i++) {
		assert_int_equal(a->sent[i].frame.length, b->sent[i].frame.length);
		assert_memory_equal(a->sent[i].data, b->sent[i].data, a->sent[i].frame.length);
	}
}

static void both(const struct packet *p)
{
	struct fixture *a = twins[0], *b = twins[1];

	for (unsigned i = 0; i < 2; i++) {
		forget_sent(twins[i]);
		deliver(twins[i], p);
		twins[i]->now += 500;
	}
	assert_memory_equal(
		stack_counters(a->stack), stack_counters(b->stack), sizeof(a->stack->counters));
	assert_memory_equal(tcp_counters(stack_tcp(a->stack)), tcp_counters(stack_tcp(b->stack)),
		TCP_COUNTER_COUNT * sizeof(uint64_t));
	assert_int_equal(a->datagrams, b->datagrams);
	assert_int_equal(a->opened, b->opened);
	assert_int_equal(a->closed, b->closed);
	assert_int_equal(a->stream_length, b->stream_length);
	assert_memory_equal(a->stream, b->stream, a->stream_length);
	assert_memory_equal(&a->last.path, &b->last.path, sizeof(a->last.path));
	assert_int_equal(a->last.length, b->last.length);
	assert_memory_equal(a->datagram, b->datagram, a->last.length);
	assert_memory_equal(a->stack->senders, b->stack->senders, sizeof(a->stack->senders));
	assert_same_sent(&a->links[0], &b->links[0]);
	for (unsigned i = 0; i < 2; i++)
		twins[i]->stream_length = 0;
}

static void reseal(struct packet *p)
{
	if (p->length >= L4 + 20 && p->data[IP] == 0x45 && get16(p->data + IP + 2) >= 20 + 20U &&
		get16(p->data + IP + 2) <= p->length - IP)
		seal_l4(p, p->data[IP + 9] == 6 ? 16 : 6);
	if (p->length >= L4)
		seal_ip(p);
}

/* A usual frame of which one thing, at times two, is not usual, or not even good. */
static void spoil(struct fixture *f, struct packet *p)
{
	static const uint8_t addresses[][4] = {{198, 18, 0, 1}, {198, 18, 0, 0}, {198, 18, 0, 255},
		{10, 1, 0, 1}, {10, 1, 255, 255}, {127, 0, 0, 1}, {0, 0, 0, 0}, {224, 0, 0, 1},
		{255, 255, 255, 255}, {198, 18, 0, 77}, {8, 8, 8, 8}};
	unsigned at;

	if (p->length < L4 + 20) /* a second time */
		return;
	switch (draw(f, 14)) {
	case 0: /* any byte of the headers */
		at = draw(f, L4 + 20);
		p->data[at] = (uint8_t)draw(f, 256);
		break;
	case 1:
		at = draw(f, L4 + 20);
		p->data[at] ^= (uint8_t)(1u << draw(f, 8));
		break;
	case 2: /* and with sums that are right all the same */
		at = IP + draw(f, p->length - IP);
		p->data[at] = (uint8_t)draw(f, 256);
		reseal(p);
		break;
	case 3:
		memcpy(p->data + IP + 12, addresses[draw(f, 11)], 4);
		reseal(p);
		break;
	case 4:
		memcpy(p->data + IP + 16, addresses[draw(f, 11)], 4);
		reseal(p);
		break;
	case 5:
		put16(p->data + IP + 2, get16(p->data + IP + 2) + draw(f, 64) - 32);
		seal_ip(p);
		break;
	case 6: /* short, padded, or cut */
		p->length = draw(f, 2) ? draw(f, p->length + 1) : p->length + draw(f, 120);
		p->length += p->length == 0;
		break;
	case 7:
		p->flags = (uint16_t)(draw(f, 2) * FRAME_L3_GOOD | draw(f, 2) * FRAME_L4_GOOD |
				      draw(f, 2) * FRAME_VLAN);
		p->vlan = (uint16_t)draw(f, 3);
		break;
	case 8:
		put16(p->data + L4 + draw(f, 2) * 2, draw(f, 3) ? 0 : 53);
		reseal(p);
		break;
	case 9:
		p->data[L4 + 12] = (uint8_t)(draw(f, 16) << 4);
		reseal(p);
		break;
	case 10:
		put16(p->data + L4 + 4, draw(f, 40));
		reseal(p);
		break;
	case 11:
		put16(p->data + IP + 6, draw(f, 65536));
		seal_ip(p);
		break;
	case 12:
		put16(p->data + L4 + (p->data[IP + 9] == 6 ? 16 : 6), 0);
		break;
	default:
		p->data[draw(f, 2) * 6 + draw(f, 6)] ^= (uint8_t)(1u << draw(f, 8));
		break;
	}
}

static void some_frame(struct fixture *f, struct packet *p)
{
	static uint8_t payload[1400];
	unsigned length = draw(f, 4) ? draw(f, 64) : draw(f, sizeof(payload));

	for (unsigned i = 0; i < length; i++)
		payload[i] = (uint8_t)draw(f, 256);
	if (draw(f, 2))
		make_udp(p, payload, length + 1);
	else
		make_tcp(p, draw(f, 4) ? TCP_ACK : draw(f, 64), draw(f, 0), draw(f, 0), payload,
			length);
	if (draw(f, 3))
		spoil(f, p);
	if (draw(f, 16) == 0)
		spoil(f, p);
}

static void test_any_frame(void **state)
{
	struct fixture *source = fixture_make();
	struct packet p;

	setup_twins();
	for (unsigned i = 0; i < FRAMES; i++) {
		some_frame(source, &p);
		both(&p);
	}
	assert_true(twins[0]->datagrams > FRAMES / 8);
	free_twins();
	for (unsigned i = 0; i < 2; i++)
		link_fini(&source->links[i]);
	memory_unmap(source->chunks, source->chunk_bytes);
	free(source);
}

/* A connection, its bytes echoed, as one stack and the other see it. */
static void test_a_stream(void **state)
{
	struct packet p;
	uint32_t seq = 1000, ack;

	setup_twins();
	make_tcp(&p, TCP_SYN, seq++, 0, NULL, 0);
	both(&p);
	ack = get32(twins[0]->links[0].sent[0].data + L4 + 4) + 1;
	make_tcp(&p, TCP_ACK, seq, ack, NULL, 0);
	both(&p);
	assert_int_equal(twins[0]->opened, 1);
	for (unsigned i = 1; i < 500; i++) {
		uint8_t bytes[600];
		unsigned length = 1 + i * 37 % 536; /* one segment, whatever its MSS is */

		memset(bytes, (int)i, length);
		make_tcp(&p, TCP_ACK | TCP_PSH, seq, ack, bytes, length);
		both(&p);
		seq += length;
		assert_int_equal(twins[0]->links[0].sent_count, 1);
		check_ip(twins[0]->links[0].sent[0].data, twins[0]->links[0].sent[0].frame.length,
			false);
		ack += length;
		if (i % 3 == 0) {
			make_tcp(&p, TCP_ACK, seq, ack, NULL, 0);
			both(&p);
		}
	}
	free_twins();
}

/* Others' flows are not taken, whoever computed the hash. */
static void test_of_other_workers(void **state)
{
	unsigned owner, ours = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint8_t key[RSS_KEY_BYTES];

		twins[i] = fixture_make();
		do
			seeded_fill(&twins[i]->random, key, sizeof(key));
		while (rss_init(&twins[i]->rss, key, 4) != 0);
		fixture_start(twins[i]);
		introduce(twins[i]);
	}
	twins[1]->stack->interfaces[0].usual = false;
	for (unsigned port = 40000; port < 40200; port++) {
		struct packet p;

		make_udp(&p, "datagram", 8);
		put16(p.data + L4, port);
		seal_l4(&p, 6);
		owner = owner_v4(&twins[0]->rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
			htons(UDP_PORT));
		if (port & 1) {
			p.flags = FRAME_HASH;
			p.hash = port; /* of the port's own making: it says who */
			owner = rss_worker(&twins[0]->rss, p.hash);
		}
		both(&p);
		ours += owner == 0;
		assert_int_equal(twins[0]->datagrams, ours);
		assert_int_equal(
			counter(twins[0], STACK_DROP_WRONG_WORKER), port - 40000 + 1 - ours);
	}
	assert_true(ours > 10);
	free_twins();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_frame),
		cmocka_unit_test(test_a_stream),
		cmocka_unit_test(test_of_other_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
