/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_replay.c - frames that come again, late, elsewhere or not at all (specs: Time, Sequence,
 * UDP peers; K4, K5, K21) */
#include "mc_host.h"

/* ---- numbers around the wrap ---- */

/* What UDP does with a 2006 numbered @distance behind the newest, of @count since the connect. */
static bool answered_behind(unsigned distance, unsigned count)
{
	return distance <= 32 && distance < count;
}

/* The newest number from 65500 over the wrap to 35, each number up to 40 behind it. */
static void K4_every_distance_behind_over_the_wrap(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	unsigned count = 0;

	log_in(w, &a);
	a.sequence = 65499;
	connected(w, &a, on_udp(1));
	for (; a.sequence != 36;) {
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
		count++;
		for (unsigned distance = 0; distance <= 40; distance++) {
			struct session_turn before = entry_now(w, &a), after;

			queue_request(w, &a, on_udp(2), 2006, (uint16_t)(a.sequence - distance),
				now_of(w));
			world_turn(w);
			if (answered_behind(distance, count)) {
				struct answer answer = answer_of(w, &a);

				assert_true(answer.there);
				assert_int_equal(answer.result, 0);
				assert_int_equal(ntohs(answer.to.udp.port), 2);
			}
			expect_silence(w);
			expect_no_event(w);
			after = entry_now(w, &a);
			assert_memory_equal(&before, &after, sizeof(before));
		}
	}
}

/* Every other number there is, from far behind: nothing, wherever the newest stands. */
static void K4_every_number_far_behind_is_dropped(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn before, after;

	log_in(w, &a);
	a.sequence = 65535 - 50;
	connected(w, &a, on_udp(1));
	for (unsigned i = 0; i < 60; i++) {
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
	before = entry_now(w, &a);
	for (unsigned distance = 33; distance < 32768; distance++) {
		queue_request(w, &a, on_udp(2), 2006, (uint16_t)(a.sequence - distance), now_of(w));
		if (distance % 64 == 0)
			world_turn(w);
	}
	world_turn(w);
	expect_silence(w);
	expect_no_event(w);
	after = entry_now(w, &a);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(counted(w, MC_DROP_STALE), 32768 - 33);
}

/* Newest + 2 and further ahead: a gap, at every place around the wrap. */
static void K4_every_gap_over_the_wrap_ends_the_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	for (uint32_t newest = 65536 - 20; newest < 65536 + 20; newest++) {
		unsigned gap = 2 + newest * 37 % 2000;

		log_in(w, &a);
		a.sequence = (uint16_t)newest;
		connected(w, &a, on_udp(1));
		send_request(w, &a, 2006, (uint16_t)(newest + gap));
		expect_answer(w, &a, 2007, 200003);
		expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	}
}

/*
 * A frame recorded now comes again 65535 requests later, when its number is the next one. What
 * tells it apart is its time: at 200 requests a second that many take more than the window's 300 s.
 */
static void K4_a_frame_recorded_a_wrap_ago_is_out_of_time(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *recorded = malloc(sizeof(*recorded));
	struct session_turn before, after;
	char plain[1024];

	live_udp(w, &a, 1);
	request_text(&a, 2006, a.sequence + 1, now_of(w), plain, sizeof(plain));
	session_frame(&a, recorded, 2006, plain);
	deliver(w, a.peer, recorded->text, recorded->length);
	expect_answer(w, &a, 2007, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	a.sequence++;
	for (unsigned i = 0; i < 65535; i++) {
		w->host.clock.unix_ms += 5;
		queue_request(w, &a, a.peer, 1000, ++a.sequence, now_of(w));
		if (i % 64 < 63)
			continue;
		world_turn(w);
		w->sent_next = w->sent_count;
	}
	world_turn(w);
	w->sent_next = w->sent_count;
	before = entry_now(w, &a);
	deliver(w, a.peer, recorded->text, recorded->length);
	expect_silence(w);
	expect_no_event(w);
	after = entry_now(w, &a);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(counted(w, MC_DROP_TIME), 1);
	good_request(w, &a, 2006, 0);
	free(recorded);
}

/* ---- a whole session, recorded ---- */

enum { RECORDED_MAX = 64 };

struct recording {
	unsigned count;
	struct frame_text *frames[RECORDED_MAX];
};

static void record(
	struct recording *r, const struct device_side *d, uint32_t code, const char *plain)
{
	assert_true(r->count < RECORDED_MAX);
	r->frames[r->count] = malloc(sizeof(struct frame_text));
	session_frame(d, r->frames[r->count++], code, plain);
}

static void recording_free(struct recording *r)
{
	for (unsigned i = 0; i < r->count; i++)
		free(r->frames[i]);
}

/* Connect and send 50 requests of all kinds, one a second; each frame is kept. */
static void record_session(
	struct world *w, struct device_side *a, struct recording *r, struct peer peer)
{
	static const uint32_t codes[] = {
		2006, 1000, 2008, 2010, 2022, 2026, 2028, 2032, 2016, 2998};
	char plain[1024];

	*r = (struct recording){0};
	a->peer = peer;
	connect_text(a, a->sequence, now_of(w), plain, sizeof(plain));
	record(r, a, MC_CONNECT, plain);
	deliver(w, peer, r->frames[0]->text, r->frames[0]->length);
	expect_answer(w, a, 1005, 0);
	for (unsigned i = 0; i < 50; i++) {
		uint32_t code = codes[i % 10];

		world_pass(w, 1);
		request_text(a, code, ++a->sequence, now_of(w), plain, sizeof(plain));
		record(r, a, code, plain);
		deliver(w, peer, r->frames[r->count - 1]->text, r->frames[r->count - 1]->length);
		assert_true(answer_of(w, a).there);
	}
	while (next_event(w).there)
		;
}

/* All of it again, from somewhere else: no event, no end, no moved address, no sign of life. */
static void replay(
	struct world *w, const struct device_side *a, const struct recording *r, struct peer from)
{
	struct session_turn before = entry_now(w, a), after;

	for (unsigned i = 0; i < r->count; i++) {
		deliver(w, from, r->frames[i]->text, r->frames[i]->length);
		expect_no_event(w);
		after = entry_now(w, a);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void K4_a_whole_session_replayed_against_itself(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct recording r;
	unsigned answers;

	log_in(w, &a);
	record_session(w, &a, &r, on_udp(1));
	/* at once: the last 33 are answered again, heartbeats behind the newest are not */
	replay(w, &a, &r, on_udp(666));
	answers = w->sent_count - w->sent_next;
	assert_in_range(answers, 25, 33);
	for (; w->sent_next < w->sent_count; w->sent_next++)
		assert_int_equal(ntohs(w->sent[w->sent_next].to.udp.port), 666);
	good_request(w, &a, 2006, 0);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 1);
	recording_free(&r);
}

static void K4_a_whole_session_replayed_after_a_reconnect(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct recording r;

	log_in(w, &a);
	record_session(w, &a, &r, on_udp(1));
	/* more than the 5 s that a request may be older than its connect */
	world_pass(w, 6);
	reconnected(w, &a, on_udp(2));
	replay(w, &a, &r, on_udp(666));
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_TIME), 50);
	assert_int_equal(counted(w, MC_DROP_REPLAY), 1);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	recording_free(&r);
}

static void K4_K5_a_whole_session_replayed_after_a_new_login(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, old;
	struct recording r;

	log_in(w, &a);
	record_session(w, &a, &r, on_udp(1));
	old = a;
	log_in(w, &a);
	replay(w, &old, &r, on_udp(666)); /* its session goes on until the new token connects */
	w->sent_next = w->sent_count;
	reconnected(w, &a, on_udp(2));
	replay(w, &a, &r, on_udp(666));
	expect_silence(w);
	/* under the new token, as if its key were known to fit: it does not */
	for (unsigned i = 0; i < r.count; i++)
		memcpy(strstr(r.frames[i]->text, "token\":\"") + 8, a.token, SESSION_TOKEN_CHARS);
	replay(w, &a, &r, on_udp(666));
	expect_silence(w);
	good_request(w, &a, 2006, 0);
	recording_free(&r);
}

/* On TCP: on a connection of the attacker's, to which no session is bound. */
static void K4_a_session_over_tcp_replayed_elsewhere(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct recording r;
	uint32_t other;

	log_in(w, &a);
	record_session(w, &a, &r, on_tcp(tcp_open(w)));
	other = tcp_open(w);
	replay(w, &a, &r, on_tcp(other));
	expect_silence(w);
	assert_true(tcp_closed(w, other)); /* a connect that fails closes its own connection */
	assert_false(tcp_closed(w, a.peer.connection));
	replay(w, &a, &r, on_udp(666));
	expect_silence(w);
	good_request(w, &a, 2006, 0);
	recording_free(&r);
}

/* ---- other directions, other places ---- */

/* What the broker has sent comes back to it: answers have odd codes, no token, and are dropped. */
static void K5_the_brokers_own_frames_sent_back(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	struct session_turn before, after;
	struct answer answer;

	live_udp(w, &a, 1);
	for (uint32_t code = 1000; code <= 2032; code++) {
		if (code != 1000 && (code < 2006 || code % 2))
			continue;
		send_request(w, &a, code, ++a.sequence);
		answer = answer_of(w, &a);
		while (next_event(w).there)
			;
		if (!answer.there) { /* an answer to nothing took no number */
			a.sequence--;
			continue;
		}
		before = entry_now(w, &a);
		deliver(w, a.peer, answer.text, (uint32_t)strlen(answer.text));
		/* with the token put in, and with the code of a request */
		session_frame(&a, frame, answer.code, answer.plain);
		deliver(w, a.peer, frame->text, frame->length);
		expect_silence(w);
		expect_no_event(w);
		after = entry_now(w, &a);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	free(frame);
}

/* The address moves with a request that takes the next number, and with nothing else. */
static void K21_only_the_newest_request_moves_the_address(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[1024];

	live_udp(w, &a, 1);
	for (unsigned port = 10; port < 20; port++) {
		good_request(w, &a, 2006, 0);
		/* forged: no key */
		struct device_side forged = a;

		memset(forged.key, 'x', SESSION_KEY_BYTES);
		request_text(&a, 2006, a.sequence + 1, now_of(w), plain, sizeof(plain));
		queue_plain(w, &forged, on_udp(666), 2006, plain);
		/* recorded: repeats, old and out of time */
		queue_request(w, &a, on_udp(667), 2006, a.sequence, now_of(w));
		queue_request(w, &a, on_udp(668), 2006, a.sequence - 100, now_of(w));
		queue_request(w, &a, on_udp(669), 2006, a.sequence + 1, now_of(w) - 301);
		queue_request(w, &a, on_udp(670), 1000, a.sequence - 1, now_of(w));
		world_turn(w);
		assert_int_equal(ntohs(entry_now(w, &a).peer.port), port == 10 ? 1 : port - 1);
		w->sent_next = w->sent_count;
		/* the device behind a new address of its NAT */
		a.peer = on_udp((uint16_t)port);
		good_request(w, &a, 1000, 0);
		assert_int_equal(ntohs(entry_now(w, &a).peer.port), port);
	}
}

/* ---- 5 % loss ---- */

enum { FLYING_MAX = 256, WANTED = 3000, STEP_MS = 100 };

/* struct flying - a datagram under way; @login: which login's key it is encrypted with */
struct flying {
	bool there, up;
	unsigned login;
	uint64_t due;
	uint32_t length;
	uint8_t *data;
};

struct air {
	struct world *w;
	unsigned logins;
	struct flying flying[FLYING_MAX];
	uint64_t seed, now, lost, doubled, late;
};

static unsigned chance(struct air *air, unsigned of)
{
	air->seed ^= air->seed << 13;
	air->seed ^= air->seed >> 7;
	air->seed ^= air->seed << 17;
	return (air->seed >> 20) % of;
}

/* 5 % are lost, 3 % come twice, 10 % late: up to 25 s, so that others overtake them. */
static void fly(struct air *air, bool up, unsigned login, const void *data, uint32_t length)
{
	unsigned copies = 1;

	if (chance(air, 100) < 5) {
		air->lost++;
		return;
	}
	if (chance(air, 100) < 3) {
		air->doubled++;
		copies = 2;
	}
	for (unsigned i = 0; i < FLYING_MAX && copies; i++) {
		struct flying *f = &air->flying[i];

		if (f->there)
			continue;
		*f = (struct flying){
			true, up, login, air->now + chance(air, 5), length, malloc(length)};
		memcpy(f->data, data, length);
		if (chance(air, 10) == 0) {
			air->late++;
			f->due += chance(air, 250);
		}
		copies--;
	}
}

static void let_time_pass(struct air *air)
{
	struct world *w = air->w;

	air->now++;
	w->host.clock.us += STEP_MS * 1000;
	w->host.clock.unix_ms += STEP_MS;
	if (air->now % 10 == 0) {
		w->host.clock.tick++;
		mc_protocol.sweep(w->mc, 64);
	}
}

/* What has arrived: up to the broker, whose answers take off; down: the newest number answered. */
static uint32_t arrivals(struct air *air, const struct device_side *a, bool *refused)
{
	uint32_t answered = UINT32_MAX;

	for (unsigned i = 0; i < FLYING_MAX; i++) {
		struct flying *f = &air->flying[i];
		struct answer answer;
		char sequence[16];

		if (!f->there || f->due > air->now)
			continue;
		if (f->up) {
			deliver(air->w, a->peer, f->data, f->length);
			while (air->w->sent_next < air->w->sent_count) {
				struct sent *sent = &air->w->sent[air->w->sent_next++];

				fly(air, false, f->login, sent->data, sent->length);
			}
		} else if (f->login == air->logins) {
			open_answer(&answer, f->data, f->length, a->key, a->key);
			if (member_text(answer.plain, "sequence", sequence, sizeof(sequence)))
				answered = strtoul(sequence, NULL, 10);
			*refused |= answer.result == 200003;
		}
		free(f->data);
		f->there = false;
	}
	return answered;
}

/* As public firmware does: every 10 s again, three times. */
static bool ask(struct air *air, const struct device_side *a, uint32_t code)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	bool refused = false, done = false;
	char plain[1024];

	for (unsigned step = 0; step < 300 && !done; step++) {
		if (step % 100 == 0) {
			if (code == MC_CONNECT)
				connect_text(a, a->sequence, now_of(air->w), plain, sizeof(plain));
			else
				request_text(
					a, code, a->sequence, now_of(air->w), plain, sizeof(plain));
			session_frame(a, frame, code, plain);
			fly(air, true, air->logins, frame->text, frame->length);
		}
		let_time_pass(air);
		done = arrivals(air, a, &refused) == a->sequence;
	}
	free(frame);
	return done && !refused;
}

static void clear_the_air(struct air *air)
{
	for (unsigned i = 0; i < FLYING_MAX; i++)
		if (air->flying[i].there)
			free(air->flying[i].data);
}

/*
 * Every report that was acknowledged is one event, none is two: told by what session and count the
 * events carry, and by how many reports the device saw acknowledged.
 */
static void K4_loss_doubles_and_loses_nothing(void **state)
{
	struct air air = {.w = *state, .seed = 4711};
	struct device_side a = SIDE_A;
	uint64_t last_session = 0, last_count = 0;
	unsigned acknowledged = 0, events = 0, unanswered = 0;
	bool connected_now = false;

	a.peer = on_udp(1);
	while (acknowledged < WANTED) {
		struct event event;

		if (!connected_now) {
			log_in(air.w, &a);
			air.logins++;
			connected_now = ask(&air, &a, MC_CONNECT);
			continue;
		}
		a.sequence++;
		connected_now = ask(&air, &a, 2006);
		if (connected_now)
			acknowledged++;
		else
			unanswered++;
		while ((event = next_event(air.w)).there) {
			if (event.record.event != HEARTH_UPLINK)
				continue;
			events++;
			/* in order, never twice */
			assert_true(event.record.session > last_session ||
				    (event.record.session == last_session &&
					    event.record.count > last_count));
			last_session = event.record.session;
			last_count = event.record.count;
		}
	}
	/* what was never answered may have arrived or not */
	assert_in_range(events, acknowledged, acknowledged + unanswered);
	print_message("%u acknowledged, %u unanswered, %u events, %u logins; datagrams lost %u, "
		      "doubled %u, late %u; repeats %u\n",
		acknowledged, unanswered, events, air.logins, (unsigned)air.lost,
		(unsigned)air.doubled, (unsigned)air.late, (unsigned)counted(air.w, MC_REPEATS));
	assert_true(counted(air.w, MC_REPEATS) > WANTED / 20);
	clear_the_air(&air);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(K4_every_distance_behind_over_the_wrap),
		TEST(K4_every_number_far_behind_is_dropped),
		TEST(K4_every_gap_over_the_wrap_ends_the_session),
		TEST(K4_a_frame_recorded_a_wrap_ago_is_out_of_time),
		TEST(K4_a_whole_session_replayed_against_itself),
		TEST(K4_a_whole_session_replayed_after_a_reconnect),
		TEST(K4_K5_a_whole_session_replayed_after_a_new_login),
		TEST(K4_a_session_over_tcp_replayed_elsewhere),
		TEST(K5_the_brokers_own_frames_sent_back),
		TEST(K21_only_the_newest_request_moves_the_address),
		TEST(K4_loss_doubles_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
