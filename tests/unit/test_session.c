/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session.c - logins, turns, lists and restoring */

#include "session_fixture.h"

#include <pthread.h>

static void test_touch(void **state)
{
	struct fixture *f = *state;
	struct session_turn copy;

	assert_int_equal(open_with(f, 6000, 2), 0);
	f->worker = session_worker(f->table, 1);
	const struct login login = log_in(f, 5, 1);
	assert_in_range(login.index, 3000, 5999);
	assert_null(session_touch(f->worker, 2999)); /* the other worker's */
	assert_null(session_touch(f->worker, 6000));
	assert_null(session_touch(f->worker, SESSION_NONE));

	struct session_turn *turn = session_touch(f->worker, login.index);
	assert_ptr_equal(session_touch(f->worker, login.index), turn);
	turn->state = SESSION_LIVE;
	turn->via = SESSION_VIA_UDP;
	turn->generation++;
	turn->progress.count = 41;
	session_mark(&turn->progress, 0);
	turn->number = 1ull << 40;
	turn->peer = (struct session_peer){ip_from_v4(0x0100000a), 0x1234, 2, 3};
	turn->heard = 9;
	turn->connect_device_time = 10;
	turn->connect_time = 11;
	turn->base = 65530;
	turn->platform_sequence = 13;
	turn->report_tick = 14;
	turn->flags = SESSION_SYNCHRONISED | SESSION_REPORTED;
	turn->code = 2006;
	const struct session_turn expected = *turn;
	assert_true(session_peek(f->table, login.index, &copy));
	assert_int_equal(copy.state, SESSION_LOGIN); /* nothing is stored before the commit */
	session_commit(f->worker);
	assert_true(session_peek(f->table, login.index, &copy));
	assert_turn_equal(&copy, &expected);
	assert_int_equal(session_newest(&copy), (uint16_t)(65530 + 41));
	const session_handle handle = session_handle_of(f->worker, &copy);
	assert_int_equal(session_handle_worker(handle), 1);
	assert_int_equal(session_handle_index(handle), login.index);
	assert_int_equal(session_handle_generation(handle), expected.generation);

	/* a turn has room for so many; a free entry stays free */
	for (uint32_t i = 0; i < SESSION_TOUCH_MAX; i++) {
		turn = session_touch(f->worker, 3000 + i);
		assert_non_null(turn);
		if (3000 + i != login.index)
			turn->state = SESSION_LIVE;
	}
	assert_null(session_touch(f->worker, 5999));
	assert_non_null(session_touch(f->worker, 3000 + SESSION_TOUCH_MAX - 1));
	session_commit(f->worker);
	check_lists(f->worker);
	assert_int_equal(session_counts(f->worker).live_udp, 1);
	assert_non_null(session_touch(f->worker, 5999));
}

/* An entry that was looked at while free and is then given to a login, all in one turn. */
static void test_touch_then_login(void **state)
{
	struct fixture *f = *state;
	struct session_turn *turn;

	assert_int_equal(open_with(f, 1, 1), 0);
	turn = session_touch(f->worker, 0);
	assert_int_equal(turn->state, SESSION_FREE);
	const struct login login = log_in(f, 3, 1);
	assert_int_equal(turn->state, SESSION_LOGIN);
	assert_int_equal(turn->device, 3);
	session_commit(f->worker);
	assert_int_equal(find(f, login.token), 0);
	check_lists(f->worker);
}

static void test_life(void **state)
{
	struct fixture *f = *state;
	struct session_turn copy;

	assert_int_equal(open_with(f, 3, 1), 0);
	const struct login login = log_in(f, 1, 1);
	become(f, login.index, SESSION_LIVE, SESSION_VIA_TCP, 2, 0);
	assert_int_equal(session_counts(f->worker).live_tcp, 1);
	session_peek(f->table, login.index, &copy);
	assert_int_equal(copy.connection, login.index + 77);
	become(f, login.index, SESSION_RESTING, SESSION_VIA_NONE, 3, 0);
	assert_int_equal(find(f, login.token), login.index);
	session_peek(f->table, login.index, &copy);
	assert_int_equal(copy.connection, 0);
	become(f, login.index, SESSION_LIVE, SESSION_VIA_UDP, 4, 0);
	assert_int_equal(session_counts(f->worker).live_udp, 1);
	become(f, login.index, SESSION_FREE, SESSION_VIA_NONE, 5, 0);
	assert_int_equal(find(f, login.token), SESSION_NONE);
	assert_false(session_peek(f->table, login.index, &copy));
	for (size_t i = 0; i < f->table->bytes - 8; i++)
		if (memcmp((uint8_t *)f->table->header + i, login.key, 8) == 0)
			fail_msg("a key outlives its session");
}

/* No handle of a former session ever fits again, also when the generation wraps. */
static void test_stale_handles(void **state)
{
	struct fixture *f = *state;
	session_handle seen[600];
	unsigned count = 0;

	assert_int_equal(open_with(f, 1, 1), 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(log_in(f, 1, 1).index, 0);
		for (unsigned step = 0; step < 3; step++) {
			struct session_turn *turn = session_touch(f->worker, 0);

			seen[count] = session_handle_of(f->worker, turn);
			assert_int_not_equal(seen[count], 0);
			assert_int_not_equal(session_handle_generation(seen[count]), 0);
			for (unsigned j = 0; j < count; j++)
				assert_int_not_equal(seen[count], seen[j]);
			count++;
			if (step < 2)
				turn->generation++;
			turn->state = step == 0 ? SESSION_LIVE : SESSION_RESTING;
			turn->via = step == 0 ? SESSION_VIA_UDP : SESSION_VIA_NONE;
			if (step == 2)
				turn->state = SESSION_FREE;
			session_commit(f->worker);
		}
		if (i == 100) { /* near the end of 24 bits, which begin again after this */
			log_in(f, 1, 1);
			session_touch(f->worker, 0)->generation = SLAB_GENERATION - 20;
			session_touch(f->worker, 0)->state = SESSION_FREE;
			session_commit(f->worker);
			count = 0;
		}
		close_table(f); /* over restarts too */
		assert_int_equal(open_with(f, 1, 1), 0);
		session_worker_attach(f->worker, 1, NULL, NULL);
	}
}

static void test_reclaim_order(void **state)
{
	struct fixture *f = *state;
	static const uint32_t order[] = {3, 0, 4, 1};
	struct login logins[6];

	assert_int_equal(open_with(f, 6, 1), 0);
	for (uint32_t i = 0; i < 6; i++) {
		logins[i] = log_in(f, i, 1);
		become(f, logins[i].index, SESSION_LIVE, SESSION_VIA_UDP, 1, 0);
	}
	for (unsigned i = 0; i < 4; i++)
		become(f, logins[order[i]].index, SESSION_RESTING, SESSION_VIA_NONE, 10 + i, 0);
	/* one that owes an event is not given away; nor is one that is live */
	become(f, logins[2].index, SESSION_RESTING, SESSION_VIA_NONE, 5,
		SESSION_OWED_OFFLINE | 7 << 8);
	for (unsigned i = 0; i < 4; i++) {
		const struct login login = log_in(f, 100 + i, 20);

		assert_int_equal(login.index, logins[order[i]].index);
		assert_int_equal(find(f, logins[order[i]].token), SESSION_NONE);
		check_lists(f->worker);
	}
	assert_int_equal(log_in(f, 200, 20).index, SESSION_NONE);
	become(f, logins[2].index, SESSION_RESTING, SESSION_VIA_NONE, 5, 0);
	assert_int_equal(log_in(f, 200, 20).index, logins[2].index);
	assert_int_equal(session_counters(f->worker)[SESSION_RECLAIMED], 5);
}

/* What a turn is deciding on is not given away under its hands. */
static void test_reclaim_steps_over_touched(void **state)
{
	struct fixture *f = *state;
	struct login logins[40];

	assert_int_equal(open_with(f, 40, 1), 0);
	for (uint32_t i = 0; i < 40; i++) {
		logins[i] = log_in(f, i, 1);
		become(f, logins[i].index, SESSION_RESTING, SESSION_VIA_NONE, i, 0);
	}
	struct session_turn *turn = session_touch(f->worker, logins[0].index);
	turn->state = SESSION_LIVE; /* it comes back with its old token */
	turn->via = SESSION_VIA_UDP;
	assert_int_equal(log_in(f, 100, 50).index, logins[1].index);
	for (uint32_t i = 2; i < 40; i++)
		session_touch(f->worker, logins[i].index);
	assert_int_equal(log_in(f, 101, 50).index, SESSION_NONE);
	session_commit(f->worker);
	check_lists(f->worker);
	assert_int_equal(find(f, logins[0].token), logins[0].index);
	assert_int_equal(log_in(f, 101, 50).index, logins[2].index); /* their order stood */
}

struct visits {
	struct fixture *f;
	uint32_t seen_from, seen[64];
	uint32_t count;
	uint32_t left; /* what each visit returns */
};

static uint32_t visit_count(void *context, uint32_t index)
{
	struct visits *visits = context;

	visits->seen[index - visits->seen_from]++;
	visits->count++;
	assert_non_null(session_touch(visits->f->worker, index));
	return visits->left;
}

/* Return: blocks. */
static uint32_t sweep(struct visits *visits, uint32_t tick, uint32_t blocks)
{
	const struct session_visitor visitor = {.context = visits, .visit = visit_count};

	return session_sweep(visits->f->worker, tick, blocks, &visitor);
}

static void test_owed(void **state)
{
	struct fixture *f = *state;
	struct visits visits = {.f = f};
	struct session_turn copy;

	assert_int_equal(open_with(f, 1, 1), 0);
	const struct login login = log_in(f, 1, 1);
	become(f, 0, SESSION_LIVE, SESSION_VIA_UDP, 1, SESSION_OWED_ONLINE);
	become(f, 0, SESSION_FREE, SESSION_VIA_NONE, 1, SESSION_OWED_OFFLINE | 6 << 8);
	/* void, but not gone: its event names the device */
	assert_int_equal(find(f, login.token), SESSION_NONE);
	assert_int_equal(log_in(f, 2, 1).index, SESSION_NONE);
	close_table(f);
	assert_int_equal(open_with(f, 1, 1), 0);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 1);
	check_lists(f->worker);
	assert_int_equal(find(f, login.token), SESSION_NONE);
	assert_int_equal(sweep(&visits, 1, 10), 1);
	assert_int_equal(visits.count, 1);
	session_commit(f->worker);
	assert_true(session_peek(f->table, 0, &copy));
	assert_int_equal(copy.state, SESSION_FREE);
	assert_int_equal(copy.device, 1);
	assert_int_equal(copy.flags, SESSION_OWED_OFFLINE | 6 << 8);
	become(f, 0, SESSION_FREE, SESSION_VIA_NONE, 1, 0);
	assert_int_equal(log_in(f, 2, 1).index, 0);
}

static void test_sweep(void **state)
{
	struct fixture *f = *state;
	struct visits visits = {.f = f};

	assert_int_equal(open_with(f, 400, 2), 0);
	f->worker = session_worker(f->table, 1);
	assert_int_equal(session_blocks(f->table), 7);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(log_in(f, i, 1).index, 200 + i);
	visits.seen_from = 200;
	for (unsigned round = 0; round < 7 * 6; round++)
		assert_int_equal(sweep(&visits, 1, 1), 1);
	assert_int_equal(visits.count, 60);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(visits.seen[i], 6);
	assert_int_equal(sweep(&visits, 1, 1000), 7);
	assert_int_equal(visits.count, 70);
	assert_int_equal(sweep(&visits, 1, 0), 0);
	session_commit(f->worker);
}

/* Nothing is visited before it asked to be, but what changes. */
static void test_sweep_steps_over(void **state)
{
	struct fixture *f = *state;
	struct visits visits = {.f = f, .left = 30};
	struct session_turn *turn;

	assert_int_equal(open_with(f, 128, 1), 0);
	for (uint32_t i = 0; i < 4; i++)
		log_in(f, i, 1);
	sweep(&visits, UINT32_MAX - 9, 2); /* the clock comes round meanwhile */
	assert_int_equal(visits.count, 4);
	for (uint32_t passed = 1; passed < 30; passed++)
		sweep(&visits, UINT32_MAX - 9 + passed, 2);
	assert_int_equal(visits.count, 4);
	visits.left = 100;
	sweep(&visits, 20, 2);
	assert_int_equal(visits.count, 8);
	session_commit(f->worker);
	/* that a device was heard changes nothing, nor does the tick of a report */
	turn = session_touch(f->worker, 2);
	turn->heard++;
	turn->report_tick++;
	turn->progress.count++;
	session_commit(f->worker);
	sweep(&visits, 21, 2);
	assert_int_equal(visits.count, 8);
	/* its flags do, some time after it was heard, at once if it owes an event */
	become(f, 2, SESSION_LIVE, SESSION_VIA_UDP, 21, SESSION_REPORTED);
	for (uint32_t tick = 22; tick < 51; tick++)
		sweep(&visits, tick, 2);
	assert_int_equal(visits.count, 8);
	sweep(&visits, 51, 2);
	assert_int_equal(visits.count, 12);
	session_commit(f->worker);
	become(f, 2, SESSION_LIVE, SESSION_VIA_UDP, 51, SESSION_OWED_ONLINE);
	sweep(&visits, 51, 2);
	assert_int_equal(visits.count, 16);
	session_commit(f->worker);
	/* its end, a login, and whoever asks for a look */
	become(f, 3, SESSION_RESTING, SESSION_VIA_NONE, 1, 0);
	sweep(&visits, 51, 2);
	assert_int_equal(visits.count, 20);
	session_commit(f->worker);
	log_in(f, 5, 80);
	sweep(&visits, 109, 2);
	assert_int_equal(visits.count, 20);
	sweep(&visits, 110, 2);
	assert_int_equal(visits.count, 25);
	session_look(f->table, 64); /* the other block */
	sweep(&visits, 111, 2);
	assert_int_equal(visits.count, 25);
	session_look(f->table, 63);
	session_look(f->table, 128); /* no entry */
	sweep(&visits, 111, 2);
	assert_int_equal(visits.count, 30);
	session_commit(f->worker);
}

/* What somebody asks for while the block is looked at is not lost. */
static uint32_t visit_look(void *context, uint32_t index)
{
	struct visits *visits = context;

	if (visits->count++ == 0)
		session_look(visits->f->table, 0);
	return 100;
}

static void test_sweep_is_asked_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct visits visits = {.f = f};
	const struct session_visitor visitor = {.context = &visits, .visit = visit_look};

	assert_int_equal(open_with(f, 64, 1), 0);
	log_in(f, 1, 1);
	log_in(f, 2, 1);
	for (unsigned i = 0; i < 4; i++)
		session_sweep(f->worker, 10, 1, &visitor);
	assert_int_equal(visits.count, 4);
}

/* Whatever happens to them, and however seldom their blocks are looked at: none is late. */
#define MODEL_ENTRIES 300
#define MODEL_SILENCE (SESSION_QUIET + 10)

struct model {
	struct fixture *f;
	uint32_t tick, visits, ended;
};

static uint32_t visit_model(void *context, uint32_t index)
{
	struct model *model = context;
	struct session_turn now;
	uint32_t silent;

	model->visits++;
	assert_true(session_peek(model->f->table, index, &now));
	silent = model->tick - now.heard;
	if (silent <= MODEL_SILENCE)
		return MODEL_SILENCE + 1 - silent;
	session_touch(model->f->worker, index)->state = SESSION_FREE;
	model->ended++;
	return 0;
}

static void test_sweep_is_never_late(void **state)
{
	struct fixture *f = *state;
	struct model model = {.f = f, .tick = UINT32_MAX - 500};
	const struct session_visitor visitor = {.context = &model, .visit = visit_model};
	uint32_t logins = 0, live = 0;
	uint64_t seed = 5;

	assert_int_equal(open_with(f, MODEL_ENTRIES, 1), 0);
	for (unsigned second = 0; second < 2000; second++, model.tick++) {
		for (unsigned i = 0; i < 8; i++) {
			const uint64_t random = next_random(&seed);
			struct session_turn *turn =
				session_touch(f->worker, (uint32_t)(random % MODEL_ENTRIES));

			if (turn->state != SESSION_FREE) {
				turn->heard = model.tick;
				if (random >> 60 == 0)
					turn->state = SESSION_LIVE;
			}
		}
		session_commit(f->worker);
		for (unsigned i = 0; i < 3; i++)
			logins += log_in(f, i, model.tick).index != SESSION_NONE;
		session_sweep(f->worker, model.tick, session_blocks(f->table), &visitor);
		session_commit(f->worker);
		live = 0;
		for (uint32_t i = 0; i < MODEL_ENTRIES; i++) {
			struct session_turn turn;

			if (!session_peek(f->table, i, &turn))
				continue;
			live++;
			assert_in_range(model.tick - turn.heard, 0, MODEL_SILENCE);
		}
	}
	check_lists(f->worker);
	assert_int_equal(model.ended + live, logins);
	assert_true(model.ended > 500 && live > 20);
}

static void test_restore(void **state)
{
	struct fixture *f = *state;
	struct session_turn turn, copy;

	assert_int_equal(open_with(f, 4, 1), 0);
	const uint32_t index = log_in(f, 7, 1).index;
	/* the record of a connect that was published, but not committed */
	session_peek(f->table, index, &turn);
	turn.state = SESSION_LIVE;
	turn.via = SESSION_VIA_UDP;
	turn.generation++;
	turn.number = 12;
	turn.base = 100;
	turn.progress = (struct session_progress){.window = 1};
	for (unsigned i = 0; i < 2; i++) {
		session_restore(f->worker, &turn);
		session_peek(f->table, index, &copy);
		assert_turn_equal(&copy, &turn);
		check_lists(f->worker);
	}
	/* a request, then the connect once more: nothing moves back */
	struct session_turn request = turn;
	request.progress = (struct session_progress){.count = 3, .window = 1};
	request.code = 2006;
	session_restore(f->worker, &request);
	session_restore(f->worker, &turn);
	session_peek(f->table, index, &copy);
	assert_int_equal(copy.progress.count, 3);
	assert_int_equal(copy.progress.window, 1 | 1 << 3);
	assert_int_equal(copy.code, 2006);
	/* a repeat of request 2 that was taken after all */
	request.progress = (struct session_progress){.count = 2, .window = 1};
	session_restore(f->worker, &request);
	session_peek(f->table, index, &copy);
	assert_int_equal(copy.progress.count, 3);
	assert_int_equal(copy.progress.window, 1 | 1 << 1 | 1 << 3);
	/* the 33rd bit: the connect is 32 behind */
	request.progress = (struct session_progress){.count = 32, .window = 1};
	session_restore(f->worker, &request);
	session_peek(f->table, index, &copy);
	assert_true(session_accepted(&copy.progress, 32));
	assert_int_equal(copy.progress.window, 1 | 1u << 30 | 1u << 29);

	/* of another device, of an older session, out of range */
	const struct session_turn before = copy;
	struct session_turn other = request;
	other.device = 8;
	other.generation++;
	session_restore(f->worker, &other);
	other = request;
	other.generation--;
	other.state = SESSION_FREE;
	session_restore(f->worker, &other);
	other.index = 4;
	session_restore(f->worker, &other);
	session_peek(f->table, index, &copy);
	assert_turn_equal(&copy, &before);

	/* its end; then everything again, as after a second kill */
	other = request;
	other.generation++;
	other.state = SESSION_FREE;
	other.via = SESSION_VIA_NONE;
	session_restore(f->worker, &other);
	assert_false(session_peek(f->table, index, &copy));
	session_restore(f->worker, &turn);
	session_restore(f->worker, &request);
	session_restore(f->worker, &other);
	assert_false(session_peek(f->table, index, &copy));
	check_lists(f->worker);
	/* the entry's next session is not touched by them either */
	assert_int_equal(log_in(f, 7, 1).index, index);
	session_restore(f->worker, &other);
	session_restore(f->worker, &turn);
	session_peek(f->table, index, &copy);
	assert_int_equal(copy.state, SESSION_LOGIN);
}

struct reader {
	struct fixture *f;
	bool stop, torn;
	uint64_t changes; /* looks that saw another commit than the last one */
};

/* What one commit stored is seen together. */
static void *read_along(void *context)
{
	struct reader *reader = context;
	uint64_t last = 0;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		struct session_turn copy;

		if (!slab_peek(reader->f->worker, 1, &copy) || copy.state != SESSION_LIVE)
			continue;
		if (copy.number == last)
			continue;
		last = copy.number;
		__atomic_fetch_add(&reader->changes, 1, __ATOMIC_RELAXED);
		if (copy.number != copy.heard || copy.connect_time != copy.heard ||
			copy.progress.count != copy.heard ||
			copy.report_tick != (uint16_t)copy.heard)
			reader->torn = true;
	}
	return NULL;
}

static void test_peek_whole(void **state)
{
	struct fixture *f = *state;
	struct reader reader = {.f = f};
	pthread_t thread;

	assert_int_equal(open_with(f, 8, 1), 0);
	log_in(f, 1, 1);
	assert_int_equal(log_in(f, 2, 1).index, 1); /* it lies across two cache lines */
	assert_int_equal(pthread_create(&thread, NULL, read_along, &reader), 0);
	/* on a busy machine they hardly run at once: then it ends by the number of commits */
	for (uint32_t i = 2, seen = 0; seen == 0 || (seen < 30000 && i < 3000000); i++) {
		struct session_turn *turn = session_touch(f->worker, 1);

		turn->state = SESSION_LIVE;
		turn->via = SESSION_VIA_TCP;
		turn->heard = turn->connect_time = i;
		turn->number = i;
		turn->report_tick = (uint16_t)i;
		turn->progress.count = i;
		session_commit(f->worker);
		seen = (uint32_t)__atomic_load_n(&reader.changes, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(reader.torn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_touch),
		row(test_touch_then_login),
		row(test_life),
		row(test_stale_handles),
		row(test_reclaim_order),
		row(test_reclaim_steps_over_touched),
		row(test_owed),
		row(test_sweep),
		row(test_sweep_steps_over),
		row(test_sweep_is_asked_meanwhile),
		row(test_sweep_is_never_late),
		row(test_restore),
		row(test_peek_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
