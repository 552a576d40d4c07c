/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session_owner.c - sessions that move between workers: one owner at a time, nothing lost */

#include "session_fixture.h"

#include <pthread.h>
#include <sched.h>

#define WORKERS 3
#define ENTRIES 180
#define RANGE (ENTRIES / WORKERS)
#define BLOCKS ((ENTRIES + SESSION_BLOCK - 1) / SESSION_BLOCK)

struct told {
	unsigned count;
	unsigned to;
	uint32_t index;
};

static void tell(void *context, unsigned to, uint32_t index)
{
	struct told *told = context;

	told->count++;
	told->to = to;
	told->index = index;
}

static struct told turn_ends(struct session_worker *worker)
{
	struct told told = {0};

	session_commit(worker);
	session_hand_over(worker, tell, &told);
	return told;
}

static void count_in(struct session_counts *counts, uint64_t life)
{
	counts->login += life_state(life) == SESSION_LOGIN;
	counts->resting += life_state(life) == SESSION_RESTING;
	counts->live_tcp += life_state(life) == SESSION_LIVE && life_via(life) == SESSION_VIA_TCP;
	counts->live_udp += life_state(life) == SESSION_LIVE && life_via(life) == SESSION_VIA_UDP;
}

/* Every entry has one owner, stands in its counts, and on its lists if they are its range's. */
static void check_owners(const struct session_table *table)
{
	uint8_t listed[ENTRIES] = {0};
	struct session_counts counted[WORKERS] = {0};

	for (unsigned i = 0; i < WORKERS; i++) {
		const struct session_worker *worker = table->workers[i];
		uint32_t previous = SESSION_NONE;

		for (uint32_t at = worker->free_head; at != SESSION_NONE;
			at = (uint32_t)worker->entries[at].place) {
			assert_int_equal(at / RANGE, i);
			assert_int_equal(table->owners[at], i);
			assert_int_equal(life_list(worker->entries[at].life), LIST_FREE);
			assert_int_equal(listed[at]++, 0);
		}
		for (uint32_t at = worker->resting_head; at != SESSION_NONE;
			at = (uint32_t)worker->entries[at].place) {
			assert_int_equal(at / RANGE, i);
			assert_int_equal(table->owners[at], i);
			assert_int_equal(life_list(worker->entries[at].life), LIST_RESTING);
			assert_int_equal(worker->entries[at].place >> 32, previous);
			assert_int_equal(listed[at]++, 0);
			previous = at;
		}
		assert_int_equal(worker->resting_tail, previous);
	}
	for (uint32_t at = 0; at < ENTRIES; at++) {
		const uint64_t life = table->entries[at].life;
		const uint8_t owner = table->owners[at];

		assert_int_equal(listed[at], owner == at / RANGE && life_list(life) != LIST_NONE);
		if (!(owner & OWNER_MOVING))
			count_in(&counted[owner], life);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct session_counts counts = session_counts(table->workers[i]);

		counted[i].entries = RANGE;
		assert_memory_equal(&counts, &counted[i], sizeof(counts));
	}
}

static int setup_three(void **state)
{
	return setup(state) || open_with(*state, ENTRIES, WORKERS);
}

static void live(struct session_worker *worker, uint32_t index, enum session_via via)
{
	struct session_turn *turn = session_touch(worker, index);

	assert_non_null(turn);
	turn->state = SESSION_LIVE;
	turn->via = via;
	turn->generation++;
	turn->progress.count = 7;
	turn->number = 1000 + index;
}

static void ends(struct session_worker *worker, uint32_t index, enum session_state state)
{
	struct session_turn *turn = session_touch(worker, index);

	assert_non_null(turn);
	turn->state = state;
	turn->generation++;
}

static void test_a_session_moves_whole(void **state)
{
	struct fixture *f = *state;
	struct session_worker *a = session_worker(f->table, 0), *b = session_worker(f->table, 2);
	const struct login login = log_in(f, 5, 1);
	struct session_turn before, after;
	char token[SESSION_TOKEN_CHARS];
	session_handle handle;
	struct told told;

	live(a, login.index, SESSION_VIA_UDP);
	turn_ends(a);
	assert_true(session_peek(f->table, login.index, &before));
	handle = session_handle_of(a, &before);
	assert_false(session_give(b, login.index, 1)); /* not its to give */
	assert_false(session_take(b, login.index));
	/* It stays the owner's until the end of its turn, decisions of that turn and all. */
	assert_true(session_give(a, login.index, 2));
	session_touch(a, login.index)->progress.count = 8;
	assert_int_equal(session_owner(f->table, login.index), 0);
	told = turn_ends(a);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.to, 2);
	assert_int_equal(told.index, login.index);
	/* Handed over, not taken in: everybody can see it, nobody decides on it. */
	assert_int_equal(session_owner(f->table, login.index), 2);
	assert_null(session_touch(a, login.index));
	assert_null(session_touch(b, login.index));
	assert_true(session_peek(f->table, login.index, &after));
	assert_int_equal(find(f, login.token), login.index);
	check_owners(f->table);
	assert_true(session_take(b, login.index));
	assert_true(session_take(b, login.index)); /* again: it is ours */
	check_owners(f->table);
	assert_true(session_peek(f->table, login.index, &after));
	before.progress.count = 8;
	assert_turn_equal(&before, &after);
	assert_int_equal(session_handle_of(b, &after), handle);
	assert_int_equal(session_handle_of(a, &after), handle);
	session_token(f->table, login.index, token);
	assert_memory_equal(token, login.token, sizeof(token));
	assert_int_equal(session_counts(a).live_udp, 0);
	assert_int_equal(session_counts(b).live_udp, 1);
}

/* The list that an ended session goes to is its range's, whoever it lived with. */
static void test_what_ended_elsewhere_goes_home(void **state)
{
	struct fixture *f = *state;
	struct session_worker *a = session_worker(f->table, 0), *b = session_worker(f->table, 1);
	const enum session_state ended[] = {SESSION_FREE, SESSION_RESTING};

	for (unsigned i = 0; i < 2; i++) {
		const struct login login = log_in(f, 5, 1);
		struct told told;

		session_give(a, login.index, 1);
		turn_ends(a);
		assert_true(session_take(b, login.index));
		live(b, login.index, SESSION_VIA_TCP);
		assert_int_equal(turn_ends(b).count, 0);
		ends(b, login.index, ended[i]);
		told = turn_ends(b);
		assert_int_equal(told.count, 1);
		assert_int_equal(told.to, 0);
		check_owners(f->table);
		assert_int_equal(find(f, login.token),
			ended[i] == SESSION_FREE ? SESSION_NONE : login.index);
		assert_true(session_take(a, told.index));
		check_owners(f->table);
	}
	assert_int_equal(session_counts(a).resting, 1);
	/* All of the range is to be had again, the resting one last. */
	for (uint32_t i = 0; i < RANGE; i++)
		assert_int_not_equal(log_in(f, 10 + i, 1).index, SESSION_NONE);
	assert_int_equal(log_in(f, 50, 1).index, SESSION_NONE);
	check_owners(f->table);
}

/* A void session that owes its end stays where it is until that is written. */
static void test_one_that_owes_an_event_stays(void **state)
{
	struct fixture *f = *state;
	struct session_worker *a = session_worker(f->table, 0), *b = session_worker(f->table, 1);
	const struct login login = log_in(f, 5, 1);

	session_give(a, login.index, 1);
	turn_ends(a);
	session_take(b, login.index);
	live(b, login.index, SESSION_VIA_TCP);
	turn_ends(b);
	ends(b, login.index, SESSION_FREE);
	session_touch(b, login.index)->flags = SESSION_OWED_OFFLINE;
	assert_int_equal(turn_ends(b).count, 0);
	check_owners(f->table);
	session_touch(b, login.index)->flags = 0;
	assert_int_equal(turn_ends(b).count, 1);
	check_owners(f->table);
}

static uint32_t visit_none(void *context, uint32_t index)
{
	fail();
	return 0;
}

static uint32_t visit_count(void *context, uint32_t index)
{
	++*(unsigned *)context;
	return 0;
}

/* The next @blocks, whenever they are due. */
static void sweep(struct session_worker *worker, uint32_t blocks, unsigned *visits)
{
	const struct session_visitor visitor = {
		.context = visits, .visit = visits ? visit_count : visit_none};

	session_sweep(worker, 1, blocks, &visitor);
}

/* Nobody told the new owner: it finds what it was given by itself. */
static void test_a_sweep_finds_what_was_handed_over(void **state)
{
	struct fixture *f = *state;
	struct session_worker *a = session_worker(f->table, 0), *b = session_worker(f->table, 1);
	unsigned visits = 0;
	uint32_t index;

	for (unsigned i = 0; i < 10; i++) {
		index = log_in(f, i, 1).index;
		if (i < 5)
			live(a, index, SESSION_VIA_TCP);
		session_give(a, index, 1);
	}
	turn_ends(a);
	sweep(a, BLOCKS, NULL);
	assert_int_equal(session_counts(b).live_tcp, 0);
	for (unsigned looked = 0; looked < BLOCKS; looked++)
		sweep(b, 1, &visits);
	assert_int_equal(visits, 10);
	assert_int_equal(session_counts(b).live_tcp, 5);
	assert_int_equal(session_counts(b).login, 5);
	check_owners(f->table);
	/* A resting session that was given away and not used goes home by the sweep. */
	ends(b, index, SESSION_RESTING);
	turn_ends(b);
	sweep(a, BLOCKS, &visits);
	assert_true(session_owned(a, index));
	session_give(a, index, 1);
	turn_ends(a);
	assert_true(session_take(b, index));
	check_owners(f->table);
	sweep(b, BLOCKS, &visits);
	assert_int_equal(turn_ends(b).index, index);
	assert_true(session_take(a, index));
	check_owners(f->table);
}

/* After a restart everything is its range's again, whoever had it. */
static void test_a_restart_sends_everything_home(void **state)
{
	struct fixture *f = *state;
	struct session_worker *a = session_worker(f->table, 0);
	const struct login stays = log_in(f, 1, 1), moved = log_in(f, 2, 1),
			   on_way = log_in(f, 3, 1);
	struct session_turn turn;

	session_give(a, moved.index, 1);
	session_give(a, on_way.index, 2);
	turn_ends(a);
	session_take(session_worker(f->table, 1), moved.index);
	live(session_worker(f->table, 1), moved.index, SESSION_VIA_UDP);
	turn_ends(session_worker(f->table, 1));
	close_table(f);
	assert_int_equal(open_with(f, ENTRIES, WORKERS), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(session_worker_attach(session_worker(f->table, i), 1, NULL, NULL),
			i == 0 ? 3 : 0);
	check_owners(f->table);
	assert_int_equal(find(f, stays.token), stays.index);
	assert_int_equal(find(f, moved.token), moved.index);
	assert_int_equal(find(f, on_way.token), on_way.index);
	assert_true(session_peek(f->table, moved.index, &turn));
	assert_int_equal(turn.progress.count, 7);
	/* A record of it may lie in any worker's ring. */
	turn.progress.count = 9;
	session_restore(session_worker(f->table, 2), &turn);
	assert_true(session_peek(f->table, moved.index, &turn));
	assert_int_equal(turn.progress.count, 9);
	check_owners(f->table);
}

/* ---- anything, in any order ---- */

static void step(struct fixture *f, uint64_t *seed)
{
	struct session_worker *worker = session_worker(f->table, next_random(seed) % WORKERS);
	uint32_t index = (uint32_t)(next_random(seed) % ENTRIES);
	struct session_turn *turn;
	unsigned visits = 0;

	f->worker = worker;
	switch (next_random(seed) % 8) {
	case 0:
		log_in(f, index, 1);
		return;
	case 1:
		session_take(worker, index);
		return;
	case 2:
	case 3:
		session_give(worker, index, (unsigned)(next_random(seed) % WORKERS));
		return;
	case 4:
		sweep(worker, (uint32_t)(next_random(seed) % (BLOCKS + 1)), &visits);
		return;
	case 5:
		turn_ends(worker);
		return;
	default:
		turn = session_touch(worker, index);
		if (!turn || turn->state == SESSION_FREE)
			return;
		turn->state = (enum session_state)(next_random(seed) % 4);
		turn->via = (enum session_via)(1 + next_random(seed) % 2);
		turn->flags = next_random(seed) % 5 ? 0 : SESSION_OWED_ONLINE;
		turn->generation++;
	}
}

static void test_any_order_of_moves_keeps_one_owner(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 7, moved = 0;

	for (unsigned i = 0; i < 200000; i++) {
		step(f, &seed);
		if (i % 16 == 0)
			check_owners(f->table);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		moved += session_counters(session_worker(f->table, i))[SESSION_TAKEN];
	assert_true(moved > 1000);
}

/* ---- threads ---- */

#define MOVES 20000

struct passer {
	struct fixture *f;
	unsigned number;
	uint32_t index;
};

static void told_nothing(void *context, unsigned to, uint32_t index)
{
}

/* Takes the session, moves it on by one, gives it to the next worker. */
static void *pass_on(void *argument)
{
	struct passer *passer = argument;
	struct session_worker *worker = session_worker(passer->f->table, passer->number);
	uint32_t count = 0;

	while (count < MOVES) {
		struct session_turn *turn;

		if (!session_take(worker, passer->index)) {
			struct session_turn peeked;

			/* Members that are stored together are seen together. */
			session_peek(passer->f->table, passer->index, &peeked);
			count = peeked.progress.count;
			sched_yield();
			continue;
		}
		turn = session_touch(worker, passer->index);
		count = ++turn->progress.count;
		turn->number = count;
		session_give(worker, passer->index, (passer->number + 1) % WORKERS);
		session_commit(worker);
		session_hand_over(worker, told_nothing, NULL);
	}
	return NULL;
}

static void test_threads_pass_a_session_round(void **state)
{
	struct fixture *f = *state;
	const struct login login = log_in(f, 5, 1);
	struct passer passers[WORKERS];
	pthread_t threads[WORKERS];
	struct session_turn last;

	live(f->worker, login.index, SESSION_VIA_UDP);
	session_touch(f->worker, login.index)->progress.count = 0;
	turn_ends(f->worker);
	for (unsigned i = 0; i < WORKERS; i++) {
		passers[i] = (struct passer){.f = f, .number = i, .index = login.index};
		assert_int_equal(pthread_create(&threads[i], NULL, pass_on, &passers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_true(session_peek(f->table, login.index, &last));
	assert_true(last.progress.count >= MOVES);
	assert_int_equal(last.number, last.progress.count);
	for (unsigned i = 0; i < WORKERS; i++)
		session_take(session_worker(f->table, i), login.index);
	check_owners(f->table);
}

#define three(test) cmocka_unit_test_setup_teardown(test, setup_three, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		three(test_a_session_moves_whole),
		three(test_what_ended_elsewhere_goes_home),
		three(test_one_that_owes_an_event_stays),
		three(test_a_sweep_finds_what_was_handed_over),
		three(test_a_restart_sends_everything_home),
		three(test_any_order_of_moves_keeps_one_owner),
		three(test_threads_pass_a_session_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
