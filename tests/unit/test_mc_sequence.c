/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_sequence.c - sequence window, repeats, time, addresses (specs: Sequence, Time, UDP peers) */
#include "mc_host.h"

/* Fill the ring until not even a life-cycle event fits; the filling is a device of its own. */
static void fill_ring(struct world *w, bool reserve_too)
{
	static const uint8_t padding[8192];
	struct hearth_record record;
	enum feed_class class = FEED_REQUEST;

	for (uint32_t bytes = sizeof(padding); bytes; bytes /= 2) {
		do {
			record = (struct hearth_record){.event = HEARTH_ALERT,
				.protocol = HEARTH_MC,
				.device_length = 6,
				.payload_length = bytes};
		} while (!feed_write(w->host.feed, class, &record, "filler", NULL, padding));
		if (bytes == 1 && reserve_too && class == FEED_REQUEST) {
			class = FEED_LIFECYCLE;
			bytes = 2 * sizeof(padding);
		}
	}
	world_turn(w);
}

/* Read everything that fills the ring; the first other event stays for the next reading. */
static void drain_ring(struct world *w)
{
	struct hearth_item item;
	unsigned filler = 0;

	while (hearth_feed_next(w->reader, &item) == 1) {
		assert_memory_equal(item.device, "filler", 6);
		filler++;
	}
	assert_true(filler > 0);
	hearth_feed_commit(w->reader);
}

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

static void request_refused_for_room_is_judged_anew_when_it_comes_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	live_udp(w, &a, 1);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	fill_ring(w, false);
	good_request(w, &a, 2006, 999999); /* count 2, used up */
	good_request(w, &a, 1000, 0);      /* heartbeats go on */
	good_request(w, &a, 2022, 999999); /* count 4 */
	send_request(w, &a, 2022, a.sequence);
	expect_answer(w, &a, 2023, 999999);
	send_request(w, &a, 2006, a.sequence - 3); /* accepted before: no room needed */
	expect_answer(w, &a, 2007, 0);
	assert_int_equal(counted(w, MC_RESULT_NO_ROOM), 3);
	drain_ring(w);
	world_turn(w);
	send_request(w, &a, 2006, a.sequence - 2);
	expect_answer(w, &a, 2007, 0);
	event = expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(event.record.count, 2);
	assert_int_equal(event.record.window, 3);
	send_request(w, &a, 2006, a.sequence - 2);
	expect_answer(w, &a, 2007, 0);
	expect_no_event(w);
	send_request(w, &a, 2022, a.sequence);
	expect_answer(w, &a, 2023, 0);
	event = expect_event(w, &a, HEARTH_UPLINK, 2022);
	assert_int_equal(event.record.count, 4);
	assert_int_equal(event.record.window, 0x0d); /* the heartbeat is not marked */
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.window, 0x1b);
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
 * what was accepted: each number makes at most one event, and 0 is answered only for those that did.
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

/* ---- time ---- */

static void requests_out_of_time_are_illegal_on_tcp_and_dropped_on_udp(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	live_udp(w, &b, 1);
	world_pass(w, 0);
	for (unsigned i = 0; i < 4; i++) {
		world_pass(w, 100);
		good_request(w, &a, 1000, 0);
		good_request(w, &b, 1000, 0);
	}
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) - 301);
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) + 301);
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) - 300);
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) + 300);
	world_turn(w);
	expect_answer(w, &a, 2007, 100001); /* its number is used up, the session stays */
	expect_answer(w, &a, 2007, 100001);
	expect_answer(w, &a, 2007, 0);
	expect_answer(w, &a, 2007, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	queue_request(w, &b, b.peer, 2006, b.sequence + 1, now_of(w) - 301);
	queue_request(w, &b, b.peer, 2006, b.sequence + 1, now_of(w) + 301);
	queue_request(w, &b, b.peer, 2006, b.sequence + 9, now_of(w) - 301);
	queue_request(w, &b, b.peer, 2008, b.sequence, now_of(w) - 301);
	queue_request(w, &b, on_udp(2), 1000, b.sequence, now_of(w) - 301);
	world_turn(w);
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_TIME), 5);
	queue_request(w, &b, b.peer, 2006, ++b.sequence, now_of(w) - 300);
	world_turn(w);
	expect_answer(w, &b, 2007, 0);
	queue_request(w, &b, b.peer, 2006, ++b.sequence, now_of(w) + 300);
	world_turn(w);
	expect_answer(w, &b, 2007, 0);
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

static void requests_may_be_5_seconds_before_their_connect_by_either_clock(void **state)
{
	/* connect's time against the platform's; requests' against the connect's; taken? */
	static const struct {
		int connect, request;
		bool taken;
	} rows[] = {
		{0, 0, true},
		{0, -5, true},
		{0, -6, false},
		{100, 95, true}, /* the device's clock is ahead: not before the connect's time */
		{100, -5, true}, /* nor before the platform's then */
		{100, -6, false},
		{-100, -105, true},
		{-100, -106, false},
		{-100, -5, true},
		{-100, -6, true},
	};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t then;

		log_in(w, &a);
		a.peer = on_udp(1);
		then = now_of(w);
		send_connect(w, &a, a.peer, a.sequence, then + rows[i].connect);
		expect_answer(w, &a, 1005, 0);
		world_pass(w, 60);
		queue_request(w, &a, a.peer, 1000, ++a.sequence, then + rows[i].request);
		world_turn(w);
		if (rows[i].taken)
			expect_answer(w, &a, 1001, 0);
		else
			expect_silence(w);
	}
	assert_int_equal(counted(w, MC_DROP_TIME), 3);
}

static void frames_recorded_before_a_reconnect_move_nothing(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t recorded, sequence;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 3; i++)
		good_request(w, &a, 1000, 0);
	recorded = now_of(w);
	sequence = a.sequence;
	world_pass(w, 10);
	reconnected(w, &a, on_udp(1)); /* the same token, the counter goes on from here */
	for (unsigned i = 0; i < 20; i++)
		queue_request(w, &a, on_udp(666), i % 2 ? 2006 : 1000, sequence - 3 + i, recorded);
	queue_connect(w, &a, on_udp(666), 12346, START_UNIX);
	world_turn(w);
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 1);
	good_request(w, &a, 1000, 0);
}

static void frames_of_a_former_login_never_match(void **state)
{
	struct world *w = *state;
	struct device_side old = SIDE_A, a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	char plain[256], name[64];

	live_udp(w, &old, 1);
	log_in(w, &a);
	reconnected(w, &a, on_udp(1));
	expect_silence(w);
	request_text(&a, 1000, a.sequence + 1, now_of(w), plain, sizeof(plain));
	snprintf(name, sizeof(name), "\"token\":\"%s\"", a.token);
	seal(frame, 1000, name, old.key, old.key, plain); /* the new token, the old key */
	deliver(w, a.peer, frame->text, frame->length);
	queue_request(w, &old, a.peer, 1000, a.sequence + 1, now_of(w));
	world_turn(w);
	expect_silence(w);
	good_request(w, &a, 1000, 0);
	free(frame);
}

static void steps_of_the_platform_clock_end_no_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	w->host.clock.unix_ms += 3600000; /* by an hour, and back */
	queue_request(w, &a, a.peer, 1000, ++a.sequence, START_UNIX);
	world_turn(w);
	expect_answer(w, &a, 1001, 100001);
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
	w->host.clock.unix_ms -= 2 * 3600000ull;
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
	w->host.clock.unix_ms += 3600000;
	expect_no_event(w);
	good_request(w, &a, 1000, 0);
}

/* ---- addresses ---- */

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

/* ---- events that are owed ---- */

static void owed_online_is_written_before_the_first_request_is_accepted(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	log_in(w, &a);
	fill_ring(w, true);
	a.peer = on_udp(1);
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	good_request(w, &a, 1000, 0);
	good_request(w, &a, 2006, 999999);
	world_pass(w, 1);
	assert_true(entry_now(w, &a).flags & SESSION_OWED_ONLINE);
	drain_ring(w);
	world_turn(w);
	send_request(w, &a, 2006, a.sequence);
	expect_answer(w, &a, 2007, 0);
	event = expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_int_equal(event.record.session, 1001);
	assert_int_equal(event.record.sequence, 12346);
	assert_string_equal(event.payload, "{}");
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_OWED), 1);
}

static void owed_offline_is_written_by_the_sweep_and_the_entry_waits(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	session_handle handle;
	struct event event;
	uint32_t connection = tcp_open(w);

	log_in(w, &a);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	handle = expect_event(w, &a, HEARTH_ONLINE, 1004).record.handle;
	fill_ring(w, true);
	tcp_drop(w, a.peer.connection);
	world_pass(w, 1);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	assert_true(entry_now(w, &a).flags & SESSION_OWED_OFFLINE);
	send_connect(w, &a, on_tcp(connection), 7, now_of(w)); /* the entry owes an event */
	expect_silence(w);
	assert_true(tcp_closed(w, connection));
	assert_int_equal(counted(w, MC_DROP_OWED), 1);
	drain_ring(w);
	world_pass(w, 1);
	event = expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	assert_int_equal(event.record.handle, handle);
	assert_int_equal(event.record.session, 1001);
	expect_no_event(w);
	connected(w, &a, on_udp(1));
	expect_no_event(w);
}

static void owed_online_and_offline_are_written_in_their_order(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event online, offline;

	log_in(w, &a);
	fill_ring(w, true);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	send_request(w, &a, 2006, a.sequence + 2); /* out of sequence */
	expect_answer(w, &a, 2007, 200003);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	assert_int_equal(device_of(w, &a)->live, SESSION_NONE);
	world_pass(w, 1);
	drain_ring(w);
	world_pass(w, 1);
	online = expect_event(w, &a, HEARTH_ONLINE, 1004);
	offline = expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	assert_int_equal(online.record.handle, offline.record.handle);
	assert_int_equal(online.record.session, offline.record.session);
	expect_no_event(w);
	assert_int_equal(session_counts(w->host.sessions).login +
				 session_counts(w->host.sessions).live_tcp +
				 session_counts(w->host.sessions).resting,
		0);
}

static void replacement_under_a_new_token_goes_on_while_the_old_end_is_owed(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	struct event first, second;

	live_tcp(w, &a);
	log_in(w, &newer);
	fill_ring(w, true);
	newer.peer = on_udp(1);
	send_connect(w, &newer, newer.peer, newer.sequence, now_of(w));
	expect_answer(w, &newer, 1005, 0);
	assert_true(tcp_closed(w, a.peer.connection));
	drain_ring(w);
	world_pass(w, 1);
	first = next_event(w);
	second = next_event(w);
	assert_true(first.there && second.there);
	assert_int_not_equal(first.record.event, second.record.event);
	assert_int_equal(
		first.record.event == HEARTH_OFFLINE ? first.record.session : second.record.session,
		1001);
	assert_int_equal(
		first.record.event == HEARTH_ONLINE ? first.record.session : second.record.session,
		1002);
	expect_no_event(w);
	good_request(w, &newer, 2006, 0);
}

static void second_connect_is_put_off_while_its_end_finds_no_room(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	fill_ring(w, true);
	w->host.clock.unix_ms += 1000;
	send_connect(w, &a, a.peer, 7, now_of(w));
	expect_silence(w);
	good_request(w, &a, 1000, 0); /* the session goes on */
	drain_ring(w);
	world_turn(w);
	send_connect(w, &a, a.peer, 7, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
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
		TEST(request_refused_for_room_is_judged_anew_when_it_comes_again),
		TEST(errors_are_the_same_when_they_come_again),
		TEST(any_order_makes_one_event_per_acknowledged_number),
		TEST(requests_out_of_time_are_illegal_on_tcp_and_dropped_on_udp),
		TEST(out_of_sequence_goes_before_out_of_time_on_tcp),
		TEST(requests_may_be_5_seconds_before_their_connect_by_either_clock),
		TEST(frames_recorded_before_a_reconnect_move_nothing),
		TEST(frames_of_a_former_login_never_match),
		TEST(steps_of_the_platform_clock_end_no_session),
		TEST(answers_go_where_fresh_frames_and_repeats_came_from),
		TEST(owed_online_is_written_before_the_first_request_is_accepted),
		TEST(owed_offline_is_written_by_the_sweep_and_the_entry_waits),
		TEST(owed_online_and_offline_are_written_in_their_order),
		TEST(replacement_under_a_new_token_goes_on_while_the_old_end_is_owed),
		TEST(second_connect_is_put_off_while_its_end_finds_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
