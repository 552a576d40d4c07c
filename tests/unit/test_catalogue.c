/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_catalogue.c - attacks on a whole stack, while others go on talking (A5, D4, T3, T20, T21,
 * T24) */
#include "icmp_quote.h"

#define ISS 1000u
#define CANARY_PORT 41000
/* TCP flags as they lie in a packet. */
#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define PSH 0x08u
#define ACK 0x10u
#define URG 0x20u

#define CLIENTS_MAX 8

/** struct client - a peer made by hand: its port, both numbers, and what the user heard of it */
struct client {
	unsigned port;
	uint32_t seq, ack;
	tcp_id id;
	bool open, finished;
	uint8_t heard[4096];
	unsigned length;
};

/** struct scene - a stack whose user echoes what the canary says, and listens to the others */
struct scene {
	struct fixture *f;
	struct client clients[CLIENTS_MAX]; /* the canary first */
	unsigned count;
};

static struct client *client_of(struct scene *s, tcp_id id)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->clients[i].open && s->clients[i].id == id)
			return &s->clients[i];
	fail_msg("of a connection that nobody opened");
	return NULL;
}

static void hear_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct scene *s = context;

	for (unsigned i = 0; i < s->count; i++)
		if (ntohs(tuple->remote_port) == s->clients[i].port) {
			assert_false(s->clients[i].open);
			s->clients[i].open = true;
			s->clients[i].id = id;
			return;
		}
	fail_msg("a connection that nobody asked for");
}

static bool hear_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	struct scene *s = context;
	struct client *c = client_of(s, id);
	uint8_t *out;

	assert_true(c->length + length <= sizeof(c->heard));
	memcpy(c->heard + c->length, data, length);
	c->length += length;
	if (c != s->clients)
		return true;
	out = tcp_reserve(stack_tcp(s->f->stack), id, length);
	assert_non_null(out);
	memcpy(out, data, length);
	tcp_commit(stack_tcp(s->f->stack), id, length);
	return true;
}

static void hear_finished(void *context, tcp_id id)
{
	client_of(context, id)->finished = true;
}

static void hear_closed(void *context, const struct tcp_up *up)
{
	client_of(context, up->id)->open = false;
}

static void hear_deadline(void *context, tcp_id id)
{
	fail_msg("nobody set a deadline");
}

static uint64_t tcp_counter(const struct scene *s, enum tcp_counter which)
{
	return counter_read(&tcp_counters(stack_tcp(s->f->stack))[which]);
}

/* A segment of @c with @options, a multiple of 4 bytes. */
static void make_segment(struct packet *p, const struct client *c, unsigned flags,
	const void *options, unsigned options_length, const void *text, unsigned length)
{
	uint8_t both[1500];

	assert_true(options_length + length <= sizeof(both));
	memcpy(both, options ? options : "", options_length);
	memcpy(both + options_length, text ? text : "", length);
	make_tcp(p, flags, c->seq, flags & ACK ? c->ack : 0, both, options_length + length);
	put16(p->data + L4, c->port);
	p->data[L4 + 12] = (uint8_t)((20 + options_length) / 4 << 4);
	seal_l4(p, 16);
}

static void say(
	struct scene *s, const struct client *c, unsigned flags, const void *text, unsigned length)
{
	struct packet p;

	make_segment(&p, c, flags, NULL, 0, text, length);
	deliver(s->f, &p);
}

/* The newest segment that left for @c; NULL: none since forget_sent(). */
static const uint8_t *answer_to(const struct scene *s, const struct client *c)
{
	const struct fake_link *link = &s->f->links[0];

	for (unsigned i = link->sent_count; i-- > 0;)
		if (get16(link->sent[i].data + 12) == 0x0800 && link->sent[i].data[IP + 9] == 6 &&
			get16(link->sent[i].data + L4 + 2) == c->port)
			return link->sent[i].data + L4;
	return NULL;
}

/* A peer that has not spoken yet. */
static struct client *client_new(struct scene *s, unsigned port)
{
	struct client *c = &s->clients[s->count++];

	assert_true(s->count <= CLIENTS_MAX);
	*c = (struct client){.port = port, .seq = ISS};
	forget_sent(s->f);
	return c;
}

/* The SYN-ACK came: the last step of a handshake. */
static void client_established(struct scene *s, struct client *c)
{
	const uint8_t *answer = answer_to(s, c);

	assert_non_null(answer);
	assert_int_equal(answer[13], SYN | ACK);
	assert_int_equal(get32(answer + 8), ISS + 1);
	c->seq = ISS + 1;
	c->ack = get32(answer + 4) + 1;
	say(s, c, ACK, NULL, 0);
	assert_true(c->open);
	forget_sent(s->f);
}

static struct client *client_open(struct scene *s, unsigned port)
{
	struct client *c = client_new(s, port);

	say(s, c, SYN, NULL, 0);
	client_established(s, c);
	return c;
}

/* The canary over TCP: what it says is answered at once (assert_canary() is that over UDP). */
static void assert_connected(struct scene *s)
{
	struct client *c = s->clients;
	unsigned length = c->length;
	const uint8_t *answer;

	introduce(s->f); /* hosts ask for us now and then: what we know of it does not age */
	say(s, c, PSH | ACK, "alive", 5);
	answer = answer_to(s, c);
	assert_non_null(answer);
	assert_int_equal(c->length, length + 5);
	assert_memory_equal(answer + (answer[12] >> 4) * 4, "alive", 5);
	assert_int_equal(get32(answer + 4), c->ack);
	c->seq += 5;
	c->ack += 5;
	assert_int_equal(get32(answer + 8), c->seq);
	say(s, c, ACK, NULL, 0);
	c->length = length;
	forget_sent(s->f);
}

static void hear_datagram(void *context, const struct datagram *datagram)
{
	struct scene *s = context;

	user_datagram(s->f, datagram);
}

static struct scene *scene_make(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->f = fixture_make();
	s->f->config.user = (struct stack_user){s, hear_opened, hear_stream, hear_finished,
		hear_closed, hear_deadline, hear_datagram};
	return s;
}

static void scene_start(struct scene *s)
{
	fixture_start(s->f);
	introduce(s->f);
	client_open(s, CANARY_PORT);
	assert_connected(s);
	assert_canary(s->f);
}

/* Both canaries live, all pools come back to what they were, nothing is wrong inside. */
static void scene_end(struct scene *s)
{
	struct pool_view views[16];
	unsigned count;

	assert_connected(s);
	assert_canary(s->f);
	assert_null(tcp_check(stack_tcp(s->f->stack)));
	for (unsigned i = 0; i < s->count; i++)
		if (s->clients[i].open)
			tcp_abort(stack_tcp(s->f->stack), s->clients[i].id);
	pass(s->f, 200 * SECOND, SECOND / 5);
	count = tcp_pools(stack_tcp(s->f->stack), views);
	for (unsigned i = 0; i < count; i++)
		if (views[i].used != POOL_USED_UNKNOWN && views[i].used != 0)
			fail_msg("%u of %s are left", (unsigned)views[i].used, views[i].name);
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		assert_int_equal(chunk_free_count(s->f->config.tcp.chunks, class),
			chunk_count(s->f->config.tcp.chunks, class));
	fixture_free(s->f);
	free(s);
}

/* A connection whose next hop never answers: its segments are dropped and counted, the question is
 * put once a second and no more, nothing is kept for it, and it ends by its own timer. */
static void test_A5_next_hop_never_resolves(void **state)
{
	struct scene *s = scene_make();
	struct fixture *f = s->f;
	struct client *c;
	struct tcp_tuple tuple = {.remote = ip_from_v4(inet_addr("198.18.0.99")),
		.local = ip_from_v4(OUR_ADDRESS),
		.remote_port = htons(7000),
		.local_port = htons(40100)};
	uint64_t asked, unresolved;

	scene_start(s);
	c = client_new(s, 7000);
	asked = counter(f, STACK_ARP_REQUESTS);
	unresolved = counter(f, STACK_DROP_UNRESOLVED);
	c->id = stack_connect(f->stack, 0, &tuple, NULL);
	assert_int_not_equal(c->id, 0);
	c->open = true;
	/* 10 s: SYNs after 0, 1, 3 and 7; the canaries ask for nobody. */
	for (unsigned second = 0; second < 10; second++) {
		pass(f, SECOND, SECOND / 50);
		assert_connected(s);
	}
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED) - unresolved, 4);
	assert_in_range(counter(f, STACK_ARP_REQUESTS) - asked, 4, 11);
	/* 200 s later it is given up, and nobody is asked for any more. */
	for (unsigned second = 0; second < 270; second++) {
		pass(f, SECOND, SECOND / 5);
		assert_connected(s);
	}
	assert_false(c->open);
	assert_int_equal(tcp_counter(s, TCP_TIMED_OUT), 1);
	asked = counter(f, STACK_ARP_REQUESTS);
	for (unsigned second = 0; second < 10; second++) {
		pass(f, SECOND, SECOND / 5);
		assert_connected(s);
	}
	assert_in_range(counter(f, STACK_ARP_REQUESTS) - asked, 0, 1);
	scene_end(s);
}

/* Whoever sees a datagram can claim that it did not arrive: that ends nothing and is answered by
 * nothing, and the session's next datagram is taken as ever. */
static void test_D4_port_unreachable_is_soft(void **state)
{
	struct scene *s = scene_make();
	struct fixture *f = s->f;
	struct packet p;

	scene_start(s);
	for (unsigned code = 0; code < 16; code++) {
		make_error(&p, 3, code, 0, 17);
		put16(p.data + QUOTE_L4, UDP_PORT);
		put16(p.data + QUOTE_L4 + 2, 40000);
		seal_l4(&p, 2);
		deliver(f, &p);
		assert_int_equal(f->links[0].sent_count, 0);
		assert_int_equal(counter(f, STACK_ICMP_UDP), code + 1);
		assert_canary(f);
		assert_connected(s);
	}
	assert_int_equal(all_drops(f), 0);
	scene_end(s);
}

/* RFC 6093: urgent bytes are bytes like others, in band and in order; wherever the pointer points,
 * in whatever segment, beside whatever option (CVE-2019-12255, -12260, -12261, -12263). */
static void test_T3_urgent_is_ignored(void **state)
{
	static const unsigned pointers[] = {0, 1, 4, 5, 1000, 20000, 65535};
	/* TCP-AO, as the published exploit has it; and one cut short */
	static const uint8_t ao[4] = {29, 4, 1, 1}, cut[4] = {1, 1, 1, 29};
	struct scene *s = scene_make();
	struct client *c;
	uint8_t wanted[256];
	unsigned length = 0;
	struct packet p;

	scene_start(s);
	c = client_new(s, 50000);
	/* In the SYN ... */
	make_segment(&p, c, SYN | URG, ao, sizeof(ao), NULL, 0);
	put16(p.data + L4 + 18, 0xffff);
	seal_l4(&p, 16);
	deliver(s->f, &p);
	client_established(s, c);
	for (unsigned i = 0; i < 3 * sizeof(pointers) / sizeof(pointers[0]); i++) {
		const uint8_t *option = i % 3 == 0 ? NULL : i % 3 == 1 ? ao : cut;

		make_segment(&p, c, PSH | ACK | URG, option, option ? 4 : 0, "abcd", 4);
		put16(p.data + L4 + 18, pointers[i / 3]);
		seal_l4(&p, 16);
		forget_sent(s->f);
		deliver(s->f, &p);
		memcpy(wanted + length, "abcd", 4);
		length += 4;
		c->seq += 4;
		assert_int_equal(c->length, length);
		assert_int_equal(get32(answer_to(s, c) + 8), c->seq);
		assert_connected(s);
	}
	/* ... ahead of what is missing, which it does not overtake ... */
	c->seq += 4;
	make_segment(&p, c, PSH | ACK | URG, NULL, 0, "efgh", 4);
	put16(p.data + L4 + 18, 1);
	seal_l4(&p, 16);
	deliver(s->f, &p);
	assert_int_equal(c->length, length);
	c->seq -= 4;
	say(s, c, PSH | ACK, "abcd", 4);
	c->seq += 8;
	memcpy(wanted + length, "abcdefgh", 8);
	length += 8;
	/* ... and with the FIN. */
	make_segment(&p, c, FIN | ACK | URG, NULL, 0, "end", 3);
	put16(p.data + L4 + 18, 4);
	seal_l4(&p, 16);
	deliver(s->f, &p);
	memcpy(wanted + length, "end", 3);
	length += 3;
	assert_int_equal(c->length, length);
	assert_memory_equal(c->heard, wanted, length);
	assert_true(c->finished);
	assert_int_equal(tcp_counter(s, TCP_DROP_FLAGS), 0);
	assert_int_equal(all_drops(s->f), 0);
	scene_end(s);
}

/*
 * What LISTEN does with flags that make no sense together: nothing. SYN with URG and PSH is no such
 * thing - urgent data has no meaning here (T3), PSH none in a SYN - and opens as any SYN does.
 */
static void test_T20_flags_in_listen(void **state)
{
	struct scene *s = scene_make();
	struct client *c;

	scene_start(s);
	for (unsigned flags = 0; flags < 0x40; flags++) {
		struct client stranger = {.port = 42000 + flags, .seq = ISS, .ack = 4711};
		uint64_t before = tcp_counter(s, TCP_DROP_FLAGS),
			 unknown = tcp_counter(s, TCP_DROP_NO_CONNECTION);
		const uint8_t *answer;

		forget_sent(s->f);
		say(s, &stranger, flags, "x", 1);
		answer = answer_to(s, &stranger);
		if (flags & RST) {
			assert_null(answer);
			assert_int_equal(tcp_counter(s, TCP_DROP_NO_CONNECTION), unknown + 1);
		} else if (flags & ACK) {
			assert_int_equal(answer[13], RST);
			assert_int_equal(get32(answer + 4), stranger.ack);
			assert_int_equal(tcp_counter(s, TCP_DROP_NO_CONNECTION), unknown + 1);
		} else if ((flags & SYN) && !(flags & FIN)) {
			assert_int_equal(answer[13], SYN | ACK);
			assert_int_equal(get32(answer + 8), ISS + 1);
		} else {
			assert_null(answer);
			assert_int_equal(tcp_counter(s, TCP_DROP_FLAGS), before + 1);
		}
		/* No answer is larger than what provoked it. */
		for (unsigned i = 0; i < s->f->links[0].sent_count; i++)
			assert_true(s->f->links[0].sent[i].frame.length <= L4 + 20 + 4);
		assert_connected(s);
	}
	c = client_open(s, 43000);
	assert_true(c->open);
	scene_end(s);
}

/* The same in ESTABLISHED, at a number out of the window, in it, and next: only RST at the next
 * number ends the connection, SYN never does, and no byte is delivered without an ACK. */
static void test_T20_flags_in_established(void **state)
{
	static const uint32_t offsets[] = {1u << 30, 500, 0};
	struct scene *s = scene_make();

	scene_start(s);
	for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		for (unsigned flags = 0; flags < 0x40; flags++) {
			struct client *c = client_open(s, 44000 + 64 * i + flags), forged;
			bool reset = (flags & RST) && offsets[i] == 0;
			bool taken = (flags & (SYN | RST | ACK)) == ACK && offsets[i] == 0;

			forged = *c;
			forged.seq += offsets[i];
			say(s, &forged, flags, "x", 1);
			assert_int_equal(c->open, !reset);
			assert_int_equal(c->length, taken ? 1 : 0);
			assert_int_equal(c->finished, taken && (flags & FIN));
			/* Never RST: that would end the connection for its peer. */
			if (answer_to(s, c))
				assert_int_equal(answer_to(s, c)[13] & RST, 0);
			assert_connected(s);
			if (c->open)
				tcp_abort(stack_tcp(s->f->stack), c->id);
			turn(s->f);
			s->count--;
		}
	assert_int_equal(tcp_counter(s, TCP_RESET_IN), 32);
	scene_end(s);
}

/* T21: bytes in a SYN are not acknowledged, not kept and not delivered, with fast open's option
 * (RFC 7413) or without; sent again after the handshake they come once. */
static void test_T21_syn_with_data(void **state)
{
	static const uint8_t fast_open[12] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
	static const uint8_t request[4] = {34, 2, 1, 1};
	static const struct {
		const uint8_t *options;
		unsigned length;
	} rows[] = {{NULL, 0}, {request, 4}, {fast_open, 12}};
	struct scene *s = scene_make();

	scene_start(s);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client *c = client_new(s, 45000 + i);
		struct packet p;

		make_segment(&p, c, SYN | PSH, rows[i].options, rows[i].length, "early", 5);
		deliver(s->f, &p);
		assert_false(c->open);
		assert_connected(s);
		forget_sent(s->f);
		deliver(s->f, &p); /* the SYN again: still only the SYN is acknowledged */
		client_established(s, c);
		assert_int_equal(c->length, 0);
		say(s, c, PSH | ACK, "early", 5);
		assert_int_equal(c->length, 5);
		assert_memory_equal(c->heard, "early", 5);
		assert_connected(s);
	}
	assert_int_equal(tcp_counter(s, TCP_OPENED), 1 + sizeof(rows) / sizeof(rows[0]));
	scene_end(s);
}

/* T24, our side: the right edge that we once offered is never taken back (RFC 9293 3.8.6), while
 * bytes come in pieces of every size, ahead of a gap and into it. (A window of 0 where no chunk is
 * free is the one exception, test_refused_and_reopened.) */
static void test_T24_window_never_shrinks(void **state)
{
	static const uint8_t text[1400];
	struct scene *s = scene_make();
	struct client *c;
	uint32_t edge;

	scene_start(s);
	c = client_open(s, 46000);
	edge = c->seq + s->f->config.tcp.receive_window;
	for (unsigned i = 0; i < 400; i++) {
		unsigned length = 1 + i * 97 % sizeof(text);
		bool ahead = i % 5 == 0;
		const uint8_t *answer;
		uint32_t right;

		c->length = 0;
		forget_sent(s->f);
		if (ahead) {
			/* a gap, then what fills it */
			c->seq += 100;
			say(s, c, ACK, text, length);
			c->seq -= 100;
			answer = answer_to(s, c);
			right = get32(answer + 8) + get16(answer + 14);
			assert_true((int32_t)(right - edge) >= 0);
			edge = right;
			say(s, c, ACK, text, 100);
			c->seq += 100 + length;
		} else {
			say(s, c, ACK, text, length);
			c->seq += length;
		}
		answer = answer_to(s, c);
		assert_non_null(answer);
		assert_int_equal(get32(answer + 8), c->seq);
		right = get32(answer + 8) + get16(answer + 14);
		assert_true((int32_t)(right - edge) >= 0);
		edge = right;
	}
	assert_connected(s);
	scene_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_A5_next_hop_never_resolves),
		cmocka_unit_test(test_D4_port_unreachable_is_soft),
		cmocka_unit_test(test_T3_urgent_is_ignored),
		cmocka_unit_test(test_T20_flags_in_listen),
		cmocka_unit_test(test_T20_flags_in_established),
		cmocka_unit_test(test_T21_syn_with_data),
		cmocka_unit_test(test_T24_window_never_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
