/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_nd.c - neighbour discovery and our own addresses (RFC 4861, RFC 4862) */
#include "stack_ipv6.h"

#include <stdio.h>

#define NODES "ff02::1:ff00:1" /* where fd77::1 is asked for */

static const uint8_t nodes_mac[6] = {0x33, 0x33, 0xff, 0, 0, 1};
static const uint8_t peer_nodes_mac[6] = {0x33, 0x33, 0xff, 0, 0, 2};
static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

/* Is this frame that message about @target? */
static bool is_nd(const struct fixture *f, unsigned index, unsigned type, const char *target)
{
	const uint8_t *out = f->links[0].sent[index].data;
	struct ip_address about = v6(target);

	return get16(out + 12) == 0x86dd && out[IP + 6] == 58 && out[L4_6] == type &&
	       memcmp(out + L4_6 + 8, &about, 16) == 0;
}

static unsigned nd_sent(const struct fixture *f, unsigned type, const char *target)
{
	unsigned count = 0;

	for (unsigned i = 0; i < f->links[0].sent_count; i++)
		count += is_nd(f, i, type, target);
	return count;
}

static void start_at_once(struct fixture *f)
{
	f->stack = stack_new(&f->config, f->now);
	assert_non_null(f->stack);
	turn(f);
	turn(f);
}

static void nd(struct fixture *f, unsigned type, unsigned flags, const char *source,
	const char *destination, const char *target, const uint8_t *mac)
{
	struct packet p;

	make_nd(&p, type, flags, source, destination, target, mac);
	deliver(f, &p);
}

/* Each address is asked for, waited for, announced. */
static void test_addresses_are_probed_first(void **state)
{
	struct fixture *f = fixture_make6();
	uint8_t local[16] = {0};
	unsigned probes = 0, announced = 0, at = 0;
	struct packet p;

	start_at_once(f);
	for (unsigned i = 0; i < f->links[0].sent_count; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		if (get16(out + 12) != 0x86dd || out[IP + 6] != 58)
			continue;
		probes++;
		assert_int_equal(f->links[0].sent[i].frame.length, L4_6 + 32);
		check_ip6(out, L4_6 + 32, 255);
		for (unsigned j = 0; j < 16; j++)
			assert_int_equal(out[IP + 8 + j], 0);
		assert_int_equal(out[L4_6], 135);
		assert_int_equal(get16(out + L4_6 + 24), 0x0e01); /* a nonce, no address */
		if (out[L4_6 + 8] == 0xfe)
			memcpy(local, out + L4_6 + 8, 16);
		else
			at = i;
	}
	assert_int_equal(probes, 2);
	assert_true(is_nd(f, at, 135, our_v6));
	assert_memory_equal(f->links[0].sent[at].data, nodes_mac, 6);
	assert_int_equal(get16(local), 0xfe80);
	/* Not ours yet: not answered for, not listened on, not sent from. */
	forget_sent(f);
	nd(f, 135, 0, peer_v6, NODES, our_v6, peer_mac);
	assert_int_equal(counter(f, STACK_DROP_ND_NOT_OURS), 1);
	make_udp6(&p, peer_v6, "data", 4);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_IPV6_NOT_OURS), 1);
	assert_false(send_to6(f, peer_v6));
	assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), 1);
	assert_int_equal(f->links[0].sent_count, 0);
	f->now += 999999;
	turn(f);
	assert_int_equal(nd_sent(f, 136, our_v6), 0);
	pass(f, 10 * SECOND, SECOND / 10);
	for (unsigned i = 0; i < f->links[0].sent_count; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		if (!is_nd(f, i, 136, our_v6))
			continue;
		announced++;
		check_ip6(out, L4_6 + 32, 255);
		assert_memory_equal(out, all_nodes_mac, 6);
		assert_int_equal(out[L4_6 + 4], 0x20); /* override, not solicited */
		assert_int_equal(get16(out + L4_6 + 24), 0x0201);
		assert_memory_equal(out + L4_6 + 26, our_mac, 6);
	}
	assert_int_equal(announced, 2);
	introduce6(f);
	assert_canary6(f);
	fixture_free(f);
}

/* The link-local address is ours alone: not the one that the same Ethernet address gives a kernel;
 * the same at every start. */
static void test_link_local(void **state)
{
	uint8_t found[2][16];

	for (unsigned round = 0; round < 2; round++) {
		struct fixture *f = fixture_make6();

		f->random_state += round;
		start_at_once(f);
		for (unsigned i = 0; i < f->links[0].sent_count; i++)
			if (f->links[0].sent[i].data[L4_6 + 8] == 0xfe)
				memcpy(found[round], f->links[0].sent[i].data + L4_6 + 8, 16);
		fixture_free(f);
	}
	assert_memory_equal(found[0], found[1], 16);
	assert_memory_equal(found[0], "\xfe\x80\0\0\0\0\0", 8);
	assert_memory_not_equal(found[0] + 8, "\0\0\0\xff\xfe\0\0\x01", 8);
}

static void assert_duplicate(struct fixture *f, bool duplicate)
{
	struct packet p;

	pass(f, 5 * SECOND, SECOND / 10);
	assert_int_equal(counter(f, STACK_ND_DUPLICATE), duplicate);
	assert_int_equal(nd_sent(f, 136, our_v6), duplicate ? 0 : 2);
	forget_sent(f);
	nd(f, 135, 0, peer_v6, NODES, our_v6, peer_mac);
	assert_int_equal(nd_sent(f, 136, our_v6), !duplicate);
	make_udp6(&p, peer_v6, "data", 4);
	deliver(f, &p);
	assert_int_equal(f->datagrams, !duplicate);
	/* The other family goes on. */
	introduce(f);
	assert_canary(f);
}

static void test_duplicate_by_advertisement(void **state)
{
	struct fixture *f = fixture_make6();

	start_at_once(f);
	nd(f, 136, 0x20, our_v6, "ff02::1", our_v6, other_mac);
	assert_int_equal(counter(f, STACK_DROP_ND_CONFLICT), 1);
	assert_duplicate(f, true);
	fixture_free(f);
}

/* Another host that probes for it at the same time: both give it up (RFC 4862 section 5.4.3). */
static void test_duplicate_by_solicitation(void **state)
{
	struct fixture *f = fixture_make6();

	start_at_once(f);
	nd(f, 135, 0, "::", NODES, our_v6, NULL);
	assert_int_equal(counter(f, STACK_DROP_ND_CONFLICT), 1);
	assert_duplicate(f, true);
	fixture_free(f);
}

/* Our own probe that comes back proves nothing (RFC 7527). */
static void test_own_probe_comes_back(void **state)
{
	struct fixture *f = fixture_make6();
	struct packet p = {.length = 0};

	start_at_once(f);
	for (unsigned i = 0; i < f->links[0].sent_count; i++)
		if (is_nd(f, i, 135, our_v6)) {
			p.length = f->links[0].sent[i].frame.length;
			memcpy(p.data, f->links[0].sent[i].data, p.length);
		}
	assert_int_not_equal(p.length, 0);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_ND_NOT_OURS), 1);
	assert_duplicate(f, false);
	fixture_free(f);
}

static void test_solicitation_is_answered(void **state)
{
	struct fixture *f = fixture_make6();
	struct ip_address ours = v6(our_v6), peer = v6("fe80::99");
	const uint8_t *out = f->links[0].sent[0].data;

	fixture_start(f);
	nd(f, 135, 0, "fe80::99", NODES, our_v6, other_mac);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].frame.length, L4_6 + 32);
	check_ip6(out, L4_6 + 32, 255);
	assert_memory_equal(out, other_mac, 6);
	assert_memory_equal(out + IP + 8, &ours, 16);
	assert_memory_equal(out + IP + 24, &peer, 16);
	assert_int_equal(out[L4_6], 136);
	assert_int_equal(out[L4_6 + 4], 0x60); /* solicited, override, no router */
	assert_memory_equal(out + L4_6 + 8, &ours, 16);
	assert_int_equal(get16(out + L4_6 + 24), 0x0201);
	assert_memory_equal(out + L4_6 + 26, our_mac, 6);
	/* Who asked is known now. */
	forget_sent(f);
	assert_true(send_to6(f, "fe80::99"));
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(out, other_mac, 6);
	/* By unicast and without an option: to where the frame came from. */
	forget_sent(f);
	nd(f, 135, 0, peer_v6, our_v6, our_v6, NULL);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(out, peer_mac, 6);
	/* Others' addresses, and our own groups only. */
	forget_sent(f);
	nd(f, 135, 0, peer_v6, "ff02::1:ff00:3", "fd77::3", peer_mac);
	assert_int_equal(counter(f, STACK_DROP_ND_NOT_OURS), 1);
	assert_int_equal(f->links[0].sent_count, 0);
	fixture_free(f);
}

/* Another host probes for an address that we use: it is told, to all, and takes another. */
static void test_another_probes_for_ours(void **state)
{
	struct fixture *f = fixture_make6();
	const uint8_t *out = f->links[0].sent[0].data;

	fixture_start(f);
	nd(f, 135, 0, "::", NODES, our_v6, NULL);
	assert_int_equal(counter(f, STACK_DROP_ND_CONFLICT), 1);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(out, all_nodes_mac, 6);
	assert_int_equal(out[L4_6 + 4], 0x20);
	introduce6(f);
	assert_canary6(f);
	fixture_free(f);
}

/* A4 for IPv6: our address is claimed while it is used. */
static void test_A4_conflict(void **state)
{
	struct fixture *f = fixture_make6();

	fixture_start(f);
	for (unsigned i = 0; i < 100; i++) {
		nd(f, 136, 0x20, our_v6, "ff02::1", our_v6, other_mac);
		f->now += SECOND / 10;
	}
	assert_int_equal(counter(f, STACK_DROP_ND_CONFLICT), 100);
	assert_int_equal(counter(f, STACK_ND_DUPLICATE), 0);
	assert_int_equal(f->links[0].sent_count, 1);
	introduce6(f);
	assert_canary6(f);
	fixture_free(f);
}

/* Asked by group, answered, asked again by itself after half a minute, confirmed. */
static void test_resolution(void **state)
{
	struct fixture *f = fixture_make6();
	const uint8_t *out = f->links[0].sent[0].data;
	uint64_t asked;

	fixture_start(f);
	asked = counter(f, STACK_ND_SOLICITATIONS);
	assert_false(send_to6(f, peer_v6));
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), 1);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_true(is_nd(f, 0, 135, peer_v6));
	check_ip6(out, L4_6 + 32, 255);
	assert_memory_equal(out, peer_nodes_mac, 6);
	assert_int_equal(get16(out + L4_6 + 24), 0x0101);
	assert_memory_equal(out + L4_6 + 26, our_mac, 6);
	/* A5: no more than one a second, whatever is to be sent. */
	for (unsigned i = 0; i < 2900; i++) {
		f->now += 1000;
		assert_false(send_to6(f, peer_v6));
		turn(f);
	}
	assert_int_equal(counter(f, STACK_ND_SOLICITATIONS), asked + 3);
	/* Not by who was not asked, nor to all, nor without an address. */
	nd(f, 136, 0x20, peer_v6, "ff02::1", peer_v6, other_mac);
	nd(f, 136, 0x20, peer_v6, our_v6, peer_v6, other_mac);
	nd(f, 136, 0x60, peer_v6, our_v6, peer_v6, NULL);
	nd(f, 136, 0x60, "fd77::3", our_v6, "fd77::3", other_mac);
	assert_int_equal(counter(f, STACK_DROP_ND_UNSOLICITED), 4);
	assert_false(send_to6(f, peer_v6));
	nd(f, 136, 0x60, peer_v6, our_v6, peer_v6, peer_mac);
	forget_sent(f);
	assert_true(send_to6(f, peer_v6));
	assert_memory_equal(out, peer_mac, 6);
	f->now += 31 * SECOND;
	forget_sent(f);
	assert_true(send_to6(f, peer_v6));
	assert_int_equal(f->links[0].sent_count, 2);
	assert_true(is_nd(f, 0, 135, peer_v6));
	assert_memory_equal(out, peer_mac, 6); /* to it alone */
	/* An answer to that need not name an address. */
	nd(f, 136, 0x40, peer_v6, our_v6, peer_v6, NULL);
	pass(f, 5 * SECOND, SECOND / 10);
	assert_int_equal(counter(f, STACK_ND_SOLICITATIONS), asked + 4);
	fixture_free(f);
}

/* V5, A2: nobody takes a live entry over, with or without override; a silent one is asked anew. */
static void test_V5_override_takes_nothing_over(void **state)
{
	struct fixture *f = fixture_make6();

	f->config.links[0].gateway_count = 1;
	f->config.links[0].gateways[0] = v6("fe80::fe");
	fixture_start(f);
	nd(f, 135, 0, "fe80::fe", NODES, our_v6, peer_mac);
	for (unsigned flags = 0; flags <= 0xe0; flags += 0x20) {
		nd(f, 136, flags, "fe80::fe", flags & 0x40 ? our_v6 : "ff02::1", "fe80::fe",
			other_mac);
		nd(f, 135, 0, "fe80::fe", NODES, our_v6, other_mac);
		forget_sent(f);
		assert_true(send_to6(f, "fd00:1234::1"));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	}
	/* The old one is asked, answers and stays. */
	pass(f, SECOND / 5, SECOND / 20);
	nd(f, 136, 0x40, "fe80::fe", our_v6, "fe80::fe", peer_mac);
	pass(f, 5 * SECOND, SECOND / 20);
	assert_true(send_to6(f, "fd00:1234::1"));
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	/* Claimed again and silent this time: asked by group, and then the new one may have it. */
	nd(f, 136, 0x20, "fe80::fe", "ff02::1", "fe80::fe", other_mac);
	for (unsigned i = 0; i < 100 && send_to6(f, "fd00:1234::1"); i++) {
		f->now += SECOND / 20;
		turn(f);
	}
	assert_false(send_to6(f, "fd00:1234::1"));
	nd(f, 136, 0x60, "fe80::fe", our_v6, "fe80::fe", other_mac);
	assert_true(send_to6(f, "fd00:1234::1"));
	assert_memory_equal(last_destination(f, 0), other_mac, 6);
	fixture_free(f);
}

/* A3 for IPv6: strangers on the link push out nothing that is in use. */
static void test_A3_flood(void **state)
{
	struct fixture *f = fixture_make6();

	fixture_start(f);
	introduce6(f);
	assert_true(send_to6(f, peer_v6));
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t mac[6] = {0x02, 1, 2, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		char source[40];

		snprintf(source, sizeof(source), "fd77::1:%x", i);
		nd(f, 135, 0, source, NODES, our_v6, mac);
		f->now += 1;
	}
	assert_true(send_to6(f, peer_v6));
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	assert_in_range(20000 - counter(f, STACK_DROP_ND_LIMIT), 63, 64 + 20 + 2);
	/* Off the link nothing is learnt. */
	nd(f, 135, 0, "2001:db8::1", NODES, our_v6, other_mac);
	f->now += SECOND;
	assert_false(send_to6(f, "2001:db8::1"));
	assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), 1);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_probed_first),
		cmocka_unit_test(test_link_local),
		cmocka_unit_test(test_duplicate_by_advertisement),
		cmocka_unit_test(test_duplicate_by_solicitation),
		cmocka_unit_test(test_own_probe_comes_back),
		cmocka_unit_test(test_solicitation_is_answered),
		cmocka_unit_test(test_another_probes_for_ours),
		cmocka_unit_test(test_A4_conflict),
		cmocka_unit_test(test_resolution),
		cmocka_unit_test(test_V5_override_takes_nothing_over),
		cmocka_unit_test(test_A3_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
