/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_random.c - garbage: packets changed, cut, stretched; a canary keeps working */
#include "stack_fixture.h"

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
	p->flags = (uint16_t)draw(f, 4);
	if (p->length > LINK_FRAME_MAX)
		p->length = LINK_FRAME_MAX;
}

static void random_packet(struct fixture *f, struct packet *p)
{
	static const uint8_t bytes[512] = {1, 2, 3};
	static const uint8_t flags[] = {0x02, 0x10, 0x18, 0x11, 0x14, 0x04, 0x12, 0x00, 0x3f};

	switch (draw(f, 5)) {
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

static void test_garbage(void **state)
{
	struct fixture *f = fixture_make();
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
