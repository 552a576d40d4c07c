/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_usual.c - what is predicted of a segment is what the general way does with it */
#include "tcp_fixture.h"

#define ROUNDS 4000
#define PEERS 4

/*
 * Two of everything: one is told where a segment's connection is, as a burst's passes find it, and
 * may take the short way; the other has to look for it, and goes the long one. After each step both
 * have said the same, sent the same, and hold the same records, byte for byte.
 */
static struct rig *rigs[2];
static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

static void assert_same(void)
{
	const struct tcp *a = rigs[0]->tcp, *b = rigs[1]->tcp;

	assert_memory_equal(a->connections, b->connections,
		a->connection_slab.fresh * sizeof(struct tcp_connection));
	assert_memory_equal(a->counters, b->counters, sizeof(a->counters));
	assert_int_equal(a->pending_head, b->pending_head);
	assert_int_equal(a->pending_tail, b->pending_tail);
	assert_int_equal(a->delivery.id, b->delivery.id);
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		assert_int_equal(chunk_free_count(rigs[0]->pool, class),
			chunk_free_count(rigs[1]->pool, class));
}

static void assert_same_up(const struct tcp_up *a, const struct tcp_up *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->events, b->events);
	assert_int_equal(a->reason, b->reason);
	assert_ptr_equal(a->data, b->data);
	assert_int_equal(a->length, b->length);
}

/* Return: was it bytes for the user? */
static bool both_in(const struct tcp_segment *segment, bool take)
{
	struct tcp_place place, blind;
	struct tcp_up up[2];

	tcp_locate_flows(rigs[0]->tcp, segment, &place, 1);
	tcp_locate_connections(rigs[0]->tcp, &place, 1);
	blind = (struct tcp_place){.hash = tcp_hash(rigs[1]->tcp, &segment->tuple)};
	assert_true(place.hash == blind.hash);
	tcp_input(rigs[0]->tcp, segment, &place, rigs[0]->now, &up[0]);
	tcp_input(rigs[1]->tcp, segment, &blind, rigs[1]->now, &up[1]);
	assert_same_up(&up[0], &up[1]);
	assert_same();
	if (!(up[0].events & TCP_UP_DATA))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_up more;

		tcp_accept(rigs[i]->tcp, up[i].id, take);
		while (take && tcp_more(rigs[i]->tcp, up[i].id, &more))
			tcp_accept(rigs[i]->tcp, more.id, true);
	}
	assert_int_equal(up[0].events, up[1].events);
	assert_same();
	return true;
}

static void both_out(struct peer *peers)
{
	drain(rigs[0]);
	drain(rigs[1]);
	assert_int_equal(rigs[0]->sent_count, rigs[1]->sent_count);
	for (unsigned i = 0; i < rigs[0]->sent_count; i++) {
		const struct sent *a = &rigs[0]->sent[i], *b = &rigs[1]->sent[i];
		struct peer *peer = &peers[ntohs(a->out.tuple.remote_port) - 40000];
		uint32_t end = a->out.seq + a->out.length;

		assert_int_equal(a->out.seq, b->out.seq);
		assert_int_equal(a->out.ack, b->out.ack);
		assert_int_equal(a->out.window, b->out.window);
		assert_int_equal(a->out.flags, b->out.flags);
		assert_int_equal(a->out.length, b->out.length);
		assert_int_equal(a->out.options_length, b->out.options_length);
		assert_memory_equal(a->out.options, b->out.options, a->out.options_length);
		assert_memory_equal(a->payload, b->payload, a->out.length);
		if (seq_lt(peer->ack, end) && draw(8))
			peer->ack = end;
		if (peer->timestamps && a->out.options_length >= 12)
			memcpy(&peer->echo, a->out.options + 4, 4);
	}
	assert_same();
}

static void both_send(tcp_id id, uint32_t length)
{
	uint8_t *room[2];

	for (unsigned i = 0; i < 2; i++)
		room[i] = tcp_reserve(rigs[i]->tcp, id, length);
	assert_int_equal(!room[0], !room[1]);
	for (unsigned i = 0; i < 2 && room[0]; i++) {
		memset(room[i], (int)length, length);
		tcp_commit(rigs[i]->tcp, id, length);
	}
	assert_same();
}

static void both_wait(uint64_t us)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_up ups[UP_MAX];

		rigs[i]->now += us;
		tcp_timers(rigs[i]->tcp, rigs[i]->now, ups, UP_MAX);
		tcp_sweep(rigs[i]->tcp, rigs[i]->now, ups, 4);
	}
	assert_same();
}

/* Mostly the next bytes or an ACK; at times one thing about it is not as it should be. */
static bool some_segment(struct peer *peer)
{
	static uint8_t payload[1460];
	uint8_t options[12];
	struct tcp_segment segment = {.tuple = peer->tuple,
		.seq = peer->seq,
		.ack = peer->ack,
		.window = peer->window,
		.flags = TCP_ACK | (draw(2) ? TCP_PSH : 0),
		.link = (uint8_t)draw(2),
		.options = options,
		.options_length = peer->timestamps ? sizeof(options) : 0,
		.payload = payload,
		.length = draw(3) ? 1 + draw(sizeof(payload)) : 0};

	peer->value += draw(3);
	tcp_timestamps_write(options, peer->value, ntohl(peer->echo));
	switch (draw(24)) {
	case 0:
		segment.seq += draw(2000) - 1000;
		break;
	case 1:
		segment.ack += draw(2000) - 1000;
		break;
	case 2:
		peer->window = segment.window = (uint16_t)draw(65536) * (draw(4) > 0);
		break;
	case 3:
		segment.flags = (uint8_t)draw(64) & (uint8_t) ~(draw(8) ? TCP_RST | TCP_FIN : 0);
		break;
	case 4:
		segment.options_length = (uint8_t)(4 * draw(4));
		break;
	case 5:
		options[draw(sizeof(options))] = (uint8_t)draw(256);
		break;
	case 6:
		segment.length = 0;
		segment.ack = peer->ack - draw(3);
		break;
	case 7:
		segment.seq -= segment.length;
		break;
	default:
		break;
	}
	if (!both_in(&segment, draw(16) > 0))
		return false;
	if (segment.seq == peer->seq)
		peer->seq = connection_of(rigs[0], peer) ? connection_of(rigs[0], peer)->rcv_nxt
							 : peer->seq + segment.length;
	return true;
}

static void open_both(struct peer *peer, unsigned number, bool timestamps)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0};
	uint32_t iss = 1000 + draw(100000);
	uint8_t bare[12];

	*peer = peer_at((uint16_t)(40000 + number), iss);
	peer->timestamps = timestamps;
	peer->value = 9;
	for (unsigned i = 0; i < 2; i++) {
		put_syn(rigs[i], peer, options, timestamps ? 16 : 4);
		drain(rigs[i]);
	}
	assert_int_equal(rigs[0]->sent_count, 1);
	assert_int_equal(rigs[0]->sent[0].out.seq, rigs[1]->sent[0].out.seq);
	peer->ack = rigs[0]->sent[0].out.seq + 1;
	memcpy(&peer->echo, rigs[0]->sent[0].out.options + 8, 4);
	peer->seq++;
	tcp_timestamps_write(bare, peer->value, ntohl(peer->echo));
	for (unsigned i = 0; i < 2; i++) {
		put(rigs[i], (struct tcp_segment){.tuple = peer->tuple,
				     .seq = peer->seq,
				     .ack = peer->ack,
				     .window = peer->window,
				     .flags = TCP_ACK,
				     .options = bare,
				     .options_length = timestamps ? sizeof(bare) : 0});
		assert_int_equal(rigs[i]->up.events, TCP_UP_OPENED);
	}
	peer->id = rigs[0]->up.id;
	assert_int_equal(peer->id, rigs[1]->up.id);
}

static void run(uint64_t seed)
{
	struct peer peers[PEERS];
	unsigned heard = 0;

	random_state = seed;
	for (unsigned i = 0; i < 2; i++)
		rigs[i] = rig_default();
	for (unsigned i = 0; i < PEERS; i++)
		open_both(&peers[i], i, i & 1);
	assert_same();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct peer *peer = &peers[draw(PEERS)];

		/* Ended by what was wrong with a segment: another one, when its place is free. */
		if (!connection_of(rigs[0], peer)) {
			unsigned number = (unsigned)(peer - peers);

			both_wait(130 * SECOND);
			both_out(peers);
			open_both(peer, number, draw(2));
		}
		heard += some_segment(peer);
		if (draw(3) == 0)
			both_send(peer->id, 1 + draw(3000));
		if (draw(4))
			both_out(peers);
		both_wait(draw(16) ? draw(3000) : draw(2 * SECOND));
	}
	assert_true(heard > ROUNDS / 8);
	for (unsigned i = 0; i < 2; i++)
		rig_end(rigs[i]);
}

static void test_the_short_way_is_the_long_one(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		run(seed);
}

/* The hashes of a burst, of any number of segments and of both families, are those of each. */
static void test_hashes_of_a_burst(void **state)
{
	struct rig *rig = rig_default();
	struct tcp_segment segments[21] = {0};
	struct tcp_place places[21];

	for (unsigned i = 0; i < 21; i++) {
		struct tcp_tuple *tuple = &segments[i].tuple;

		tuple->remote = ip_from_v4(htonl(0xc6120000 + i * 77777));
		tuple->local = ip_from_v4(htonl(0xc6120001));
		if (i % 5 == 3)
			tuple->remote.word[0] = tuple->local.word[0] = htonl(0xfd770000);
		tuple->remote_port = htons((uint16_t)(1024 + i));
		tuple->local_port = htons(PORT);
	}
	for (unsigned count = 0; count <= 21; count++) {
		memset(places, 0, sizeof(places));
		tcp_locate_flows(rig->tcp, segments, places, count);
		for (unsigned i = 0; i < 21; i++)
			assert_true(places[i].hash ==
				    (i < count ? tcp_hash(rig->tcp, &segments[i].tuple) : 0));
	}
	rig_end(rig);
}

/* A place is a guess: the connection that it names may have ended since, or be another's. */
static void test_places_that_are_no_longer_true(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 500), other = peer_at(40001, 900);
	struct tcp_segment segment;
	struct tcp_place place;
	struct tcp_up up;

	rigs[0] = rig;
	peer_open(rig, 40000);
	peer.tuple = peer_at(40000, 0).tuple;
	segment = (struct tcp_segment){
		.tuple = peer.tuple, .seq = 1, .ack = 1, .flags = TCP_ACK, .window = 100};
	tcp_locate_flows(rig->tcp, &segment, &place, 1);
	tcp_locate_connections(rig->tcp, &place, 1);
	assert_int_equal(flow_ref_kind(place.ref), FLOW_CONNECTION);
	tcp_abort(rig->tcp, tcp_id_of(rig->tcp, &rig->tcp->connections[flow_ref_index(place.ref)]));
	tcp_input(rig->tcp, &segment, &place, rig->now, &up);
	assert_int_equal(up.events, 0);
	assert_int_equal(count_of(rig, TCP_DROP_NO_CONNECTION), 1);
	/* That of another flow. */
	segment.tuple = other.tuple;
	place.hash = tcp_hash(rig->tcp, &other.tuple);
	tcp_input(rig->tcp, &segment, &place, rig->now, &up);
	assert_int_equal(up.events, 0);
	assert_int_equal(count_of(rig, TCP_DROP_NO_CONNECTION), 2);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_short_way_is_the_long_one),
		cmocka_unit_test(test_hashes_of_a_burst),
		cmocka_unit_test(test_places_that_are_no_longer_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
