/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_reassembly.c - bytes out of order: kept, reported, given up (RFC 2018, 2883; T6, T7) */
#include "tcp_fixture.h"

#define SACK_OPTIONS "\x02\x04\x05\xb4\x01\x01\x04\x02"
#define SACK_LENGTH 8
#define TIMESTAMPS_ONLY "\x02\x04\x05\xb4\x01\x01\x08\x0a\x00\x00\x10\x00\x00\x00\x00\x00"

static struct peer sacking(struct rig *rig, uint16_t port, uint32_t iss)
{
	return peer_open_with(rig, peer_at(port, iss), SACK_OPTIONS, SACK_LENGTH);
}

/* @bytes ahead of the peer's next byte. */
static void ahead(struct rig *rig, const struct peer *peer, uint32_t by, const char *bytes)
{
	put_raw(rig, peer, TCP_ACK, peer->seq + by, peer->ack, bytes, (uint32_t)strlen(bytes));
}

/* The blocks of the segment sent last, as offsets from the peer's next byte: "3-5 9-12". */
static const char *reported(struct rig *rig, const struct peer *peer)
{
	static char text[200];
	struct tcp_options options;
	int at = 0;

	drain(rig);
	assert_true(rig->sent_count > 0);
	options = options_of(&rig->sent[rig->sent_count - 1].out);
	text[0] = 0;
	for (unsigned i = 0; i < options.sack_count; i++)
		at += sprintf(text + at, "%s%d-%d", i ? " " : "",
			(int)(options.sack[i].start - peer->seq),
			(int)(options.sack[i].end - peer->seq));
	return text;
}

static void test_gap(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 0xfffffffc); /* wraps in the gap */
	uint32_t start = peer.seq;

	ahead(rig, &peer, 3, "def");
	assert_int_equal(rig->up.events, 0);
	ahead(rig, &peer, 9, "jkl");
	assert_string_equal(reported(rig, &peer), "9-12 3-6");
	assert_int_equal(rig->sent_count, 2); /* each asks for itself */
	ahead(rig, &peer, 6, "ghi");
	assert_string_equal(reported(rig, &peer), "3-12");
	put_next(rig, &peer, 0, "abc", 3);
	assert_memory_equal(rig->got, "abcdefghijkl", 12);
	assert_int_equal(rig->got_length, 12);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, start + 12, 0);
	assert_int_equal(rig->sent[0].out.options_length, 0);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	assert_int_equal(count_of(rig, TCP_OUT_OF_ORDER), 3);
	rig_end(rig);
}

/* Without SACK it is kept as well; its ACKs are plain duplicates. */
static void test_without_sack(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	ahead(rig, &peer, 1, "b");
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.options_length, 0);
	put_next(rig, &peer, 0, "a", 1);
	assert_memory_equal(rig->got, "ab", 2);
	drain(rig);
	/* Nor does it ask for SACK that timestamps are agreed on. */
	peer = peer_open_with(rig, peer_at(40001, 5), TIMESTAMPS_ONLY, sizeof(TIMESTAMPS_ONLY) - 1);
	ahead(rig, &peer, 1, "b");
	ahead(rig, &peer, 1, "b");
	assert_int_equal(drain(rig), 2);
	assert_true(has_timestamps(&rig->sent[1].out));
	assert_int_equal(rig->sent[1].out.options_length, TCP_TIMESTAMPS_BYTES);
	rig_end(rig);
}

/* First the block that changed last (RFC 2018 section 4); three fit beside timestamps. */
static void test_newest_first(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_with(rig, peer_at(40000, 5), USUAL_OPTIONS, USUAL_LENGTH);

	ahead(rig, &peer, 30, "d");
	ahead(rig, &peer, 10, "b");
	ahead(rig, &peer, 20, "c");
	assert_string_equal(reported(rig, &peer), "20-21 10-11 30-31");
	assert_int_equal(rig->sent[0].out.options_length, 40);
	ahead(rig, &peer, 40, "e");
	assert_string_equal(reported(rig, &peer), "40-41 20-21 10-11");
	ahead(rig, &peer, 11, "x");
	assert_string_equal(reported(rig, &peer), "10-12 40-41 20-21");
	rig_end(rig);
}

/* A fifth stretch: the furthest is not kept, or not any longer, and then not reported either. */
static void test_retracted(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 5);

	for (unsigned i = 1; i <= 4; i++)
		ahead(rig, &peer, 10 * i, "x");
	assert_string_equal(reported(rig, &peer), "40-41 30-31 20-21 10-11");
	ahead(rig, &peer, 50, "y");
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_ORDER), 1);
	assert_string_equal(reported(rig, &peer), "40-41 30-31 20-21 10-11");
	ahead(rig, &peer, 5, "z");
	assert_int_equal(count_of(rig, TCP_RETRACTED), 1);
	assert_string_equal(reported(rig, &peer), "5-6 30-31 20-21 10-11");
	rig_end(rig);
}

/* T7: whatever comes for a number later, the byte that came first is delivered, and once. */
static void test_T7_first_byte_wins(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 0xfffffff0);

	ahead(rig, &peer, 4, "EFGH");
	ahead(rig, &peer, 2, "cdefghij"); /* around it */
	ahead(rig, &peer, 12, "MN");
	ahead(rig, &peer, 3, "????????????"); /* over it all */
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "ab!!!!!!!!!!!!!!q", 17);
	assert_int_equal(rig->got_length, 17);
	assert_memory_equal(rig->got, "abcdEFGHij??MN?!q", 17);
	peer.seq += 17;
	put_next(rig, &peer, 0, "r", 1);
	assert_int_equal(rig->got_length, 18);
	/* The same number with another length. */
	ahead(rig, &peer, 1, "b");
	ahead(rig, &peer, 1, "xyz");
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "a", 1);
	assert_memory_equal(rig->got + 18, "abyz", 4);
	rig_end(rig);
}

/* RFC 2883: what came twice is said once, before the blocks. */
static void test_duplicate_sack(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 5);

	put_next(rig, &peer, 0, "abcd", 4);
	drain(rig);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 4, peer.ack, "abcd", 4);
	assert_string_equal(reported(rig, &peer), "-4-0");
	assert_int_equal(rig->tcp->side_slab.used, 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 2, peer.ack, "cdef", 4);
	peer.seq += 2;
	assert_string_equal(reported(rig, &peer), "-4--2");
	ahead(rig, &peer, 10, "k");
	drain(rig);
	ahead(rig, &peer, 10, "k");
	assert_string_equal(reported(rig, &peer), "10-11 10-11");
	ahead(rig, &peer, 20, "l");
	assert_string_equal(reported(rig, &peer), "20-21 10-11");
	/* A part of a segment; of two such parts the first. */
	ahead(rig, &peer, 9, "jkm");
	assert_string_equal(reported(rig, &peer), "10-11 9-12 20-21");
	ahead(rig, &peer, 11, "mnnnnnnnnlo");
	assert_string_equal(reported(rig, &peer), "11-12 9-22");
	rig_end(rig);
}

/* Beside text there are as many blocks as its segment leaves room for. */
static void test_blocks_beside_text(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 5);

	ahead(rig, &peer, 10, "k");
	drain(rig);
	assert_true(message(rig, &peer, 1460, 'a'));
	assert_true(message(rig, &peer, 1448, 'b'));
	assert_int_equal(drain(rig), 2);
	assert_int_equal(rig->sent[0].out.options_length, 0);
	assert_int_equal(rig->sent[1].out.options_length, 12);
	rig_end(rig);
}

static void test_T22_fin_ahead(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 0xfffffffe), bare = sacking(rig, 40001, 7);

	/* With its data; it may come again, also beyond what it ends. */
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq + 3, peer.ack, "def", 3);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 3, peer.ack, "defghi", 6);
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq + 4, peer.ack, "e", 1);
	put_next(rig, &peer, 0, "abcdef", 6);
	assert_true(rig->up.events & TCP_UP_FINISHED);
	assert_memory_equal(rig->got, "abcdef", 6);
	assert_int_equal(rig->got_length, 6);
	drain(rig);
	assert_int_equal(rig->sent[rig->sent_count - 1].out.ack, peer.seq + 1);
	/* Bare, and the gap filled in two steps. */
	put_raw(rig, &bare, TCP_ACK | TCP_FIN, bare.seq + 2, bare.ack, NULL, 0);
	put_next(rig, &bare, 0, "x", 1);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	put_next(rig, &bare, 0, "y", 1);
	assert_int_equal(rig->up.events, TCP_UP_DATA | TCP_UP_FINISHED);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	/* One that would end before what has come is not believed. */
	drain(rig);
	bare = sacking(rig, 40002, 9);
	ahead(rig, &bare, 5, "f");
	put_raw(rig, &bare, TCP_ACK | TCP_FIN, bare.seq + 2, bare.ack, NULL, 0);
	put_next(rig, &bare, 0, "abcde", 5);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	rig_end(rig);
}

/* Refused: all that was kept is given back, and comes again. */
static void test_refused(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 5);

	ahead(rig, &peer, 2, "cd");
	rig->refuse = true;
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "ab", 2);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	assert_string_equal(reported(rig, &peer), "");
	assert_int_equal(rig->sent[rig->sent_count - 1].out.window, 0);
	rig->refuse = false;
	put_next(rig, &peer, 0, "abcd", 4);
	assert_memory_equal(rig->got, "abcd", 4);
	rig_end(rig);
}

/* Closed: nobody will read it; the peer hears of it when it sends again (RFC 1122 4.2.2.13). */
static void test_closed(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = sacking(rig, 40000, 5), other = sacking(rig, 40001, 5);

	ahead(rig, &peer, 2, "cd");
	ahead(rig, &other, 2, "cd");
	tcp_close(rig->tcp, peer.id);
	tcp_abort(rig->tcp, other.id);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	assert_int_equal(chunk_free_count(rig->pool, 0), 32);
	rig_end(rig);
}

/* T6: bytes one by one, in every order that is worst for something. */
static void test_T6_segment_smack(void **state)
{
	static uint8_t stream[20000];
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){64, 16, 8, 4});
	struct peer peer = sacking(rig, 40000, 5), canary = peer_open(rig, 40001);
	unsigned pieces = 0;

	for (unsigned i = 0; i < sizeof(stream); i++)
		stream[i] = (uint8_t)(i * 7 + (i >> 8));
	for (unsigned kind = 0; kind < 5; kind++) {
		const struct tcp_side *side;

		for (unsigned n = 1; n < 15000; n++) {
			static const unsigned stride[] = {1, 0, 2, 7919, 3};
			uint32_t at = kind == 1 ? 15000 - n : n * stride[kind] % 15000;

			if (at == 0)
				continue;
			put_raw(rig, &peer, TCP_ACK, peer.seq + at, peer.ack, stream + at, 1);
			side = tcp_side_of(rig->tcp, connection_of(rig, &peer));
			if (side && side->in.piece_count > pieces)
				pieces = side->in.piece_count;
			/* A quarter of each class is left to the others. */
			assert_true(chunk_free_count(rig->pool, 0) >= 64 / 4);
			assert_true(chunk_free_count(rig->pool, 1) >= 16 / 4);
			if (n % 64 == 0)
				drain(rig);
		}
		put_next(rig, &canary, 0, "alive", 5);
		assert_int_equal(rig->up.events, TCP_UP_DATA);
		rig->got_length = 0;
		/* The peer sends all of it again, as it must. */
		put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, stream, 15000);
		for (unsigned i = 0; i < 20 && rig->got_length < 15000; i++)
			put_raw(rig, &peer, TCP_ACK, peer.seq + rig->got_length, peer.ack,
				stream + rig->got_length, 15000 - rig->got_length);
		assert_int_equal(rig->got_length, 15000);
		assert_memory_equal(rig->got, stream, 15000);
		rig->got_length = 0;
		peer.seq += 15000;
		drain(rig);
		assert_int_equal(rig->tcp->side_slab.used, 0);
	}
	assert_true(pieces <= 16 + 32);
	rig_end(rig);
}

/* T6: however many chunks are free, one connection keeps a few dozen: what does not fit is not
 * kept, though it touches what is, and comes again. */
static void test_T6_pieces(void **state)
{
	static const uint8_t bytes[64];
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){256, 64, 8, 4});
	struct peer peer = sacking(rig, 40000, 5);
	uint32_t at = 1;

	/* All but the first byte of the window, in order: chunks of 496 bytes would be 66. */
	while (at + sizeof(bytes) <= 32768) {
		put_raw(rig, &peer, TCP_ACK, peer.seq + at, peer.ack, bytes, sizeof(bytes));
		at += sizeof(bytes);
		drain(rig);
	}
	assert_int_equal(tcp_side_of(rig->tcp, connection_of(rig, &peer))->in.piece_count, 48);
	assert_int_equal(chunk_free_count(rig->pool, 0), 256 - 48);
	assert_true(count_of(rig, TCP_DROP_OUT_OF_ORDER) > 0);
	/* What was kept follows the byte that was missing, what was not comes again. */
	put_next(rig, &peer, 0, bytes, 1);
	assert_true(rig->got_length > 48 * 400 && rig->got_length < at);
	peer.seq += rig->got_length - 1;
	put_next(rig, &peer, 0, bytes, sizeof(bytes));
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	rig_end(rig);
}

/* Without a record or a chunk: as before there was reassembly. */
static void test_no_room(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *rig;
	struct peer first, second;

	config.sides = 1;
	rig = rig_new(config, (uint32_t[]){4, 0, 0, 0});
	first = sacking(rig, 40000, 5);
	second = sacking(rig, 40001, 5);
	ahead(rig, &first, 1, "x");
	ahead(rig, &second, 1, "x");
	assert_int_equal(count_of(rig, TCP_FULL_SIDES), 1);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_ORDER), 1);
	drain(rig);
	/* Two more chunks; the last quarter is not theirs. */
	ahead(rig, &first, 10, "x");
	ahead(rig, &first, 20, "x");
	ahead(rig, &first, 30, "x");
	assert_int_equal(count_of(rig, TCP_OUT_OF_ORDER), 3);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_ORDER), 2);
	assert_int_equal(chunk_free_count(rig->pool, 0), 1);
	/* Nearer: the furthest goes. */
	ahead(rig, &first, 5, "y");
	assert_int_equal(count_of(rig, TCP_RETRACTED), 1);
	assert_string_equal(reported(rig, &first), "5-6 10-11 1-2");
	rig_end(rig);
}

/* Any segments of one stream, refusals and few chunks: each byte once, in order, unharmed. */
static void test_random_order(void **state)
{
	static uint8_t stream[65536];
	unsigned seed = 77;

	for (unsigned i = 0; i < sizeof(stream); i++)
		stream[i] = (uint8_t)rand_r(&seed);
	for (unsigned round = 0; round < 60; round++) {
		struct tcp_config config = rig_config();
		struct rig *rig;
		struct peer peer;
		uint32_t got = 0, length = 40000;
		unsigned steps = 0, most = round % 3 == 0 ? 40 : 3000;

		config.receive_window = 600 + (uint32_t)rand_r(&seed) % 30000;
		rig = rig_new(config,
			(uint32_t[]){4 + (uint32_t)rand_r(&seed) % 20, (uint32_t)rand_r(&seed) % 9,
				(uint32_t)rand_r(&seed) % 4, 0});
		peer = sacking(rig, 40000, 0u - (uint32_t)rand_r(&seed) % 40000);
		while (got < length) {
			uint32_t reach = config.receive_window + 50;
			uint32_t at =
				rand_r(&seed) % 4 ? got + (uint32_t)rand_r(&seed) % reach : got;
			uint32_t part = 1 + (uint32_t)rand_r(&seed) % most;

			if (at > 200 && rand_r(&seed) % 8 == 0)
				at -= 200;
			if (at > length)
				at = length;
			if (part > length - at)
				part = length - at;
			rig->refuse = rand_r(&seed) % 40 == 0;
			rig->got_length = 0;
			put_raw(rig, &peer, at + part == length ? TCP_ACK | TCP_FIN : TCP_ACK,
				peer.seq + at, peer.ack, stream + at, part);
			assert_memory_equal(rig->got, stream + got, rig->got_length);
			got += rig->got_length;
			assert_true(got <= length);
			assert_int_equal(!!(rig->up.events & TCP_UP_FINISHED),
				got == length && rig->got_length > 0);
			if (rand_r(&seed) % 8 == 0) {
				rig->refuse = false;
				pass(rig, 1000);
			}
			assert_true(++steps < 400000);
		}
		assert_int_equal(connection_of(rig, &peer)->state, TCP_CLOSE_WAIT);
		drain(rig);
		assert_int_equal(rig->tcp->side_slab.used, 0);
		rig_end(rig);
	}
}

/* tcp_hold(): an honest window for a user with a buffer (RFC 9293 3.8.6.2.2). */
static void test_hold(void **state)
{
	static uint8_t bytes[32768];
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	for (unsigned i = 1; i <= 4; i++) {
		put_next(rig, &peer, 0, bytes, 8192);
		tcp_hold(rig->tcp, peer.id, 8192 * i);
		assert_int_equal(drain(rig), 1);
		assert_int_equal(rig->sent[0].out.window, 32768 - 8192 * i);
	}
	/* Full: a probe's byte is not taken; it is answered. */
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "p", 1);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(count_of(rig, TCP_DROP_HELD), 1);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	/* A little read: nothing said. A segment's worth: an update. */
	tcp_hold(rig->tcp, peer.id, 32768 - 1000);
	assert_int_equal(drain(rig), 0);
	tcp_hold(rig->tcp, peer.id, 32768 - 1460);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.window, 1460);
	/* What arrives within it counts; the edge stays where it is. */
	put_next(rig, &peer, 0, bytes, 1000);
	tcp_hold(rig->tcp, peer.id, 32768 - 460);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.window, 460);
	/* Beyond the edge is cut off. */
	rig->got_length = 0;
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, bytes, 1000);
	assert_int_equal(rig->got_length, 460);
	peer.seq += 460;
	drain(rig);
	tcp_hold(rig->tcp, peer.id, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.window, 32768);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	rig_end(rig);
}

/* The edge moves by what the user says and by nothing else; little that was read is no news. */
static void test_hold_edge(void **state)
{
	static uint8_t bytes[16384];
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	put_next(rig, &peer, 0, bytes, 16384);
	tcp_hold(rig->tcp, peer.id, 16384);
	drain(rig);
	/* Two segments of a burst, the user speaks after both. */
	put_next(rig, &peer, 0, bytes, 10000);
	put_next(rig, &peer, 0, bytes, 6384);
	tcp_hold(rig->tcp, peer.id, 32768);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.window, 0);
	tcp_hold(rig->tcp, peer.id, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.window, 32768);
	/* All of a little is read at once. */
	put_next(rig, &peer, 0, bytes, 100);
	tcp_hold(rig->tcp, peer.id, 100);
	drain(rig);
	tcp_hold(rig->tcp, peer.id, 0);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	/* More, but of a window that was wide open all the time. */
	put_next(rig, &peer, 0, bytes, 4000);
	tcp_hold(rig->tcp, peer.id, 4000);
	drain(rig);
	tcp_hold(rig->tcp, peer.id, 0);
	assert_int_equal(drain(rig), 0);
	/* The peer has nothing more to send: no update, however much is read. */
	put_next(rig, &peer, TCP_FIN, bytes, 16384);
	tcp_hold(rig->tcp, peer.id, 16384);
	drain(rig);
	tcp_hold(rig->tcp, peer.id, 0);
	assert_int_equal(drain(rig), 0);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_without_sack),
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_retracted),
		cmocka_unit_test(test_T7_first_byte_wins),
		cmocka_unit_test(test_duplicate_sack),
		cmocka_unit_test(test_blocks_beside_text),
		cmocka_unit_test(test_T22_fin_ahead),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_T6_segment_smack),
		cmocka_unit_test(test_T6_pieces),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_random_order),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_hold_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
