/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_random.c - garbage: packets changed, cut, stretched; a canary keeps working */
#include "icmp_quote.h"

/* Garbage: good packets with a few bytes changed, cut, or stretched; seeded, so repeatable. */
static void mutate(struct fixture *f, struct packet *p)
{
	unsigned changes = 1 + draw(f, 6);

	while (changes-- > 0 && p->length > 0) {
		unsigned at = draw(f, draw(f, 2) && p->length > 74 ? 74 : p->length);

		switch (draw(f, 6)) {
		case 0:
			p->length = draw(f, p->length + 1);
			break;
		case 1:
			p->length += draw(f, 40);
			break;
		case 2:
			p->data[at] ^= (uint8_t)(1U << draw(f, 8));
			break;
		case 3:
			p->data[at] = draw(f, 2) ? 0 : 0xff;
			break;
		default:
			p->data[at] = (uint8_t)draw(f, 256);
			break;
		}
	}
	/* Sealed again half of the time, so that the parsers behind the checksums are reached. */
	if (draw(f, 2) && p->length >= L4 && p->data[12] == 8 && p->data[13] == 0 &&
		(p->data[IP] & 15) >= 5 && IP + (p->data[IP] & 15) * 4U <= p->length)
		seal_ip(p);
	if (draw(f, 2) && p->length >= L4_6 + 8 && p->data[12] == 0x86 && p->data[13] == 0xdd &&
		p->data[IP + 6] == 58 && L4_6 + get16(p->data + IP + 4) <= p->length)
		seal6(p, 2);
	/* Checksums that the port vouches for, and tags that it took off. */
	p->flags = (uint16_t)(draw(f, 4) | (draw(f, 8) ? 0 : FRAME_VLAN));
	p->vlan = (uint16_t)(draw(f, 4) ? 0 : draw(f, 65536));
	if (p->length > LINK_FRAME_MAX)
		p->length = LINK_FRAME_MAX;
}

/* Extensions that are nearly right. */
static void random_chain(struct fixture *f, struct packet *p)
{
	static const uint8_t types[] = {0, 43, 44, 60};
	uint8_t chain[64];
	unsigned count = 1 + draw(f, 5), next = p->data[IP + 6], length = 0;

	for (unsigned i = 0; i < count; i++) {
		uint8_t *at = chain + sizeof(chain) - 8 * (i + 1);

		seeded_fill(&f->random, at, 8);
		at[0] = (uint8_t)next;
		if (draw(f, 4))
			memcpy(at + 1, "\0\1\4\0\0\0", 7);
		next = types[draw(f, 4)];
		length += 8;
	}
	insert_extensions(p, next, chain + sizeof(chain) - length, length);
}

static void random_packet6(struct fixture *f, struct packet *p)
{
	static const uint8_t bytes[512] = {1, 2, 3};
	static const uint8_t flags[] = {0x02, 0x10, 0x18, 0x11, 0x14, 0x04};
	const char *sources[] = {peer_v6, "fe80::99", "2001:db8::1", "::", our_v6};
	const char *source = sources[draw(f, draw(f, 2) ? 1 : 5)];

	switch (draw(f, 5)) {
	case 0:
		make_udp6(p, source, bytes, draw(f, 512));
		break;
	case 1:
		make_echo6(p, draw(f, 8) ? our_v6 : "ff02::1", draw(f, 512));
		break;
	case 2:
		make_nd(p, 133 + draw(f, 5), draw(f, 8) << 5, source,
			draw(f, 2) ? "ff02::1:ff00:1" : our_v6, draw(f, 2) ? our_v6 : peer_v6,
			draw(f, 3) ? peer_mac : NULL);
		break;
	case 3:
		make_error6(p, draw(f, 6), draw(f, 3), draw(f, 0), draw(f, 4) ? 6 : 17);
		break;
	default:
		make_tcp6(p, source, flags[draw(f, sizeof(flags))], 1001, draw(f, 0), bytes,
			draw(f, 512));
		break;
	}
	if (draw(f, 4) == 0)
		random_chain(f, p);
}

static void random_packet(struct fixture *f, struct packet *p)
{
	static const uint8_t bytes[512] = {1, 2, 3};
	static const uint8_t flags[] = {0x02, 0x10, 0x18, 0x11, 0x14, 0x04, 0x12, 0x00, 0x3f};

	switch (draw(f, 12)) {
	case 5:
		make_error(p, draw(f, 20), draw(f, 6), draw(f, 65536), draw(f, 4) ? 6 : 17);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
	case 10:
		random_packet6(f, p);
		break;
	case 0:
		make_udp(p, bytes, draw(f, 512));
		break;
	case 1:
		make_echo(p, draw(f, 512));
		break;
	case 2:
		make_arp(p, draw(f, 2) ? all_mac : our_mac, 1 + draw(f, 2),
			draw(f, 2) ? peer_mac : other_mac, htonl(0xc6120000 + draw(f, 260)),
			OUR_ADDRESS);
		break;
	case 3:
		with_options(p, bytes, draw(f, 11) * 4);
		break;
	default:
		make_tcp(p, flags[draw(f, sizeof(flags))], draw(f, 4) ? 1001 : draw(f, 0),
			draw(f, 0), bytes, draw(f, 512));
		put16(p->data + L4, 50000 + draw(f, 4));
		break;
	}
}

/* assert_canary6(), but its sender may have to be asked for, too. */
static void assert_answers6(struct fixture *f)
{
	unsigned datagrams = f->datagrams, sent;
	struct packet p;

	f->echo = true;
	forget_sent(f);
	make_udp6(&p, peer_v6, "canary", 6);
	deliver(f, &p);
	assert_int_equal(f->datagrams, datagrams + 1);
	sent = f->links[0].sent_count;
	assert_in_range(sent, 1, 2);
	assert_memory_equal(f->links[0].sent[sent - 1].data + L4_6 + 8, "canary", 6);
	forget_sent(f);
}

static void test_garbage(void **state)
{
	struct fixture *f = fixture_make6();
	uint64_t in = 0;
	struct packet p;

	f->config.link_count = 2;
	f->echo = true;
	fixture_start(f);
	introduce(f);
	for (unsigned i = 0; i < 40000; i++) {
		random_packet(f, &p);
		if (draw(f, 8))
			mutate(f, &p);
		f->id = 0;
		in += p.length;
		/* A user that takes part would only hide what the stack does by itself. */
		f->echo = false;
		f->refuse = true;
		arrive(f, draw(f, 8) == 0, &p);
		if (draw(f, 4) == 0) {
			turn(f);
			f->now += draw(f, 5000);
		}
		if (f->links[0].rx_count == STACK_BURST || f->links[1].rx_count == STACK_BURST)
			turn(f);
		if (i % 1000 == 0) {
			turn(f);
			forget_sent(f);
			introduce(f);
			assert_canary(f);
			assert_answers6(f);
		}
	}
	turn(f);
	/* Nothing is made of strangers' bytes but at most as many. */
	assert_true(counter(f, STACK_TX_BYTES) < in);
	assert_true(counter(f, STACK_RX_FRAMES) >= 40000);
	assert_canary(f);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
