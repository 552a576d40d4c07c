/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* race_threads.c - K18: the races of one device between two workers that run in threads of their
 * own, for ThreadSanitizer to look at; what devices and the control thread do is a third */

/* Packets are freed by the thread that took them: no pool of guarded pages between the threads. */
#define GUARDED_BY_SANITIZER 1
#include "races.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

/**
 * struct runner - a worker's thread
 * @lock: held during a turn; the driver takes it to give and take frames, and the time
 * @wanted: the driver waits for the lock
 * @turns: made so far
 */
struct runner {
	struct random random; /* first: fill() finds the runner by it */
	uint64_t seed;
	pthread_t thread;
	pthread_mutex_t lock;
	struct turn_clock clock;
	unsigned number;
	bool wanted, stop;
	uint64_t turns;
};

static struct runner runners[RACE_WORKERS];

static struct {
	unsigned seconds;
	uint64_t seed;
} options = {.seconds = 15, .seed = 1};

static void fill(struct random *random, void *out, size_t length)
{
	struct runner *runner = (struct runner *)random;

	for (size_t i = 0; i < length; i++) {
		runner->seed = runner->seed * 6364136223846793005ULL + 1442695040888963407ULL;
		((uint8_t *)out)[i] = (uint8_t)(runner->seed >> 56);
	}
}

static void *run(void *argument)
{
	struct runner *runner = argument;
	struct worker *worker = race.rig->team[runner->number];

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&runner->stop, __ATOMIC_RELAXED)) {
		bool busy;

		while (__atomic_load_n(&runner->wanted, __ATOMIC_RELAXED))
			sched_yield();
		pthread_mutex_lock(&runner->lock);
		busy = worker_turn(worker, &runner->clock);
		__atomic_store_n(&runner->turns, runner->turns + 1, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&runner->lock);
		if (!busy)
			sched_yield();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

static void pause_all(void)
{
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		__atomic_store_n(&runners[i].wanted, true, __ATOMIC_RELAXED);
		pthread_mutex_lock(&runners[i].lock);
	}
}

static void resume_all(void)
{
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		__atomic_store_n(&runners[i].wanted, false, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&runners[i].lock);
	}
}

/* What came is given to both workers at once, then they run freely for two turns at least. */
static bool exchange(struct rig *rig)
{
	uint64_t before[RACE_WORKERS];
	bool any = false;

	flows_acknowledge(rig);
	rig_set_clock(rig, rig->clock.us + 50);
	pause_all();
	rig_spread(rig);
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		runners[i].clock = rig->clock;
		before[i] = runners[i].turns;
	}
	resume_all();
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		while (__atomic_load_n(&runners[i].turns, __ATOMIC_RELAXED) < before[i] + 2)
			sched_yield();
	}
	pause_all();
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		struct fake_link *link = rig->queues[i];

		for (unsigned j = 0; j < link->sent_count; j++)
			absorb_frame(rig, link->sent[j].data, link->sent[j].frame.length);
		any |= link->sent_count != 0;
		link->sent_count = 0;
	}
	resume_all();
	return any || rig->link.rx_count;
}

static bool rounds(struct rig *rig)
{
	bool any = false;

	for (unsigned i = 0; i < RIG_ROUNDS && (exchange(rig) || i < 4); i++)
		any = true;
	return any;
}

static void start(void)
{
	race_make();
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		runners[i].random.fill = fill;
		runners[i].seed = options.seed + i;
		runners[i].number = i;
		pthread_mutex_init(&runners[i].lock, NULL);
		race.rig->randoms[i] = &runners[i].random;
	}
	race_start();
	for (unsigned i = 0; i < RACE_WORKERS; i++)
		session_worker_random(
			session_worker(race.rig->broker.table, i), &runners[i].random);
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		race.rig->queues[i]->sent_count = 0;
		race.rig->queues[i]->takes = race.rig->link.takes;
		race.rig->queues[i]->buffers = race.rig->link.buffers;
		runners[i].clock = race.rig->clock;
		assert_int_equal(pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
	}
	race.rig->rounds = rounds;
	race.rig->random.state = options.seed;
}

static void stop(void)
{
	for (unsigned i = 0; i < RACE_WORKERS; i++)
		__atomic_store_n(&runners[i].stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < RACE_WORKERS; i++)
		pthread_join(runners[i].thread, NULL);
	race.rig->rounds = NULL;
	race_free();
}

static void one_race(void)
{
	struct rig *rig = race.rig;

	race_begin(draw(rig, 2), draw(rig, 2), draw(rig, 2));
	for (unsigned n = 20 + draw(rig, 40); n; n--) {
		unsigned together = 1 + draw(rig, 4);

		while (together--) {
			unsigned act = CONNECT_OLD + draw(rig, draw(rig, 3) ? 6 : ACT_COUNT - 1);

			race_act((enum act)act, draw(rig, RACE_WORKERS));
		}
		exchange(rig);
		if (draw(rig, 12) == 0)
			race_relogin(draw(rig, RACE_WORKERS));
	}
	race_settle();
	pause_all();
	race_quiet();
	assert_true(race_live() <= 1);
	resume_all();
	race_end();
}

static void races_in_threads_K18(void **state)
{
	uint64_t races = 0;
	time_t end;

	print_message("seed %llu\n", (unsigned long long)options.seed);
	start();
	for (end = time(NULL) + options.seconds; time(NULL) < end || races < 3; races++)
		one_race();
	stop();
	print_message("%llu races in threads: %llu connects, %llu reports accepted\n",
		(unsigned long long)races, (unsigned long long)race.switches,
		(unsigned long long)race.uplinks);
	assert_true(race.switches > races);
}

/* SECONDS SEED */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(races_in_threads_K18)};

	if (argc > 1)
		options.seconds = (unsigned)atoi(argv[1]);
	if (argc > 2)
		options.seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
