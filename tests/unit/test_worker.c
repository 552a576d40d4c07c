/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker.c - whole turns of a worker: devices live, answers leave in the order that is safe */
#include "worker_device.h"

/* ---- a device's life ---- */

static void assert_report(
	struct rig *rig, struct gadget *g, uint32_t code, uint32_t count, enum hearth_via via)
{
	uint8_t address[16] = {[10] = 0xff, [11] = 0xff, [12] = 198, [13] = 18, [15] = 2};
	struct event event = expect_event(g, HEARTH_UPLINK, code);
	char plain[1024];

	request_text(&g->side, code, g->side.sequence, now_of(rig), plain, sizeof(plain));
	assert_string_equal(event.payload, plain);
	assert_int_equal(event.record.count, count);
	assert_int_equal(event.record.sequence, g->side.sequence);
	assert_int_equal(event.record.via, via);
	assert_int_equal(event.record.time, rig->clock.unix_ms);
	assert_int_equal(event.record.result, 0);
	assert_memory_equal(event.record.peer, address, 16);
	assert_int_equal(event.record.peer_port, g->flow ? g->flow->port : g->port);
}

static void test_a_udp_device_lives(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	live_udp(&a, 40001);
	assert_int_equal(entry_now(&a).state, SESSION_LIVE);
	good_request(&a, 2006);
	assert_report(rig, &a, 2006, 1, HEARTH_VIA_UDP);
	good_request(&a, MC_HEARTBEAT);
	expect_no_event(rig);
	a.port = 40002; /* behind another NAT binding: found by its token */
	good_request(&a, 2028);
	assert_report(rig, &a, 2028, 3, HEARTH_VIA_UDP);
	assert_int_equal(mc_counted(rig, MC_REQUESTS), 2);
	assert_int_equal(rig->worker->counters[WORKER_DROP_ANSWER], 0);
}

static void test_a_tcp_device_lives(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct tcp_tuple tuple;

	live_tcp(&a);
	good_request(&a, 2006);
	assert_report(rig, &a, 2006, 1, HEARTH_VIA_TCP);
	good_request(&a, 2022);
	assert_report(rig, &a, 2022, 2, HEARTH_VIA_TCP);
	assert_true(worker_peer(rig->worker, entry_now(&a).connection, &tuple));
	assert_int_equal(ip_v4(&tuple.remote), PEER_ADDRESS);
	assert_int_equal(ntohs(tuple.remote_port), a.flow->port);
	assert_false(worker_peer(rig->worker, 0, &tuple));
	flow_close(a.flow);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_CLOSED);
	assert_int_equal(entry_now(&a).state, SESSION_RESTING);
	assert_false(worker_peer(rig->worker, entry_now(&a).connection, &tuple));
}

static void test_both_transports_serve_at_once(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);

	live_tcp(&a);
	live_udp(&b, 40001);
	for (unsigned i = 0; i < 100; i++) {
		queue_request(&a, 2006, ++a.side.sequence);
		queue_request(&b, 2006, ++b.side.sequence);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		expect_answer_to(&b, 2007, 0, b.side.sequence);
		/* TCP is looked at first in a burst. */
		expect_event(&a, HEARTH_UPLINK, 2006);
		expect_event(&b, HEARTH_UPLINK, 2006);
	}
}

/* ---- the order in which a turn becomes visible ---- */

/* struct witness - what must be true whenever an answer is about to leave */
struct witness {
	struct gadget *gadget;
	uint64_t head; /* before the turn */
	uint32_t count;
	unsigned answers;
};

static struct witness witness;

static bool is_answer(const struct frame *frame)
{
	return frame->length > 100 && memmem(frame->data, frame->length, "CTS{\"code\":2007", 15);
}

static void witness_sending(struct fake_link *fake)
{
	struct rig *rig = fake->context;
	const struct feed_ring *ring = feed_ring(rig->broker.feed, 0);

	for (unsigned i = 0; i < fake->reserved; i++) {
		struct frame frame = {.data = fake->tx[i], .length = LINK_FRAME_MAX};
		struct session_turn turn;
		struct event event;

		if (!is_answer(&frame))
			continue;
		witness.answers++;
		assert_true(feed_fill(ring).head > witness.head);
		assert_int_equal(feed_fill(ring).applied, feed_fill(ring).head);
		turn = entry_now(witness.gadget);
		assert_int_equal(turn.progress.count, witness.count);
		assert_true(turn.progress.window & 1);
		event = read_event(rig->reader);
		assert_true(event.there);
		assert_int_equal(event.record.event, HEARTH_UPLINK);
		assert_int_equal(event.record.count, witness.count);
	}
}

static void watch_reports(struct rig *rig, struct gadget *g)
{
	rig->link.sending = witness_sending;
	for (unsigned i = 1; i <= 3; i++) {
		witness = (struct witness){.gadget = g,
			.head = feed_fill(feed_ring(rig->broker.feed, 0)).head,
			.count = i};
		good_request(g, 2006);
		assert_int_equal(witness.answers, 1);
	}
	rig->link.sending = NULL;
	expect_no_event(rig);
}

static void test_records_and_sessions_are_there_before_answers_leave(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);

	live_udp(&a, 40001);
	watch_reports(rig, &a);
	live_tcp(&b);
	watch_reports(rig, &b);
}

/* ---- bursts ---- */

static void test_two_devices_interleaved_in_one_burst(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct gadget *both[] = {&a, &b};
	struct frame_text frames[2];
	uint32_t piece = 61;

	live_tcp(&a);
	live_tcp(&b);
	for (unsigned i = 0; i < 2; i++)
		request_frame(both[i], 2006, ++both[i]->side.sequence, &frames[i]);
	/* In pieces, turn by turn, all in one burst; both frames end in the middle of it. */
	for (uint32_t at = 0; at < frames[0].length || at < frames[1].length; at += piece) {
		for (unsigned i = 0; i < 2; i++) {
			uint32_t rest = at < frames[i].length ? frames[i].length - at : 0;

			if (rest > 0)
				flow_next(both[i]->flow, 0, frames[i].text + at,
					rest < piece ? rest : piece);
		}
	}
	for (unsigned i = 0; i < 2; i++)
		queue_request(both[i], 2022, ++both[i]->side.sequence);
	rig_turn(rig);
	for (unsigned i = 0; i < 2; i++) {
		expect_answer(both[i], 2007, 0);
		expect_answer_to(both[i], 2023, 0, both[i]->side.sequence);
		expect_silence(both[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(read_event(rig->reader).record.event, HEARTH_UPLINK);
	expect_no_event(rig);
	assert_chunks(rig, 4); /* answers that are not acknowledged yet */
	rig_turn(rig);
	assert_chunks(rig, 0);
}

static void test_connect_and_first_reports_share_a_burst(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	flow_close(gadget_login(&a));
	a.flow = flow_open(rig, CONNECT_PORT);
	connect_frame(&a, &frame);
	gadget_queue(&a, &frame);
	queue_request(&a, 2006, a.side.sequence + 1);
	queue_request(&a, 2022, a.side.sequence + 2);
	rig_turn(rig);
	expect_answer(&a, 1005, 0);
	expect_answer(&a, 2007, 0);
	expect_answer(&a, 2023, 0);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	expect_event(&a, HEARTH_UPLINK, 2006);
	expect_event(&a, HEARTH_UPLINK, 2022);
}

/* ---- requests of operators ---- */

static void test_kick_ends_a_session_on_either_transport(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct frame_text frame;

	live_tcp(&a);
	live_udp(&b, 40001);
	assert_int_equal(worker_post(rig->worker, CONTROL_KICK, handle_now(&a)), 0);
	assert_int_equal(worker_post(rig->worker, CONTROL_KICK, handle_now(&b)), 0);
	rig_turn(rig);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_KICKED);
	expect_event(&b, HEARTH_OFFLINE, HEARTH_KICKED);
	assert_true(a.flow->finished); /* in the same turn */
	assert_int_equal(rig->worker->counters[WORKER_MAIL], 2);
	/* Their tokens are void. */
	b.side.sequence++;
	connect_frame(&b, &frame);
	gadget_queue(&b, &frame);
	rig_turn(rig);
	expect_silence(&b);
	assert_int_equal(mc_counted(rig, MC_DROP_TOKEN), 1);
	live_udp(&b, 40001);
}

static void test_a_handle_of_yesterday_ends_nothing(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	session_handle old;

	live_udp(&a, 40001);
	old = handle_now(&a);
	a.side.sequence++;
	rig_pass(rig, SECOND, 100 * MS);
	gadget_connect(&a);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	assert_int_equal(worker_post(rig->worker, CONTROL_KICK, old), 0);
	rig_turn(rig);
	expect_no_event(rig);
	good_request(&a, MC_HEARTBEAT);
}

static void test_a_removed_device_goes_offline(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	live_tcp(&a);
	assert_int_equal(worker_post(rig->worker, CONTROL_REMOVED, handle_now(&a)), 0);
	rig_turn(rig);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_REMOVED);
	assert_true(a.flow->finished);
	assert_int_equal(registry_remove(rig->broker.registry, a.side.id), 0);
	a.flow = flow_open(rig, LOGIN_PORT);
	login_text(&a.side, now_of(rig), &frame);
	gadget_queue(&a, &frame);
	rig_turn(rig);
	assert_int_equal(mc_counted(rig, MC_DROP_DEVICE), 1);
	assert_true(a.flow->finished);
	assert_int_equal(a.flow->got_length, 0);
	urcu_qsbr_quiescent_state();
	registry_reclaim(rig->broker.registry);
}

static void test_the_mailbox_is_bounded_and_served_in_slices(void **state)
{
	struct rig *rig = *state;
	unsigned posted = 0;

	while (worker_post(rig->worker, CONTROL_KICK, 12345 + posted) == 0)
		posted++;
	assert_int_equal(posted, MAILBOX_SLOTS);
	assert_int_equal(worker_post(rig->worker, CONTROL_KICK, 1), -EAGAIN);
	assert_true(rig_turn(rig));
	assert_int_equal(rig->worker->counters[WORKER_MAIL], WORKER_MAIL_MAX);
	assert_int_equal(worker_post(rig->worker, CONTROL_KICK, 1), 0);
	for (unsigned i = 0; i < MAILBOX_SLOTS / WORKER_MAIL_MAX; i++)
		rig_turn(rig);
	assert_int_equal(rig->worker->counters[WORKER_MAIL], MAILBOX_SLOTS + 1);
	assert_false(rig_turn(rig));
}

/* ---- the sweep ---- */

/* Seconds of silence after which a session ends, and the tick it is due in. */
#define SILENCE (3 * 45 + 10)

/* Let time pass until a session has ended. Return: the time, to one step. */
static uint64_t ends_at(struct gadget *g, uint64_t step, uint64_t limit)
{
	struct rig *rig = g->rig;

	while (entry_now(g).state == SESSION_LIVE && rig->clock.us < limit)
		rig_pass(rig, step, step);
	return rig->clock.us;
}

static void test_silence_ends_a_session_within_a_second(void **state)
{
	static const uint64_t phases[] = {1, 500 * MS, 999 * MS};
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	for (unsigned i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		uint64_t heard, ended, due;

		live_udp(&a, 40001);
		rig_pass(rig, 2 * SECOND - rig->clock.us % SECOND + phases[i], 10 * MS);
		good_request(&a, MC_HEARTBEAT);
		heard = rig->clock.us;
		due = (heard / SECOND + SILENCE + 1) * SECOND; /* whole seconds are counted */
		ended = ends_at(&a, 10 * MS, due + 10 * SECOND);
		assert_true(ended > heard + SILENCE * SECOND); /* never early */
		assert_true(ended <= due + SECOND + 10 * MS);
		expect_event(&a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	}
}

static void test_silence_closes_the_connection(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	live_tcp(&a);
	rig_pass(rig, SILENCE * SECOND, 100 * MS);
	expect_no_event(rig);
	assert_false(a.flow->finished);
	rig_pass(rig, 2 * SECOND, 100 * MS);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	assert_true(a.flow->finished);
	/* Its token is still good. */
	a.flow = flow_open(rig, CONNECT_PORT);
	a.side.sequence++;
	gadget_connect(&a);
}

static void test_heartbeats_keep_a_session(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	live_tcp(&a);
	for (unsigned i = 0; i < 10; i++) {
		rig_pass(rig, SILENCE * SECOND, 500 * MS);
		good_request(&a, MC_HEARTBEAT);
	}
	expect_no_event(rig);
	assert_false(a.flow->finished);
}

static int setup_large(void **state)
{
	struct rig *rig = rig_make();

	rig->broker.config.limits.sessions = 60000;
	rig_start(rig);
	*state = rig;
	return 0;
}

/* A large table is walked once a second, too; turns that come late do no more work for it each. */
static void test_a_large_table_is_swept_in_bounded_slices(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint64_t due;

	live_udp(&a, 40001);
	due = (rig->clock.us / SECOND + SILENCE + 1) * SECOND;
	rig_pass(rig, due - rig->clock.us - MS, SECOND);
	assert_true(ends_at(&a, MS, due + 10 * SECOND) <= due + SECOND + MS);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	/* 100 ms apart, all of 60056 entries in 64s. */
	live_udp(&a, 40001);
	due = (rig->clock.us / SECOND + SILENCE + 1) * SECOND;
	rig_pass(rig, due - rig->clock.us - MS, SECOND);
	rig_pass(rig, 10 * SECOND, 10 * SECOND); /* one late turn does not walk it all */
	assert_int_equal(entry_now(&a).state, SESSION_LIVE);
	assert_true(ends_at(&a, 100 * MS, due + 1000 * SECOND) <= due + 105 * SECOND);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

/* ---- what others see ---- */

static void test_views_name_every_layer(void **state)
{
	static const char *const layers[] = {
		"stack", "tcp", "stream", "worker", "session", "feed", "mc"};
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct counter_view views[COUNTER_VIEWS_MAX];
	struct turn_view turns;
	uint64_t before;
	unsigned count;

	live_udp(&a, 40001);
	count = worker_views(rig->worker, views);
	assert_int_equal(count, sizeof(layers) / sizeof(layers[0]));
	for (unsigned i = 0; i < count; i++) {
		assert_string_equal(views[i].layer, layers[i]);
		for (unsigned j = 0; j < views[i].count; j++)
			assert_non_null(views[i].info[j].name);
	}
	worker_turns(rig->worker, &turns);
	assert_int_equal(turns.tsc_hz, 2000000000);
	before = turns.turns;
	assert_false(rig_turn(rig));
	good_request(&a, 2006);
	worker_turns(rig->worker, &turns);
	assert_int_equal(turns.turns, before + 2);
	assert_true(turns.busy_turns > 0 && turns.busy_turns < turns.turns);
	assert_true(turns.busy_cycles[STAGE_AES] > 0 && turns.idle_cycles > 0);
}

static void test_sizes_that_cannot_be_are_refused(void **state)
{
	struct rig *rig = rig_make();
	struct worker_setup setup;
	char error[256] = "";

	rig_open(rig);
	setup = rig_setup(rig, 0);
	rig->broker.config.limits.connections = 1u << 25;
	assert_null(worker_new(&setup, &rig->clock, error, sizeof(error)));
	assert_non_null(strstr(error, "limits.connections"));
	rig->broker.config.limits.connections = 1024;
	rig->team[0] = rig->worker = worker_new(&setup, &rig->clock, error, sizeof(error));
	assert_non_null(rig->worker);
	assert_true(worker_bytes(&setup) > sizeof(struct worker));
	for (unsigned i = 0; i < CHUNK_CLASSES; i++)
		rig->team_chunks[0][i] = chunk_free_count(rig->worker->chunks, i);
	rig->reader = hearth_feed_open(rig->broker.ring_path, 0, error, sizeof(error));
	rig_free(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_new, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_udp_device_lives),
		TEST(test_a_tcp_device_lives),
		TEST(test_both_transports_serve_at_once),
		TEST(test_records_and_sessions_are_there_before_answers_leave),
		TEST(test_two_devices_interleaved_in_one_burst),
		TEST(test_connect_and_first_reports_share_a_burst),
		TEST(test_kick_ends_a_session_on_either_transport),
		TEST(test_a_handle_of_yesterday_ends_nothing),
		TEST(test_a_removed_device_goes_offline),
		TEST(test_the_mailbox_is_bounded_and_served_in_slices),
		TEST(test_silence_ends_a_session_within_a_second),
		TEST(test_silence_closes_the_connection),
		TEST(test_heartbeats_keep_a_session),
		cmocka_unit_test_setup_teardown(
			test_a_large_table_is_swept_in_bounded_slices, setup_large, rig_teardown),
		TEST(test_views_name_every_layer),
		cmocka_unit_test(test_sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
