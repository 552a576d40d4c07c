/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_options.c - the options of SYN, SYN-ACK and the rest (RFC 9293 3.2, 7323, 2018; T2, T8)
 */
#include "tcp_fixture.h"

#define OFFER_MSS 1
#define OFFER_SACK 2
#define OFFER_TIMESTAMPS 4
#define OFFER_SCALE 8

static uint8_t offer(unsigned which, uint8_t *bytes)
{
	uint8_t at = 0;

	if (which & OFFER_SCALE) {
		memcpy(bytes + at, "\x03\x03\x05", 3);
		at += 3;
	}
	if (which & OFFER_SACK) {
		memcpy(bytes + at, "\x04\x02", 2);
		at += 2;
	}
	if (which & OFFER_MSS) {
		memcpy(bytes + at, "\x02\x04\x04\x00", 4);
		at += 4;
	}
	if (which & OFFER_TIMESTAMPS) {
		memcpy(bytes + at, "\x08\x0a\x01\x02\x03\x04\x00\x00\x00\x00", 10);
		at += 10;
	}
	return at;
}

/* All that a SYN may offer and all that we may refuse: the answer has what both know, in order. */
static void test_syn_ack_matrix(void **state)
{
	for (unsigned which = 0; which < 16; which++) {
		for (unsigned refuse = 0; refuse < 8; refuse++) {
			struct tcp_config config = rig_config();
			struct peer peer = peer_at(40000, 100);
			uint8_t options[40], expected[20] = {2, 4, 0x05, 0xb4}, length;
			const struct tcp_out *out;
			struct rig *rig;
			unsigned both;

			config.no_sack = refuse & 1;
			config.no_timestamps = refuse & 2;
			config.no_scale = refuse & 4;
			both = which & ~(refuse << 1);
			rig = rig_new(config, (uint32_t[]){8, 8, 8, 8});
			length = offer(which, options);
			put_syn(rig, &peer, options, length);
			assert_int_equal(drain(rig), 1);
			out = &rig->sent[0].out;
			length = 4;
			if (both & OFFER_TIMESTAMPS) {
				memcpy(expected + 4, both & OFFER_SACK ? "\x04\x02" : "\x01\x01",
					2);
				memcpy(expected + 6, "\x08\x0a", 2);
				memcpy(expected + 8, out->options + 8, 4);
				memcpy(expected + 12, "\x01\x02\x03\x04", 4);
				length += 12;
			} else if (both & OFFER_SACK) {
				memcpy(expected + 4, "\x01\x01\x04\x02", 4);
				length += 4;
			}
			if (both & OFFER_SCALE) {
				memcpy(expected + length, "\x01\x03\x03\x00", 4);
				length += 4;
			}
			assert_int_equal(out->options_length, length);
			assert_memory_equal(out->options, expected, length);
			rig_end(rig);
		}
	}
}

/* The payload limit is the MSS without what every segment's options take (RFC 6691). */
static void test_payload_limit(void **state)
{
	struct rig *rig = rig_default();
	struct peer plain = peer_open(rig, 40000);
	struct peer stamped = peer_open_with(rig, peer_at(40001, 5), USUAL_OPTIONS, USUAL_LENGTH);
	struct peer small = peer_open_with(
		rig, peer_at(40002, 5), "\x02\x04\x00\x08\x08\x0a\0\0\0\1\0\0\0\0", 14); /* T4 */

	assert_true(message(rig, &plain, 1500, 1));
	assert_true(message(rig, &stamped, 1500, 1));
	assert_true(message(rig, &small, 600, 1));
	assert_int_equal(drain(rig), 6);
	assert_int_equal(rig->sent[0].out.length, 1460);
	assert_int_equal(rig->sent[0].out.options_length, 0);
	assert_int_equal(rig->sent[2].out.length, 1448);
	assert_int_equal(rig->sent[2].out.options_length, 12);
	assert_int_equal(rig->sent[4].out.length, 524);
	rig_end(rig);
}

/* T8: a scale above 14 is 14; without one from the peer a window above 65535 is not offered. */
static void test_T8_window_scale(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *rig;
	struct peer peer, plain;
	static uint8_t bytes[1000];

	config.receive_window = 1 << 20;
	config.send_bytes = 1 << 18;
	rig = rig_new(config, (uint32_t[]){8, 8, 8, 8});
	peer = peer_at(40000, 9);
	put_syn(rig, &peer, (const uint8_t *)"\x03\x03\xff\x00", 4);
	drain(rig);
	assert_int_equal(rig->sent[0].out.window, 65535); /* never scaled in a SYN-ACK */
	assert_memory_equal(rig->sent[0].out.options + 4, "\x01\x03\x03\x05", 4);
	peer.seq++;
	peer.window = 2;
	put_ack(rig, &peer, rig->sent[0].out.seq + 1);
	peer.id = rig->up.id;
	assert_int_equal(connection_of(rig, &peer)->shift, 5 << 4 | 14);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 2 << 14);
	put_next(rig, &peer, 0, bytes, 1000);
	drain(rig);
	assert_int_equal(rig->sent[0].out.window, (1 << 20) >> 5);
	/* All of what was promised is taken, and no more. */
	put_raw(rig, &peer, TCP_ACK, peer.seq + (1 << 20) - 1, peer.ack, bytes, 1);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_WINDOW), 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq + (1 << 20), peer.ack, bytes, 1);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_WINDOW), 1);
	drain(rig);
	plain = peer_open(rig, 40001);
	put_next(rig, &plain, 0, bytes, 1000);
	drain(rig);
	assert_int_equal(rig->sent[rig->sent_count - 1].out.window, 65535);
	put_raw(rig, &plain, TCP_ACK, plain.seq + 65535, plain.ack, bytes, 1);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_WINDOW), 2);
	rig_end(rig);
}

/* T8: "only from SYN": the options of a handshake mean nothing later on. */
static void test_T8_scale_only_from_syn(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	put(rig, (struct tcp_segment){.tuple = peer.tuple,
			 .seq = peer.seq,
			 .ack = peer.ack,
			 .flags = TCP_ACK,
			 .window = 1000,
			 .options = (const uint8_t *)"\x02\x04\x05\x00\x04\x02\x03\x03\x0e\x00",
			 .options_length = 10});
	assert_int_equal(connection_of(rig, &peer)->shift, 0);
	assert_int_equal(connection_of(rig, &peer)->flags & TCP_SACK, 0);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 1000);
	/* Nor where options are read, as timestamps were agreed on - and a scale of 7. */
	peer = peer_open_with(rig, peer_at(40001, 5), USUAL_OPTIONS, USUAL_LENGTH);
	assert_int_equal(connection_of(rig, &peer)->shift & 15, 7);
	put(rig, (struct tcp_segment){.tuple = peer.tuple,
			 .seq = peer.seq,
			 .ack = peer.ack,
			 .flags = TCP_ACK,
			 .window = 1000,
			 .options =
				 (const uint8_t *)"\x08\x0a\x00\x00\x10\x00\x00\x00\x00\x00\x02\x04"
						  "\x02\x18\x01\x03\x03\x0e",
			 .options_length = 18});
	assert_int_equal(connection_of(rig, &peer)->shift & 15, 7);
	assert_int_equal(connection_of(rig, &peer)->mss, 1460 - TCP_TIMESTAMPS_BYTES);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 1000 << 7);
	rig_end(rig);
}

static void test_T2_read(void **state)
{
	static const struct {
		const char *bytes;
		uint8_t length;
		bool scale, permitted, timestamps;
		uint8_t sack_count;
	} cases[] = {
		{"\x03\x03\x07", 3, true, false, false, 0},
		{"\x03\x02\x04\x02", 4, false, false, false, 0}, /* scale of another length */
		{"\x03\x04\x07\x00\x04\x02", 6, false, false, false, 0},
		{"\x04\x02", 2, false, true, false, 0},
		{"\x04\x03\x00", 3, false, false, false, 0},
		{"\x08\x0a\0\0\0\1\0\0\0\2", 10, false, false, true, 0},
		{"\x01\x01\x08\x0a\0\0\0\1\0\0\0\2", 12, false, false, true, 0},
		{"\x08\x0b\0\0\0\1\0\0\0\2\0", 11, false, false, false, 0},
		{"\x08\x0a\0\0\0\1\0\0\0", 9, false, false, false, 0},
		{"\x05\x0a\0\0\0\1\0\0\0\2", 10, false, false, false, 1},
		{"\x05\x02\x04\x02", 4, false, false, false, 0}, /* no block */
		{"\x05\x0b\0\0\0\1\0\0\0\2\0", 11, false, false, false, 0},
		{"\x05\x22\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\2", 34,
			false, false, false, 4},
		{"\x05\x2a\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\2", 34,
			false, false, false, 0},
		{"\x01\x01\x08\x0a\0\0\0\1\0\0\0\2\x01\x01\x05\x0a\0\0\0\1\0\0\0\2", 24, false,
			false, true, 1},
		{"\x1e\x04\xaa\xaa\x04\x02", 6, false, true, false, 0}, /* unknown: passed over */
		{"\x1e\x00\x04\x02", 4, false, false, false, 0},
		/* too short to be an option: nothing behind it counts */
		{"\x1e\x01\x04\x02", 4, false, false, false, 0},
		{"\x01\x1e\x01\x01\x04\x02", 6, false, false, false, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *bytes = malloc(cases[i].length);
		struct tcp_options options;

		memcpy(bytes, cases[i].bytes, cases[i].length);
		tcp_options_read(bytes, cases[i].length, &options);
		assert_int_equal(options.has_scale, cases[i].scale);
		assert_int_equal(options.sack_permitted, cases[i].permitted);
		assert_int_equal(options.has_timestamps, cases[i].timestamps);
		assert_int_equal(options.sack_count, cases[i].sack_count);
		if (options.has_timestamps) {
			assert_int_equal(options.value, 1);
			assert_int_equal(options.echo, 2);
		}
		for (unsigned j = 0; j < options.sack_count; j++) {
			assert_int_equal(options.sack[j].start, 1);
			assert_int_equal(options.sack[j].end, 2);
		}
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_ack_matrix),
		cmocka_unit_test(test_payload_limit),
		cmocka_unit_test(test_T8_window_scale),
		cmocka_unit_test(test_T8_scale_only_from_syn),
		cmocka_unit_test(test_T2_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
