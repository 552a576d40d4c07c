/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_sequence.c - sequence window, repeats, addresses (specs: Sequence, UDP peers) */
#include "mc_ring.h"

static void expect_sequence_end(struct world *w, struct device_side *d, uint32_t code)
{
	expect_answer(w, d, code + 1, 200003);
	expect_event(w, d, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	assert_int_equal(entry_of(w, d), SESSION_NONE); /* the token is void at once */
	if (d->peer.via == SESSION_VIA_TCP)
		assert_true(tcp_closed(w, d->peer.connection));
	expect_no_event(w);
	send_request(w, d, 1000, d->sequence + 1);
	expect_silence(w);
}

static void next_number_is_the_way_forward_over_the_wrap(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	log_in(w, &a);
	for (uint32_t base = 65533; base != 65536 + 3; base++) {
		a.sequence = base;
		w->host.clock.unix_ms += 1000;
		a.peer = base % 2 ? on_udp(1) : on_tcp(tcp_open(w));
		send_connect(w, &a, a.peer, a.sequence, now_of(w));
		expect_answer(w, &a, 1005, 0);
		do
			event = next_event(w);
		while (event.record.event == HEARTH_OFFLINE);
		assert_int_equal(event.record.event, HEARTH_ONLINE);
		for (unsigned i = 1; i <= 70; i++) {
			good_request(w, &a, 2006, 0);
			event = expect_event(w, &a, HEARTH_UPLINK, 2006);
			assert_int_equal(event.record.count, i);
			assert_int_equal(event.record.sequence, (uint16_t)(base + i));
			assert_int_equal(event.record.window, i < 32 ? (1u << i) - 1 : 0xffffffffu);
		}
	}
	assert_int_equal(device_of(w, &a)->last_session, 1006);
}

static void repeats_up_to_32_behind_are_answered_again_without_an_event(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;

	for (unsigned udp = 0; udp < 2; udp++) {
		w->host.clock.unix_ms += 1000;
		if (udp)
			live_udp(w, &a, 1);
		else
			live_tcp(w, &a);
		for (unsigned i = 0; i < 40; i++) {
			good_request(w, &a, 2006, 0);
			expect_event(w, &a, HEARTH_UPLINK, 2006);
		}
		world_pass(w, 3);
		for (unsigned behind = 0; behind <= 32; behind++) {
			send_request(w, &a, 2006, a.sequence - behind);
			answer = answer_of(w, &a);
			assert_int_equal(answer.result, 0);
			assert_int_equal(member_number(answer.plain, "time"), now_of(w));
			expect_no_event(w);
		}
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
		if (!udp) {
			tcp_drop(w, a.peer.connection);
			expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
		}
	}
	assert_int_equal(counted(w, MC_REPEATS), 66);
}

static void further_behind_is_dropped_on_udp_and_out_of_order_on_tcp(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_udp(w, &a, 1);
	live_tcp(w, &b);
	for (unsigned i = 0; i < 40; i++) {
		good_request(w, &a, 1000, 0);
		good_request(w, &b, 1000, 0);
	}
	send_request(w, &a, 2006, a.sequence - 33);
	send_request(w, &a, 2006, a.sequence - 39);
	send_request(w, &a, 2006, a.sequence - 32768);
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_STALE), 3);
	good_request(w, &a, 1000, 0);
	send_request(w, &b, 2006, b.sequence - 33);
	expect_sequence_end(w, &b, 2006);
}

static void heartbeats_behind_the_newest_are_dropped(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_udp(w, &a, 1);
	live_tcp(w, &b);
	for (unsigned i = 0; i < 5; i++) {
		good_request(w, &a, 1000, 0);
		good_request(w, &b, 1000, 0);
	}
	send_request(w, &a, 1000, a.sequence - 1);
	send_request(w, &b, 1000, b.sequence - 4);
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_HEARTBEAT), 2);
	send_request(w, &a, 1000, a.sequence); /* the newest is a repeat */
	expect_answer(w, &a, 1001, 0);
	good_request(w, &a, 1000, 0);
	good_request(w, &b, 1000, 0);
}

static void newest_number_with_another_code_ends_the_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_udp(w, &a, 1);
	live_tcp(w, &b);
	good_request(w, &a, 1000, 0);
	send_request(w, &a, 2006, a.sequence);
	expect_sequence_end(w, &a, 2006);
	send_request(w, &b, 1000, b.sequence); /* the connect's own number */
	expect_sequence_end(w, &b, 1000);
}

static void unknown_codes_are_told_apart_too(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[128];

	live_tcp(w, &a);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"%u\",\"time\":1700000000}", ++a.sequence);
	send_plain(w, &a, a.peer, 2006 + 65536, plain);
	expect_answer(w, &a, 2007 + 65536, 300002);
	send_plain(w, &a, a.peer, 2006, plain);
	expect_sequence_end(w, &a, 2006);
}

static void gap_ends_the_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	w->config.mc.udp_gap = 0;
	live_udp(w, &a, 1);
	live_tcp(w, &b);
	send_request(w, &a, 2006, a.sequence + 2);
	expect_sequence_end(w, &a, 2006);
	w->config.mc.udp_gap = 9; /* TCP has no gaps */
	send_request(w, &b, 1000, b.sequence + 2);
	expect_sequence_end(w, &b, 1000);
	live_tcp(w, &b);
	send_request(w, &b, 2012, b.sequence + 32767);
	assert_non_null(strstr(answer_of(w, &b).plain, "\"subDeviceId\":\"sub-1\""));
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_SEQUENCE);
}

static void frames_behind_an_end_in_the_same_batch_are_dropped(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	queue_request(w, &a, a.peer, 2006, a.sequence + 2, now_of(w));
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w));
	queue_connect(w, &a, a.peer, a.sequence + 1, now_of(w) + 1);
	world_turn(w);
	expect_answer(w, &a, 2007, 200003);
	expect_silence(w);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_CLOSING), 2);
}

static void numbers_before_the_connect_are_no_repeats(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_udp(w, &a, 1);
	live_tcp(w, &b);
	good_request(w, &a, 1000, 0);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	send_request(w, &a, 2006, a.sequence - 2); /* the connect's number */
	send_request(w, &a, 2006, a.sequence - 3);
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_STALE), 2);
	good_request(w, &b, 1000, 0);
	send_request(w, &b, 2006, b.sequence - 1);
	expect_sequence_end(w, &b, 2006);
}

static void udp_gap_takes_the_missing_numbers_once(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	w->config.mc.udp_gap = 3;
	live_udp(w, &a, 1);
	send_request(w, &a, 2006, a.sequence + 4); /* three are missing */
	expect_answer(w, &a, 2007, 0);
	event = expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(event.record.count, 4);
	assert_int_equal(event.record.window, 1);
	for (unsigned i = 0; i < 2; i++) {
		send_request(w, &a, 2006, a.sequence + 2);
		expect_answer(w, &a, 2007, 0);
	}
	event = expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(event.record.count, 2);
	assert_int_equal(event.record.window, 1); /* as seen from that number */
	expect_no_event(w);
	a.sequence += 4;
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.window, 0x0b);
	send_request(w, &a, 2006, a.sequence + 5);
	expect_sequence_end(w, &a, 2006);
}

static void errors_are_the_same_when_they_come_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[256];

	live_tcp(w, &a);
	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"other\",\"event\":[],\"time\":1700000000}",
		++a.sequence);
	for (unsigned i = 0; i < 3; i++) {
		send_plain(w, &a, a.peer, 2032, plain);
		expect_answer(w, &a, 2033, 200001);
	}
	good_request(w, &a, 1000, 0);
	send_plain(w, &a, a.peer, 2032, plain);
	expect_answer(w, &a, 2033, 200001);
	expect_no_event(w);
}

/*
 * Random numbers around the newest over UDP, the ring full now and then. The oracle is a list of
 * what was accepted: each number makes at most one event, and 0 is answered only for those
 * that did.
 */
static void any_order_makes_one_event_per_acknowledged_number(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	static bool accepted[4000];
	uint32_t newest = 0, seed = 12345;
	bool full = false;
	unsigned events = 0;

	memset(accepted, 0, sizeof(accepted));
	w->config.mc.udp_gap = 6;
	a.sequence = 64000;
	live_udp(w, &a, 1);
	uint16_t base = a.sequence;
	for (unsigned i = 0; i < 4000 && newest < 3900; i++) {
		seed = seed * 1664525 + 1013904223;
		int32_t step = (int32_t)(seed >> 16) % 48 - 40;
		int64_t number =
			step > 0 ? newest + (step <= 7 ? step : 1) : (int64_t)newest + step;
		struct answer answer;
		struct event event;

		if (number <= 0 || (step == 0 && newest == 0))
			continue;
		if (!full && seed % 97 == 0) {
			fill_ring(w, false);
			full = true;
		} else if (full && seed % 5 == 0) {
			drain_ring(w);
			world_turn(w);
			full = false;
		}
		send_request(w, &a, 2006, base + number);
		answer = answer_of(w, &a);
		event = full ? (struct event){0} : next_event(w);
		if (number + 32 < newest) {
			assert_false(answer.there);
			assert_false(event.there);
			continue;
		}
		assert_true(answer.there);
		if (number > newest)
			newest = number;
		if (accepted[number]) {
			assert_int_equal(answer.result, 0);
			assert_false(event.there);
		} else if (full) {
			assert_int_equal(answer.result, 999999);
		} else {
			assert_int_equal(answer.result, 0);
			assert_true(event.there);
			assert_int_equal(event.record.count, number);
			assert_int_equal(event.record.sequence, (uint16_t)(base + number));
			accepted[number] = true;
			events++;
		}
		for (unsigned bit = 0; event.there && bit < 32 && bit < number; bit++)
			if (newest - (number - bit) <= 32)
				assert_int_equal(
					event.record.window >> bit & 1, accepted[number - bit]);
	}
	assert_true(newest > 1600); /* over the wrap */
	assert_true(events > 1000);
}

static void out_of_sequence_goes_before_out_of_time_on_tcp(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	queue_request(w, &a, a.peer, 2006, a.sequence + 5, now_of(w) - 1000);
	world_turn(w);
	expect_sequence_end(w, &a, 2006);
}

static void answers_go_where_fresh_frames_and_repeats_came_from(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	struct event event;

	live_udp(w, &a, 1000);
	a.peer = on_udp(2000); /* rebound by a NAT */
	send_request(w, &a, 2006, ++a.sequence);
	answer = answer_of(w, &a);
	assert_int_equal(ntohs(answer.to.udp.port), 2000);
	event = expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(event.record.peer_port, 2000);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 2000);
	a.peer = on_udp(3000); /* a repeat from elsewhere moves nothing */
	send_request(w, &a, 2006, a.sequence);
	answer = answer_of(w, &a);
	assert_int_equal(ntohs(answer.to.udp.port), 3000);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 2000);
	assert_int_equal(answer.to.listener, 2);
}

/* From one family to the other and back: the session is the token's, not the address's. */
static void devices_move_between_ipv4_and_ipv6(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn turn;
	struct answer answer;
	struct event event;

	live_udp(w, &a, 1000);
	for (unsigned i = 0; i < 6; i++) {
		a.peer = i % 3 ? on_udp6(2000 + i) : on_udp(2000 + i);
		send_request(w, &a, 2006, ++a.sequence);
		answer = answer_of(w, &a);
		assert_memory_equal(&answer.to.udp, &a.peer.udp, sizeof(a.peer.udp));
		event = expect_event(w, &a, HEARTH_UPLINK, 2006);
		assert_memory_equal(event.record.peer, &a.peer.udp.address, 16);
		assert_int_equal(event.record.peer_port, 2000 + i);
		turn = entry_now(w, &a);
		assert_memory_equal(&turn.peer, &a.peer.udp, sizeof(turn.peer));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(next_number_is_the_way_forward_over_the_wrap),
		TEST(repeats_up_to_32_behind_are_answered_again_without_an_event),
		TEST(further_behind_is_dropped_on_udp_and_out_of_order_on_tcp),
		TEST(heartbeats_behind_the_newest_are_dropped),
		TEST(newest_number_with_another_code_ends_the_session),
		TEST(unknown_codes_are_told_apart_too),
		TEST(gap_ends_the_session),
		TEST(frames_behind_an_end_in_the_same_batch_are_dropped),
		TEST(numbers_before_the_connect_are_no_repeats),
		TEST(udp_gap_takes_the_missing_numbers_once),
		TEST(errors_are_the_same_when_they_come_again),
		TEST(any_order_makes_one_event_per_acknowledged_number),
		TEST(out_of_sequence_goes_before_out_of_time_on_tcp),
		TEST(answers_go_where_fresh_frames_and_repeats_came_from),
		TEST(devices_move_between_ipv4_and_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
