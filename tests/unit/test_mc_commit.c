/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_commit.c - acknowledge: commit: an answer leaves once its event is committed, and says
 * what it would have said at once (DESIGN "Events"; specs, Sequence) */
#include "mc_ring.h"

/* The consumer's commit, and the turn that sees it. */
static struct event commit_next(struct world *w)
{
	struct event event = next_event(w);

	world_turn(w);
	return event;
}

/* Send a request and see that nothing comes. */
static void report(struct world *w, struct device_side *d, uint32_t code)
{
	send_request(w, d, code, ++d->sequence);
	expect_silence(w);
}

static void expect_answer_to(
	struct world *w, const struct device_side *d, uint32_t code, uint16_t sequence)
{
	struct answer answer = answer_of(w, d);
	char text[16];

	assert_true(answer.there);
	assert_int_equal(answer.code, code);
	assert_int_equal(answer.result, 0);
	assert_true(member_text(answer.plain, "sequence", text, sizeof(text)));
	assert_int_equal(atoi(text), sequence);
}

static void answer_leaves_after_the_commit(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	struct device_side *each[] = {&a, &b};

	live_udp(w, &a, 1);
	live_tcp(w, &b);
	for (unsigned i = 0; i < 2; i++) {
		struct device_side *d = each[i];
		uint64_t before = counted(w, MC_COMMIT_ANSWERS);

		report(w, d, 2006);
		world_pass(w, 1);
		expect_silence(w);
		good_request(w, d, 1000, 0); /* heartbeats do not wait */
		world_turn(w);
		expect_silence(w);
		expect_event(w, d, HEARTH_UPLINK, 2006);
		expect_silence(w);
		world_turn(w);
		expect_answer_to(w, d, 2007, d->sequence - 1);
		world_turn(w);
		expect_silence(w); /* once */
		assert_int_equal(counted(w, MC_COMMIT_ANSWERS) - before, 1);
	}
}

/* Whatever is accepted: the late answer is, byte for byte, the one that would have left at once. */
static void late_answer_says_what_the_prompt_one_says(void **state)
{
	static const uint32_t codes[] = {2006, 2008, 2010, 2012, 2022, 2026, 2028, 2032};
	static const char *const forms[] = {
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"time\":%u,%s}",
		"{\"sequence\":%u,\"deviceId\":\"%s\",\"time\":\"%u\",%s}",
		("{\"sequence\":%u,\"x\":{\"deviceId\":\"other\"},\"device\\u0049d\":\"%s\","
		 "\"time\":\"%u\",%s}"),
	};
	static const char needs[] =
		"\"statusSerials\":[],\"alarm\":{},\"error\":[],\"subDeviceId\":\"sub\\u002d1\","
		"\"pin\":\"0123\",\"device\":{},\"status\":\"0\",\"version\":\"1\","
		"\"resourceSerials\":[],\"event\":[],\"authResult\":\"0\"";
	static char prompt[64][1024];
	unsigned count;

	for (unsigned late = 0; late < 2; late++) {
		struct device_side a = SIDE_A;
		struct world *w;

		world_acknowledge = late ? ACKNOWLEDGE_COMMIT : ACKNOWLEDGE_RING;
		w = world_new();
		live_udp(w, &a, 1);
		count = 0;
		for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			for (unsigned form = 0; form < 3; form++, count++) {
				struct answer answer;
				char plain[1024];

				snprintf(plain, sizeof(plain), forms[form], ++a.sequence, a.id,
					now_of(w), needs);
				send_plain(w, &a, a.peer, codes[i], plain);
				if (late) {
					expect_silence(w);
					expect_event(w, &a, HEARTH_UPLINK, codes[i]);
					world_turn(w);
				}
				answer = answer_of(w, &a);
				assert_true(answer.there);
				assert_int_equal(answer.code, codes[i] + 1);
				assert_int_equal(answer.result, 0);
				assert_int_equal(answer.to.udp.port, a.peer.udp.port);
				if (late)
					assert_string_equal(answer.plain, prompt[count]);
				else
					strcpy(prompt[count], answer.plain);
			}
		}
		world_free(w);
	}
	assert_int_equal(count, 24);
	world_acknowledge = ACKNOWLEDGE_COMMIT;
}

/* A record that does not say that it is about the session's device: what it is about stands in it,
 * or else it is the session's. */
static void answer_names_whom_the_record_is_about(void **state)
{
	static const struct {
		const char *payload, *device;
	} records[] = {
		{"{\"sequence\":\"7\",\"deviceId\":\"sub-1\",\"alarm\":{}}", "sub-1"},
		{"{\"deviceId\":\"a\\u002db\"}", "a-b"},
		{"{\"x\":{\"deviceId\":\"no\"}}", DEVICE_A},
		{"{\"deviceId\":7}", DEVICE_A},
		{"{\"deviceId\":\"\"}", DEVICE_A},
		{"", DEVICE_A},
	};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct hearth_record record;

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	record = commit_next(w).record;
	expect_answer_to(w, &a, 2007, a.sequence);
	record.gateway_length = 0;
	record.flags &= ~HEARTH_OF_ITSELF;
	for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct answer answer;
		char device[65];

		record.code = 2008;
		record.payload_length = (uint32_t)strlen(records[i].payload);
		assert_int_equal(feed_write(w->host.feed, FEED_REQUEST, &record, a.id, NULL,
					 records[i].payload),
			0);
		world_turn(w);
		commit_next(w);
		answer = answer_of(w, &a);
		assert_true(answer.there);
		assert_int_equal(answer.code, 2009);
		assert_true(member_text(answer.plain, "deviceId", device, sizeof(device)));
		assert_string_equal(device, records[i].device);
	}
}

static void repeats_before_the_commit_are_left_to_the_answer_that_comes(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	for (unsigned i = 0; i < 3; i++) {
		send_request(w, &a, 2006, a.sequence);
		expect_silence(w);
	}
	assert_int_equal(counted(w, MC_COMMIT_WAITS), 3);
	assert_int_equal(counted(w, MC_REPEATS), 3);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_no_event(w);
	/* Committed, and not yet walked over: the answer is as good as on its way. */
	send_request(w, &a, 2006, a.sequence);
	expect_answer_to(w, &a, 2007, a.sequence);
	expect_silence(w);
	send_request(w, &a, 2006, a.sequence);
	expect_answer_to(w, &a, 2007, a.sequence);
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_COMMIT_WAITS), 4);
}

/* Of 33 numbers that can be repeated exactly those are answered whose events are committed. */
static void repeats_of_a_pipeline_are_answered_exactly(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	const unsigned window = 33;
	uint16_t first;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 7; i++) { /* further back than any repeat can be */
		report(w, &a, 2006);
		commit_next(w);
		expect_answer_to(w, &a, 2007, a.sequence);
	}
	first = a.sequence + 1;
	for (unsigned i = 0; i < window; i++)
		report(w, &a, i % 3 ? 2006 : 2028);
	for (unsigned done = 0; done <= window; done++) {
		for (unsigned i = 0; i < window; i++) {
			send_request(w, &a, i % 3 ? 2006 : 2028, first + i);
			if (i < done)
				expect_answer_to(w, &a, i % 3 ? 2007 : 2029, first + i);
			expect_silence(w);
		}
		if (done < window) {
			assert_int_equal(commit_next(w).record.sequence, first + done);
			expect_answer_to(w, &a, done % 3 ? 2007 : 2029, first + done);
		}
	}
	expect_no_event(w);
}

/* A device that waits for nothing: all are answered, in order, each once. */
static void long_pipeline_is_answered_in_order(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	const unsigned all = 500;
	uint16_t first;

	live_tcp(w, &a);
	first = a.sequence + 1;
	for (unsigned i = 0; i < all; i++)
		report(w, &a, 2006);
	for (unsigned i = 0; i < all; i++)
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	for (unsigned i = 0; i < 5; i++)
		world_turn(w);
	for (unsigned i = 0; i < all; i++)
		expect_answer_to(w, &a, 2007, first + i);
	world_turn(w);
	expect_silence(w);
	assert_true(feed_fill(w->host.feed).answered == feed_fill(w->host.feed).head);
}

/* What makes no event needs no commit. */
static void errors_and_connects_do_not_wait(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	char plain[256];

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	good_request(w, &a, 2016, 200001);
	good_request(w, &a, 3000, 400004);
	good_request(w, &a, 4000, 300002);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"time\":%u}",
		++a.sequence, a.id, now_of(w));
	send_plain(w, &a, a.peer, 2006, plain);
	expect_answer(w, &a, 2007, 100001);
	log_in(w, &b);
	b.peer = on_tcp(tcp_open(w));
	send_connect(w, &b, b.peer, b.sequence, now_of(w));
	expect_answer(w, &b, 1005, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_turn(w);
	expect_answer_to(w, &a, 2007, a.sequence - 4);
}

static void answer_goes_where_the_device_is(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	queue_request(w, &a, on_udp(9), 1000, ++a.sequence, now_of(w)); /* it has moved */
	world_turn(w);
	answer = answer_of(w, &a);
	assert_int_equal(answer.code, 1001);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	queue_request(w, &a, on_udp(77), 2006, a.sequence - 1, now_of(w)); /* moves nothing */
	world_turn(w);
	answer = answer_of(w, &a);
	assert_int_equal(answer.code, 2007);
	assert_int_equal(ntohs(answer.to.udp.port), 9);
	expect_silence(w);
}

static void answer_of_a_session_that_has_ended_is_not_sent(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	report(w, &a, 2006);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	world_turn(w);
	expect_silence(w);
	assert_int_equal(counted(w, MC_COMMIT_GONE), 1);

	/* Connected anew: the answer of the old session is not given to the new one, whose own
	 * number of that count waits for its own commit. */
	live_udp(w, &b, 1);
	report(w, &b, 2006);
	w->host.clock.unix_ms += 1000;
	b.sequence = 100;
	send_connect(w, &b, b.peer, b.sequence, now_of(w));
	expect_answer(w, &b, 1005, 0);
	report(w, &b, 2006);
	expect_event(w, &b, HEARTH_UPLINK, 2006); /* of the old one */
	world_turn(w);
	expect_silence(w);
	assert_int_equal(counted(w, MC_COMMIT_GONE), 2);
	send_request(w, &b, 2006, b.sequence);
	expect_silence(w);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &b, HEARTH_ONLINE, 1004);
	assert_int_equal(expect_event(w, &b, HEARTH_UPLINK, 2006).record.session, 1002);
	world_turn(w);
	expect_answer_to(w, &b, 2007, b.sequence);
	expect_silence(w);
}

/* The device's entry is another device's by now, the broker has closed the connection, a device
 * was removed: nothing is sent, nothing breaks. */
static void answer_finds_its_connection_closed(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	session_handle handle;

	live_tcp(w, &a);
	report(w, &a, 2006);
	w->connections[a.peer.connection].closed = true; /* TCP takes no more bytes */
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_turn(w);
	expect_silence(w);
	live_udp(w, &b, 1);
	report(w, &b, 2006);
	handle = expect_event(w, &b, HEARTH_UPLINK, 2006).record.handle;
	mc_protocol.control(w->mc, CONTROL_KICK, handle);
	world_turn(w);
	expect_silence(w);
	assert_int_equal(counted(w, MC_COMMIT_GONE), 1);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_KICKED);
}

/* A node that leaves ends a session once what its device asked is answered; or at once. */
static void session_that_waits_for_a_commit_is_ended_behind_it(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	session_handle handle = 0;

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	for (unsigned i = 0; i < 3; i++) {
		struct session_turn turn = entry_now(w, &a);

		handle = session_handle_of(w->host.sessions, &turn);
		mc_protocol.control(w->mc, CONTROL_SHUTDOWN, handle);
		world_turn(w);
		expect_silence(w);
		assert_int_equal(entry_now(w, &a).state, SESSION_LIVE);
	}
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_turn(w);
	expect_answer(w, &a, 2007, 0);
	mc_protocol.control(w->mc, CONTROL_SHUTDOWN, handle);
	world_turn(w);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SHUTDOWN);

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	struct session_turn turn = entry_now(w, &a);
	mc_protocol.control(
		w->mc, CONTROL_SHUTDOWN_NOW, session_handle_of(w->host.sessions, &turn));
	world_turn(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SHUTDOWN);
}

/* A consumer that stops: heartbeats go on, reports go unanswered, then are refused at once. It
 * returns: all that was taken is answered, what was refused is taken, nothing is doubled. */
static void consumer_stops_and_returns(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint16_t first, refused;
	unsigned taken = 0, events = 0, answers = 0;
	struct answer answer;

	live_udp(w, &a, 1);
	first = a.sequence + 1;
	for (;; taken++) {
		send_request(w, &a, 2006, ++a.sequence);
		answer = answer_of(w, &a);
		if (answer.there)
			break;
		if (taken % 100 == 0)
			good_request(w, &a, 1000, 0);
	}
	assert_int_equal(answer.code, 2007);
	assert_int_equal(answer.result, 999999);
	refused = a.sequence;
	assert_true(taken > 3000);
	good_request(w, &a, 1000, 0);
	send_request(w, &a, 2006, refused);
	expect_answer(w, &a, 2007, 999999);
	/* One that was taken, again: it waits, room or not. */
	send_request(w, &a, 2006, refused - 1);
	expect_silence(w);
	while (next_event(w).there) {
		events++;
		if (events % 100 == 0)
			world_turn(w);
		while ((answer = answer_of(w, &a)).there) {
			assert_int_equal(answer.result, 0);
			answers++;
		}
	}
	while (world_turn(w), (answer = answer_of(w, &a)).there) {
		do
			answers++;
		while ((answer = answer_of(w, &a)).there);
	}
	assert_int_equal(events, taken);
	assert_int_equal(answers, taken);
	send_request(w, &a, 2006, refused); /* judged anew, and held like any other */
	expect_silence(w);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.sequence, refused);
	world_turn(w);
	expect_answer_to(w, &a, 2007, refused);
	send_request(w, &a, 2006, refused);
	expect_answer_to(w, &a, 2007, refused);
	expect_no_event(w);
	(void)first;
}

/* Space is free once it is committed and answered: at each fill of the ring. */
static void room_comes_back_with_the_answer(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	fill_ring(w, false);
	for (unsigned i = 0; i < 5; i++)
		good_request(w, &a, 2006, 999999);
	drain_ring(w);
	/* Committed, but this turn decides before it walks. */
	send_request(w, &a, 2006, ++a.sequence);
	expect_answer(w, &a, 2007, 999999);
	for (unsigned i = 0; i < 3; i++)
		world_turn(w);
	report(w, &a, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_turn(w);
	expect_answer_to(w, &a, 2007, a.sequence);
}

static void what_waits_waits_over_a_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_udp(w, &a, 1);
	live_tcp(w, &b);
	report(w, &a, 2006);
	commit_next(w);
	expect_answer_to(w, &a, 2007, a.sequence);
	for (unsigned i = 0; i < 40; i++)
		report(w, &a, 2006);
	report(w, &b, 2006);
	world_restart(w);
	for (unsigned behind = 0; behind <= 32; behind++) {
		send_request(w, &a, 2006, a.sequence - behind);
		expect_silence(w);
	}
	assert_int_equal(counted(w, MC_COMMIT_WAITS), 33);
	for (unsigned i = 0; i < 40; i++) {
		commit_next(w);
		expect_answer_to(w, &a, 2007, a.sequence - 39 + i);
		expect_silence(w);
	}
	commit_next(w); /* a TCP session is live, its connection did not come through */
	expect_silence(w);
	for (unsigned behind = 0; behind <= 32; behind++) {
		send_request(w, &a, 2006, a.sequence - behind);
		expect_answer_to(w, &a, 2007, a.sequence - behind);
	}
	expect_no_event(w);
}

/* Killed with the answers on their way and the cursor not stored: they are given again. */
static void kill_behind_the_answers_gives_them_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	report(w, &a, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(feed_answer(w->host.feed, 128, answer_committed, w), 1);
	mc_protocol.finish(w->mc);
	expect_answer_to(w, &a, 2007, a.sequence - 1);
	world_restart(w);
	world_turn(w);
	expect_answer_to(w, &a, 2007, a.sequence - 1);
	expect_silence(w);
	send_request(w, &a, 2006, a.sequence);
	expect_silence(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_turn(w);
	expect_answer_to(w, &a, 2007, a.sequence);
	expect_silence(w);
}

/* The setting changes between two starts. */
static void setting_changes_over_a_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	report(w, &a, 2006);
	world_detach(w);
	w->config.feed.acknowledge = ACKNOWLEDGE_RING;
	world_attach(w);
	send_request(w, &a, 2006, a.sequence); /* safe against a kill: that is all it waits for */
	expect_answer_to(w, &a, 2007, a.sequence);
	good_request(w, &a, 2006, 0);
	world_detach(w);
	w->config.feed.acknowledge = ACKNOWLEDGE_COMMIT;
	world_attach(w);
	send_request(w, &a, 2006, a.sequence);
	expect_silence(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_turn(w);
	expect_answer_to(w, &a, 2007, a.sequence - 1); /* once more: it may have been lost */
	expect_answer_to(w, &a, 2007, a.sequence);
	expect_silence(w);
}

static int commit_setup(void **state)
{
	world_acknowledge = ACKNOWLEDGE_COMMIT;
	return world_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, commit_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answer_leaves_after_the_commit),
		cmocka_unit_test(late_answer_says_what_the_prompt_one_says),
		TEST(answer_names_whom_the_record_is_about),
		TEST(repeats_before_the_commit_are_left_to_the_answer_that_comes),
		TEST(repeats_of_a_pipeline_are_answered_exactly),
		TEST(long_pipeline_is_answered_in_order),
		TEST(errors_and_connects_do_not_wait),
		TEST(answer_goes_where_the_device_is),
		TEST(answer_of_a_session_that_has_ended_is_not_sent),
		TEST(answer_finds_its_connection_closed),
		TEST(session_that_waits_for_a_commit_is_ended_behind_it),
		TEST(consumer_stops_and_returns),
		TEST(room_comes_back_with_the_answer),
		TEST(what_waits_waits_over_a_restart),
		TEST(kill_behind_the_answers_gives_them_again),
		TEST(setting_changes_over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
