/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_tcp.c - segments dropped, and connections through the whole stack (T1, T26) */
#include "stack_drop.h"

static void tcp_short(struct packet *p, const struct drop *row)
{
	make_ip(p, 6, 19);
}

static void tcp_offset(struct packet *p, const struct drop *row)
{
	good_syn(p);
	p->data[L4 + 12] = (uint8_t)(row->value << 4);
	seal_l4(p, 16);
}

/* @value: where the port stands */
static void tcp_port_0(struct packet *p, const struct drop *row)
{
	good_syn(p);
	put16(p->data + L4 + row->value, 0);
	seal_l4(p, 16);
}

static void tcp_checksum(struct packet *p, const struct drop *row)
{
	good_syn(p);
	p->data[L4 + 5] ^= 0x10;
}

static void tcp_checksum_swapped(struct packet *p, const struct drop *row)
{
	/* the sum without the pseudo-header's protocol: off by six */
	good_syn(p);
	put16(p->data + L4 + 16, get16(p->data + L4 + 16) + 6);
}

static const struct drop drops[] = {
	{"I2 TCP checksum", tcp_checksum, .counter = STACK_DROP_TCP_CHECKSUM},
	{"I2 TCP pseudo-header", tcp_checksum_swapped, .counter = STACK_DROP_TCP_CHECKSUM},
	{"T1 19 bytes", tcp_short, .counter = STACK_DROP_TCP_MALFORMED},
	{"T1 offset 0", tcp_offset, STACK_DROP_TCP_MALFORMED, .value = 0},
	{"T1 offset 4", tcp_offset, STACK_DROP_TCP_MALFORMED, .value = 4},
	{"T1 offset beyond", tcp_offset, STACK_DROP_TCP_MALFORMED, .value = 6},
	{"T26 from port 0", tcp_port_0, STACK_DROP_TCP_MALFORMED, .value = 0},
	{"T26 to port 0", tcp_port_0, STACK_DROP_TCP_MALFORMED, .value = 2},
};

static void test_every_drop_of_tcp_has_its_name(void **state)
{
	assert_drops(drops, sizeof(drops) / sizeof(drops[0]));
}

/* A segment of ours as the peer sees it: checked, the newest sent. */
static const uint8_t *last_segment(struct fixture *f, unsigned *flags, uint32_t *seq, uint32_t *ack)
{
	const uint8_t *out;
	struct frame *frame;

	assert_true(f->links[0].sent_count > 0);
	out = f->links[0].sent[f->links[0].sent_count - 1].data;
	frame = &f->links[0].sent[f->links[0].sent_count - 1].frame;
	check_ip(out, frame->length, false);
	assert_int_equal(out[IP + 9], 6);
	assert_int_equal(transport_sum(out + IP, frame->length - L4), 0xffff);
	assert_memory_equal(out, peer_mac, 6);
	assert_int_equal(get16(out + L4), TCP_PORT);
	assert_int_equal(get16(out + L4 + 2), 50000);
	*flags = out[L4 + 13];
	*seq = get32(out + L4 + 4);
	*ack = get32(out + L4 + 8);
	return out + L4 + (out[L4 + 12] >> 4) * 4;
}

/* Opens a connection. Return: our side's next sequence number; the peer's is 1001. */
static uint32_t handshake(struct fixture *f)
{
	unsigned flags;
	uint32_t seq, ack;
	struct packet p;

	make_tcp(&p, 0x02, 1000, 0, NULL, 0);
	deliver(f, &p);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(flags, 0x12);
	assert_int_equal(ack, 1001);
	make_tcp(&p, 0x10, 1001, seq + 1, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->opened, 1);
	assert_int_equal(ip_v4(&f->tuple.remote), PEER_ADDRESS);
	assert_int_equal(ip_v4(&f->tuple.local), OUR_ADDRESS);
	assert_int_equal(f->tuple.remote_port, htons(50000));
	assert_int_equal(f->tuple.local_port, htons(TCP_PORT));
	forget_sent(f);
	return seq + 1;
}

static void test_tcp_conversation(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours, seq, ack;
	const uint8_t *payload;
	unsigned flags;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	make_tcp(&p, 0x18, 1001, ours, "ping", 4);
	deliver(f, &p);
	assert_int_equal(f->stream_length, 4);
	assert_memory_equal(f->stream, "ping", 4);
	/* The answer and the acknowledgement left in the same turn, in one segment. */
	assert_int_equal(f->links[0].sent_count, 1);
	payload = last_segment(f, &flags, &seq, &ack);
	assert_int_equal(seq, ours);
	assert_int_equal(ack, 1005);
	assert_memory_equal(payload, "ping", 4);
	/* Data and FIN together; then we close, too. */
	forget_sent(f);
	make_tcp(&p, 0x19, 1005, ours + 4, "bye", 3);
	deliver(f, &p);
	assert_int_equal(f->finished, 1);
	assert_memory_equal(f->stream, "pingbye", 7);
	payload = last_segment(f, &flags, &seq, &ack);
	assert_int_equal(ack, 1009);
	tcp_close(stack_tcp(f->stack), f->id);
	turn(f);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(flags & 0x01, 0x01);
	assert_int_equal(seq, ours + 7);
	make_tcp(&p, 0x10, 1009, ours + 8, NULL, 0);
	deliver(f, &p);
	assert_int_equal(tcp_connections(stack_tcp(f->stack), NULL), 0);
	assert_int_equal(f->closed, 0); /* the user closed: it is told nothing more */
	fixture_free(f);
}

static void test_tcp_refused_bytes_come_again(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours, seq, ack;
	unsigned flags;
	struct packet p;

	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	f->refuse = true;
	make_tcp(&p, 0x19, 1001, ours, "late", 4);
	deliver(f, &p);
	/* Neither taken, nor acknowledged, nor finished. */
	assert_int_equal(f->finished, 0);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(ack, 1001);
	f->refuse = false;
	pass(f, 3 * SECOND, SECOND / 20);
	deliver(f, &p);
	assert_memory_equal(f->stream, "late", 4);
	assert_int_equal(f->finished, 1);
	fixture_free(f);
}

static void test_tcp_close_while_reading(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;
	uint32_t ours;

	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	f->close_in_stream = true;
	make_tcp(&p, 0x19, 1001, ours, "last", 4);
	deliver(f, &p);
	assert_int_equal(f->stream_length, 4);
	assert_int_equal(f->finished, 0); /* it closed before it could hear of it */
	assert_int_equal(f->closed, 0);
	fixture_free(f);
}

static void test_tcp_reset_is_heard(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;
	uint32_t ours;

	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	make_tcp(&p, 0x14, 1001, ours, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->reason, TCP_REASON_RESET);
	assert_int_equal(f->links[0].sent_count, 0);
	fixture_free(f);
}

/* The sweep is on time whether turns are short or long, the table small or large. */
static void test_tcp_deadline(void **state)
{
	static const struct {
		uint32_t connections;
		uint64_t step, late;
	} runs[] = {
		{64, 50, 1100000},
		{64, 20000, 1100000},
		{100000, 500, 1100000},
		{2000000, 100, 2200000},
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct fixture *f = fixture_make();
		uint64_t due;

		f->config.tcp.connections = runs[i].connections;
		fixture_start(f);
		introduce(f);
		handshake(f);
		due = f->now + 300000;
		tcp_set_deadline(stack_tcp(f->stack), f->id, due);
		while (f->deadlines == 0 && f->now < due + 10 * SECOND) {
			f->now += runs[i].step;
			stack_timers(f->stack, f->now);
			stack_transmit(f->stack, f->now);
		}
		assert_int_equal(f->deadlines, 1);
		assert_true(f->now >= due);
		assert_true(f->now <= due + runs[i].late);
		fixture_free(f);
	}
}

/* Segments that the port does not take are sent again by TCP; what it may keep, it keeps. */
static void test_tcp_survives_a_full_port(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours, seq, ack;
	const uint8_t *payload;
	unsigned flags;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	f->links[0].takes = 0;
	make_tcp(&p, 0x18, 1001, ours, "ping", 4);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_true(counter(f, STACK_DROP_TX_FULL) > 0);
	f->links[0].takes = ~0U;
	pass(f, 3 * SECOND, SECOND / 100);
	payload = last_segment(f, &flags, &seq, &ack);
	assert_int_equal(seq, ours);
	assert_memory_equal(payload, "ping", 4);
	fixture_free(f);
}

/* The mss we offer is what the smallest link carries. */
static void test_mss_follows_the_mtu(void **state)
{
	struct fixture *f = fixture_make();
	const uint8_t *out = f->links[0].sent[0].data;
	struct packet p;

	f->links[1].link.mtu = 1300;
	f->config.link_count = 2;
	fixture_start(f);
	introduce(f);
	make_tcp(&p, 0x02, 5, 0, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(out[L4 + 20], 2);
	assert_int_equal(out[L4 + 21], 4);
	assert_int_equal(get16(out + L4 + 22), 1260);
	fixture_free(f);
}

/* Opened from our side. */
static void test_connect(void **state)
{
	struct fixture *f = fixture_make();
	struct tcp_tuple tuple = {.remote = ip_from_v4(PEER_ADDRESS),
		.local = ip_from_v4(OUR_ADDRESS),
		.remote_port = htons(50000),
		.local_port = htons(TCP_PORT)};
	uint8_t user[TCP_USER_BYTES] = {7, 8, 9};
	uint32_t seq, ack;
	unsigned flags;
	struct packet p;
	tcp_id id;

	fixture_start(f);
	introduce(f);
	id = stack_connect(f->stack, 0, &tuple, user);
	assert_int_not_equal(id, 0);
	assert_int_equal(stack_connect(f->stack, 0, &tuple, user), 0);
	turn(f);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(flags, 0x02);
	make_tcp(&p, 0x12, 1000, seq + 1, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->id, id);
	assert_memory_equal(tcp_user(stack_tcp(f->stack), id), user, sizeof(user));
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(flags, 0x10);
	assert_int_equal(ack, 1001);
	fixture_free(f);
}

/* RFC 9293 3.9.1.1 (MUST-46): there is no connection to all, to a group, to nobody. */
static void test_connect_to_one_host_only(void **state)
{
	static const char *const addresses[] = {"224.0.0.1", "255.255.255.255", "198.18.0.255",
		"198.18.0.0", "0.0.0.0", "127.0.0.1"};
	struct fixture *f = fixture_make();
	struct tcp_tuple tuple = {.local = ip_from_v4(OUR_ADDRESS),
		.remote_port = htons(50000),
		.local_port = htons(TCP_PORT)};

	fixture_start(f);
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		tuple.remote = ip_from_v4(inet_addr(addresses[i]));
		assert_int_equal(stack_connect(f->stack, 0, &tuple, NULL), 0);
		assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), i + 1);
	}
	/* Nor between the families, nor through a link that is not there. */
	tuple.remote = (struct ip_address){{htonl(0xfd770000), 0, 0, htonl(2)}};
	assert_int_equal(stack_connect(f->stack, 0, &tuple, NULL), 0);
	tuple.remote = ip_from_v4(PEER_ADDRESS);
	assert_int_equal(stack_connect(f->stack, 9, &tuple, NULL), 0);
	pass(f, 5 * SECOND, SECOND / 10);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_int_not_equal(stack_connect(f->stack, 0, &tuple, NULL), 0);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_tcp_has_its_name),
		cmocka_unit_test(test_tcp_conversation),
		cmocka_unit_test(test_tcp_refused_bytes_come_again),
		cmocka_unit_test(test_tcp_close_while_reading),
		cmocka_unit_test(test_tcp_reset_is_heard),
		cmocka_unit_test(test_tcp_deadline),
		cmocka_unit_test(test_tcp_survives_a_full_port),
		cmocka_unit_test(test_mss_follows_the_mtu),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_to_one_host_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
