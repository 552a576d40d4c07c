/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_sim.c - our TCP against a small, independent one over a bad network, byte by byte */

#include "tcp_fixture.h"

#define REMOTES 6
#define STREAM_MAX 400000u
#define SPAN 32768u /* the reference receiver's buffer */
#define NETWORK_MAX 2048
#define REFERENCE_RTO (350 * MS)

/* What the network does, in percent, and how scarce things are. */
struct weather {
	const char *name;
	unsigned seed;
	unsigned loss, twice, late;
	unsigned messages, longest; /* of each connection, from us */
	uint32_t upload;            /* bytes of each connection, to us */
	uint32_t chunks[CHUNK_CLASSES];
	unsigned refuse;     /* percent of deliveries that are refused */
	unsigned tight;      /* percent of windows that the reference offers small or zero */
	unsigned bite;       /* segments taken from tcp_output() at once */
	uint32_t iss_before; /* their numbers start so far before 2^32; ours do, too */
};

/*
 * The reference: offsets in 64 bits from the first byte, a byte map for what came, go-back-N.
 * It shares nothing with the code under test.
 */
struct remote {
	struct tcp_tuple tuple;
	uint32_t iss, irs;
	bool asked, open;
	uint64_t una, nxt, timer; /* sending: acknowledged, next, time of the last progress */
	uint64_t edge;            /* as far as we let it send */
	uint64_t top;             /* one past all that ever left, FIN included */
	uint32_t upload;
	unsigned duplicates;
	uint64_t read, offered; /* receiving: in order up to here, window promised up to here */
	uint8_t map[SPAN];
	uint64_t fin_at; /* offset of our FIN, UINT64_MAX: not seen */
	bool fin_read, fin_sent, fin_acked;
	/* the server's side of it */
	tcp_id id;
	uint8_t ends[STREAM_MAX + 4096]; /* 1: a message ends with this byte */
	uint64_t written;
	unsigned messages;
	uint64_t taken;
	bool finished, closed;
};

struct packet {
	uint64_t at; /* 0: free */
	uint64_t number;
	unsigned to; /* REMOTES: the server */
	struct tcp_out out;
	uint8_t payload[1500];
};

static struct remote remotes[REMOTES];
static struct packet network[NETWORK_MAX];
static const struct weather *weather;
static struct rig *rig;
static unsigned seed;
static uint64_t lost, doubled, carried, wrapped;

static unsigned roll(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static bool chance(unsigned percent)
{
	return roll(100) < percent;
}

static uint8_t stream_byte(unsigned remote, bool up, uint64_t offset)
{
	return (uint8_t)(offset * 167 + (offset >> 8) * 13 + remote * 71 + up * 29);
}

static void carry_once(unsigned to, const struct tcp_out *out, const uint8_t *payload)
{
	for (unsigned i = 0; i < NETWORK_MAX; i++) {
		struct packet *packet = &network[i];

		if (packet->at)
			continue;
		packet->at = rig->now + 5 * MS + (chance(weather->late) ? roll(60 * MS) : 0);
		packet->number = ++carried;
		packet->to = to;
		packet->out = *out;
		assert_true(out->length <= sizeof(packet->payload));
		if (out->length > 0)
			memcpy(packet->payload, payload, out->length);
		return;
	}
	lost++;
}

static void carry(unsigned to, const struct tcp_out *out, const uint8_t *payload)
{
	if (chance(weather->loss)) {
		lost++;
		return;
	}
	carry_once(to, out, payload);
	if (chance(weather->twice)) {
		doubled++;
		carry_once(to, out, payload);
	}
}

/* The reference's segment with its stream's bytes [offset, offset + length). */
static void remote_send(unsigned i, uint8_t flags, uint64_t offset, uint32_t length)
{
	struct remote *r = &remotes[i];
	uint64_t window = r->offered > r->read ? r->offered - r->read : 0;
	struct tcp_out out = {.tuple = r->tuple,
		.seq = r->iss + 1 + (uint32_t)offset,
		.ack = r->irs + 1 + (uint32_t)r->read + r->fin_read,
		.flags = flags | TCP_ACK,
		.window = (uint16_t)window,
		.length = length};
	uint8_t bytes[1500];

	if (r->top < offset + length + !!(flags & TCP_FIN))
		r->top = offset + length + !!(flags & TCP_FIN);
	if (flags & TCP_SYN) {
		out.seq = r->iss;
		out.ack = 0;
		out.flags = TCP_SYN;
		out.options_length = 4;
		memcpy(out.options, "\x02\x04\x03\x20", 4); /* 800 */
	}
	for (uint32_t k = 0; k < length; k++)
		bytes[k] = stream_byte(i, true, offset + k);
	carry(REMOTES, &out, bytes);
}

static void remote_ack(unsigned i)
{
	struct remote *r = &remotes[i];
	uint64_t window = SPAN - 1;

	/* A window may be small or nothing, but what was promised is kept. */
	if (chance(weather->tight))
		window = roll(3) ? roll(2000) : 0;
	if (r->read + window > r->offered)
		r->offered = r->read + window;
	remote_send(i, 0, r->nxt + (r->fin_sent && r->nxt == r->upload), 0);
}

static void remote_bytes_in(unsigned i, const struct packet *packet, uint64_t offset)
{
	struct remote *r = &remotes[i];
	uint32_t length = packet->out.length;

	for (uint32_t k = 0; k < length; k++) {
		uint64_t at = offset + k;

		assert_true(at < r->written);
		assert_int_equal(packet->payload[k], stream_byte(i, false, at));
		/* A message's last byte is a segment's last byte. */
		assert_true(!r->ends[at] || k + 1 == length);
		if (at >= r->read && at < r->offered)
			r->map[at % SPAN] = 1;
	}
	/* PSH says that a message ends here. */
	assert_int_equal(!!(packet->out.flags & TCP_PSH), r->ends[offset + length - 1]);
	while (r->map[r->read % SPAN]) {
		r->map[r->read % SPAN] = 0;
		r->read++;
	}
}

static void remote_ack_in(unsigned i, const struct packet *packet)
{
	struct remote *r = &remotes[i];
	int32_t ahead = (int32_t)(packet->out.ack - (r->iss + 1 + (uint32_t)r->una));
	uint64_t acked = r->una + (uint64_t)(ahead > 0 ? ahead : 0);

	assert_true(acked <= r->top);
	if (ahead >= 0 && acked + packet->out.window > r->edge)
		r->edge = acked + packet->out.window;
	if (acked > r->upload) {
		r->fin_acked = true;
		acked = r->upload;
	}
	if (acked > r->una) {
		r->una = acked;
		if (r->nxt < r->una)
			r->nxt = r->una;
		r->timer = rig->now;
		r->duplicates = 0;
	} else if (ahead == 0 && packet->out.length == 0 && r->nxt > r->una &&
		   ++r->duplicates == 3) {
		uint32_t length = (uint32_t)(r->nxt - r->una);

		remote_send(i, 0, r->una, length < 500 ? length : 500);
	}
}

static void remote_in(unsigned i, const struct packet *packet)
{
	struct remote *r = &remotes[i];
	const struct tcp_out *out = &packet->out;
	uint64_t offset;

	if (out->flags & TCP_RST) {
		/* Only what arrives after both ends are through with it finds nothing there. */
		assert_true(r->closed && r->fin_read && r->top > r->upload);
		assert_int_equal(r->una, r->upload);
		r->fin_acked = true;
		return;
	}
	if (out->flags & TCP_SYN) {
		assert_int_equal(out->ack, r->iss + 1);
		if (!r->open)
			r->irs = out->seq;
		wrapped += r->irs > UINT32_MAX - 50000;
		assert_int_equal(r->irs, out->seq);
		r->open = true;
		r->edge = r->edge ? r->edge : out->window;
		remote_ack(i);
		return;
	}
	if (!r->open)
		return;
	remote_ack_in(i, packet);
	offset =
		r->read + (uint64_t)(int64_t)(int32_t)(out->seq - (r->irs + 1 + (uint32_t)r->read));
	if (out->length > 0)
		remote_bytes_in(i, packet, offset);
	if (out->flags & TCP_FIN) {
		assert_true(r->closed);
		r->fin_at = offset + out->length;
		assert_int_equal(r->fin_at, r->written);
	}
	if (r->fin_at == r->read)
		r->fin_read = true;
	/* Whatever takes numbers, or lies before what is expected (a probe), is acknowledged. */
	if (out->length > 0 || out->flags & TCP_FIN || (int64_t)offset < (int64_t)r->read)
		remote_ack(i);
}

static void remote_tick(unsigned i)
{
	struct remote *r = &remotes[i];
	bool old = rig->now - r->timer > REFERENCE_RTO;

	if (!r->open) {
		if (!r->asked || old) {
			remote_send(i, TCP_SYN, 0, 0);
			r->asked = true;
			r->timer = rig->now;
		}
		return;
	}
	if (old && (r->nxt > r->una || (r->fin_sent && !r->fin_acked))) {
		r->nxt = r->una;
		r->fin_sent = false;
		r->timer = rig->now;
		r->duplicates = 0;
	} else if (old && r->una < r->upload && r->edge <= r->nxt) {
		remote_send(i, 0, r->nxt, 1); /* window probe with a byte */
		r->nxt++;
		r->timer = rig->now;
	} else if (r->offered - r->read < 100 && chance(20)) {
		remote_ack(i); /* opens its window by itself sometimes */
	}
	for (unsigned burst = roll(4); burst > 0 && r->nxt < r->upload && r->nxt < r->edge;
		burst--) {
		uint64_t room = (r->edge < r->upload ? r->edge : r->upload) - r->nxt;
		uint32_t length = 1 + roll(1400);
		uint64_t from = r->nxt;

		if (length > room)
			length = (uint32_t)room;
		r->nxt += length;
		/* Some begin earlier than they should: overlaps. */
		if (chance(10) && from - r->una >= 50 && length <= 1400) {
			from -= 50;
			length += 50;
		}
		remote_send(i, TCP_PSH, from, length);
	}
	/* Odd ones close first; even ones wait for our FIN. */
	if (r->nxt == r->upload && !r->fin_sent && !r->fin_acked && (i % 2 || r->fin_read)) {
		remote_send(i, TCP_FIN, r->upload, 0);
		r->fin_sent = true;
		r->timer = rig->now;
	}
}

static void server_up(unsigned i, struct tcp_up *up)
{
	struct remote *r = &remotes[i];
	struct tcp_up more;

	if (up->events & TCP_UP_OPENED)
		r->id = up->id;
	if (up->events)
		assert_int_equal(up->id, r->id);
	if (up->events & TCP_UP_DATA) {
		bool taken = !chance(weather->refuse);

		for (uint32_t k = 0; k < up->length; k++)
			assert_int_equal(up->data[k], stream_byte(i, true, r->taken + k));
		if (taken)
			r->taken += up->length;
		tcp_accept(rig->tcp, up->id, taken);
		if (taken && tcp_more(rig->tcp, r->id, &more))
			server_up(i, &more);
	}
	if (up->events & TCP_UP_FINISHED) {
		assert_false(r->finished);
		assert_int_equal(r->taken, r->upload);
		r->finished = true;
	}
	assert_false(up->events & (TCP_UP_CLOSED | TCP_UP_DEADLINE));
}

static void server_in(const struct packet *packet)
{
	const struct tcp_out *out = &packet->out;
	unsigned i = ntohs(out->tuple.remote_port) - 40000;
	struct tcp_segment segment = {.tuple = out->tuple,
		.seq = out->seq,
		.ack = out->ack,
		.window = out->window,
		.flags = out->flags,
		.options_length = out->options_length,
		.options = out->options,
		.payload = packet->payload,
		.length = out->length};
	struct tcp_place place;
	struct tcp_up up;

	tcp_locate_flows(rig->tcp, &segment, &place, 1);
	tcp_locate_connections(rig->tcp, &place, 1);
	tcp_input(rig->tcp, &segment, &place, rig->now, &up);
	server_up(i, &up);
	check_invariants(rig);
}

/* The user writes as fast as it may, in messages of any length, and closes when all is done. */
static void server_write(unsigned i)
{
	struct remote *r = &remotes[i];

	if (!r->id || r->closed)
		return;
	for (unsigned burst = roll(4); burst > 0 && r->messages < weather->messages; burst--) {
		uint32_t length = 1 + roll(chance(20) ? weather->longest : 300);
		uint8_t *room = tcp_reserve(rig->tcp, r->id, length + 10);

		if (!room)
			break;
		if (chance(5)) {
			tcp_commit(rig->tcp, r->id, 0);
			continue;
		}
		assert_true(r->written + length <= STREAM_MAX);
		for (uint32_t k = 0; k < length; k++)
			room[k] = stream_byte(i, false, r->written + k);
		r->written += length;
		r->ends[r->written - 1] = 1;
		r->messages++;
		tcp_commit(rig->tcp, r->id, length);
	}
	if (r->messages == weather->messages && r->taken == r->upload &&
		(i % 2 == 0 || r->finished)) {
		tcp_close(rig->tcp, r->id);
		r->closed = true;
	}
	check_invariants(rig);
}

static void server_out(void)
{
	struct tcp_out out[64];
	unsigned n = tcp_output(rig->tcp, rig->now, out, weather->bite);

	for (unsigned k = 0; k < n; k++)
		carry(ntohs(out[k].tuple.remote_port) - 40000, &out[k], out[k].payload);
	check_invariants(rig);
}

/* What is due next; packets that are due at one time come in the order they left. */
static struct packet *due(void)
{
	struct packet *first = NULL;

	for (unsigned k = 0; k < NETWORK_MAX; k++) {
		struct packet *packet = &network[k];

		if (!packet->at || packet->at > rig->now)
			continue;
		if (!first || packet->at < first->at ||
			(packet->at == first->at && packet->number < first->number))
			first = packet;
	}
	return first;
}

static void deliver(void)
{
	struct packet *packet;

	while ((packet = due())) {
		if (packet->to == REMOTES)
			server_in(packet);
		else
			remote_in(packet->to, packet);
		packet->at = 0;
	}
}

static bool all_done(void)
{
	for (unsigned i = 0; i < REMOTES; i++)
		if (!remotes[i].fin_read || !remotes[i].fin_acked)
			return false;
	return tcp_connections(rig->tcp, NULL) == 0;
}

/*
 * An address for @remote under which our own numbers, too, begin less than @span before 2^32, when
 * its SYN comes at @now: RFC 6528's function, with the key known.
 */
static uint32_t wrapping_address(const struct tcp_config *config, unsigned remote, uint64_t now)
{
	const uint32_t span = 40000;
	struct tcp_tuple tuple = peer_at((uint16_t)(40000 + remote), 0).tuple;
	uint64_t word1 = (uint64_t)tuple.remote_port | (uint64_t)tuple.local_port << 16;

	for (uint32_t address = 0x0a000000;; address++) {
		uint64_t word0 = (uint64_t)htonl(address) | (uint64_t)ip_v4(&tuple.local) << 32;
		uint32_t isn =
			(uint32_t)siphash_16(&config->isn_key, word0, word1) + (uint32_t)(now / 4);

		if (isn >= UINT32_MAX - span)
			return htonl(address);
	}
}

static void simulate(const struct weather *w)
{
	static uint32_t addresses[REMOTES];
	struct tcp_config config = rig_config();
	struct tcp_up ups[TCP_SWEEP_GROUP];
	uint64_t start;

	weather = w;
	seed = w->seed;
	lost = 0;
	doubled = 0;
	wrapped = 0;
	memset(remotes, 0, sizeof(remotes));
	memset(network, 0, sizeof(network));
	config.receive_window = 8000;
	config.send_bytes = 20000;
	rig = rig_new(config, w->chunks);
	start = rig->now;
	for (unsigned i = 0; i < REMOTES; i++) {
		remotes[i].tuple = peer_at((uint16_t)(40000 + i), 0).tuple;
		if (!addresses[i])
			addresses[i] = wrapping_address(&config, i, start + 10 * MS);
		remotes[i].tuple.remote = ip_from_v4(addresses[i]);
		remotes[i].iss = -(w->iss_before + i);
		remotes[i].upload = w->upload;
		remotes[i].offered = SPAN - 1;
		remotes[i].fin_at = UINT64_MAX;
	}
	while (!all_done()) {
		/* Progress has a bound, in virtual time. */
		if (rig->now - start > 3000 * SECOND)
			fail_msg("%s: seed %u made no end", w->name, w->seed);
		rig->now += roll(4 * MS);
		deliver();
		assert_int_equal(tcp_timers(rig->tcp, rig->now, ups, 16), 0);
		assert_int_equal(tcp_sweep(rig->tcp, rig->now, ups, 1), 0);
		for (unsigned i = 0; i < REMOTES; i++) {
			server_write(i);
			remote_tick(i);
		}
		server_out();
	}
	for (unsigned i = 0; i < REMOTES; i++) {
		const struct remote *r = &remotes[i];

		assert_int_equal(r->read, r->written);
		assert_int_equal(r->taken, r->upload);
		assert_int_equal(r->messages, w->messages);
		assert_int_equal(r->finished, i % 2);
	}
	assert_int_equal(count_of(rig, TCP_OPENED), REMOTES);
	assert_int_equal(count_of(rig, TCP_TIMED_OUT), 0);
	assert_true(w->loss == 0 || (lost > 0 && count_of(rig, TCP_RETRANSMIT) > 0));
	assert_true(w->twice == 0 || doubled > 0);
	assert_true(wrapped >= REMOTES / 2);
	if (w->loss == 0 && w->late == 0 && w->twice == 0 && w->tight == 0)
		assert_int_equal(count_of(rig, TCP_RETRANSMIT), 0);
	rig_end(rig);
}

#define PLENTY                                                                                     \
	{                                                                                          \
		128, 32, 16, 4                                                                     \
	}

static void test_clean(void **state)
{
	simulate(&(struct weather){.name = "clean",
		.seed = 1,
		.messages = 500,
		.longest = 3000,
		.upload = 50000,
		.chunks = PLENTY,
		.bite = 64,
		.iss_before = 700});
}

static void test_loss(void **state)
{
	for (unsigned s = 0; s < 4; s++)
		simulate(&(struct weather){.name = "loss",
			.seed = 100 + s,
			.loss = 2 + 2 * s,
			.messages = 150,
			.longest = 3000,
			.upload = 30000,
			.chunks = PLENTY,
			.bite = 64,
			.iss_before = 1000 * s});
}

static void test_reordering(void **state)
{
	for (unsigned s = 0; s < 3; s++)
		simulate(&(struct weather){.name = "reordering",
			.seed = 200 + s,
			.twice = 10,
			.late = 30,
			.messages = 200,
			.longest = 4000,
			.upload = 40000,
			.chunks = PLENTY,
			.bite = 64,
			.iss_before = 20000});
}

static void test_tight_windows(void **state)
{
	for (unsigned s = 0; s < 3; s++)
		simulate(&(struct weather){.name = "tight",
			.seed = 300 + s,
			.loss = 2,
			.late = 5,
			.tight = 60,
			.messages = 120,
			.longest = 2500,
			.upload = 20000,
			.chunks = PLENTY,
			.bite = 3,
			.iss_before = 5000});
}

/* T27 included: everything goes wrong at once, and all numbers wrap in the middle of it. */
static void test_T27_everything(void **state)
{
	for (unsigned s = 0; s < 6; s++)
		simulate(&(struct weather){.name = "everything",
			.seed = 400 + s,
			.loss = 8,
			.twice = 5,
			.late = 20,
			.tight = 20,
			.refuse = 10,
			.messages = 120,
			.longest = 3000,
			.upload = 20000,
			.chunks = {10, 6, 3, 1},
			.bite = 1 + s * 4,
			.iss_before = 1500 * s});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_tight_windows),
		cmocka_unit_test(test_T27_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
