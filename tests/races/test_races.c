/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_races.c - K18: reconnect, take-over, kick, removal and timeout of one device against each
 * other: every interleaving of workers' turns and events up to a depth, and long ones at random */
#include "races.h"

/* Symbols of a schedule: a turn of a worker, and what came for it just before. */
#define SYMBOLS (RACE_WORKERS * ACT_COUNT)

static struct {
	unsigned depth, acts; /* turns of a schedule, at most so many of them with an event */
	uint64_t switches;    /* at random: accepted connects */
	uint64_t seed;
} options = {.depth = 4, .acts = 2, .switches = 20000, .seed = 1};

static unsigned schedule[64], schedule_length;
static uint64_t schedules, removals;

static void say_schedule(void)
{
	for (unsigned i = 0; i < schedule_length; i++)
		print_error("%s turn of %u%s", act_names[schedule[i] % ACT_COUNT],
			schedule[i] / ACT_COUNT, i + 1 < schedule_length ? ", " : "\n");
}

static int make(void **state)
{
	if (schedule_length)
		return -1;
	race_make();
	race_start();
	return 0;
}

/* A failing check tells the schedule that led to it; its workers are in no state to go on. */
static int finish(void **state)
{
	if (schedule_length) {
		say_schedule();
		return 0;
	}
	race_free();
	return 0;
}

static void step(unsigned symbol)
{
	flows_acknowledge(race.rig);
	race_act((enum act)(symbol % ACT_COUNT), symbol / ACT_COUNT);
	team_turn(race.rig, symbol / ACT_COUNT);
}

/* Nothing that may end a session without another's begin, as a report does that belongs to a
 * connect that did not come last: it is out of sequence. */
static bool only_moves(void)
{
	for (unsigned i = 0; i < schedule_length; i++) {
		unsigned act = schedule[i] % ACT_COUNT;

		if (act > UDP_NEW)
			return false;
	}
	return true;
}

static void run(unsigned worker, bool tcp, unsigned login)
{
	unsigned live;

	race_begin(worker, tcp, login);
	for (unsigned i = 0; i < schedule_length; i++)
		step(schedule[i]);
	race_settle();
	race_quiet();
	live = race_live();
	/* exactly one, and none is lost by moving about */
	assert_true(live <= 1);
	if (only_moves())
		assert_int_equal(live, 1);
	race_end();
	schedules++;
}

/* Each kind of event once at most: what happens twice is left to chance. */
static void each(unsigned depth, unsigned acts, unsigned used)
{
	if (depth == 0) {
		for (unsigned begin = 0; begin < 4; begin++)
			run(0, begin & 1, begin >> 1);
		return;
	}
	for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
		unsigned act = symbol % ACT_COUNT;

		if (act != NOTHING && (!acts || used & 1u << act))
			continue;
		schedule[schedule_length++] = symbol;
		each(depth - 1, acts - (act != NOTHING), used | 1u << act);
		schedule_length--;
	}
}

/* The first worker is where the session is: the other way round is the same. */
static void every_interleaving_up_to_a_depth_K18(void **state)
{
	each(options.depth, options.acts, 0);
	print_message("%llu schedules of %u turns with at most %u events: %llu connects, %llu "
		      "reports accepted\n",
		(unsigned long long)schedules, options.depth, options.acts,
		(unsigned long long)race.switches, (unsigned long long)race.uplinks);
	assert_true(race.switches > schedules);
}

/* Has the device no session any more, and no token that is good for one? One that has ended and
 * that its record does not name is void: the sweep frees it. */
static bool is_gone(const struct device *device)
{
	struct session_turn turn;

	for (uint32_t i = 0; i < session_entries(race.rig->broker.table, NULL); i++) {
		if (session_peek(race.rig->broker.table, i, &turn) &&
			turn.device == device->number && turn.serial == device->serial &&
			(turn.state == SESSION_LIVE || i == mc_index_load(&device->live) ||
				i == mc_index_load(&device->login)))
			return false;
	}
	return true;
}

static void end_all(struct device *device)
{
	for (unsigned n = 0; n < 100 && !is_gone(device); n++) {
		act_control(CONTROL_REMOVED, &device->live);
		act_control(CONTROL_REMOVED, &device->login);
		flows_acknowledge(race.rig);
		team_turn(race.rig, draw(race.rig, RACE_WORKERS));
	}
	assert_true(is_gone(device));
}

/* The steps of device_remove.c, with turns in between; and the same device is provisioned anew. */
static void remove_and_add(void)
{
	static uint32_t serial = 1000000;
	struct device_record record = {.id = DEVICE_A, .serial = serial++};
	struct registry *registry = race.rig->broker.registry;
	struct device *device = race_device();

	record.number = device->number;
	memcpy(record.pin, PIN_A, sizeof(record.pin));
	end_all(device);
	assert_int_equal(registry_remove(registry, DEVICE_A), 0);
	registry_wait(registry);
	end_all(device);
	registry_reclaim(registry);
	assert_int_equal(registry_add(registry, &record), 0);
	race_relogin(draw(race.rig, RACE_WORKERS));
	removals++;
}

static void long_ones_at_random_K18(void **state)
{
	schedules = 0;
	race.rig->random.state = options.seed;
	print_message("seed %llu\n", (unsigned long long)options.seed);
	while (race.switches < options.switches) {
		race_begin(draw(race.rig, 2), draw(race.rig, 2), draw(race.rig, 2));
		schedule_length = 0;
		for (unsigned n = 20 + draw(race.rig, 40); n; n--) {
			/* half of the turns find nothing new, silence is rare */
			unsigned act = draw(race.rig, 2) ? NOTHING : draw(race.rig, ACT_COUNT);

			if (act >= KICK && draw(race.rig, 4))
				act = CONNECT_NEW + draw(race.rig, 5);
			schedule[schedule_length++] =
				draw(race.rig, RACE_WORKERS) * ACT_COUNT + act;
			step(schedule[schedule_length - 1]);
			if (draw(race.rig, 12) == 0)
				race_relogin(draw(race.rig, 2));
			else if (draw(race.rig, 50) == 0)
				remove_and_add();
			if (draw(race.rig, 3) == 0)
				rig_set_clock(race.rig, race.rig->clock.us + draw(race.rig, 50000));
		}
		race_settle();
		race_quiet();
		assert_true(race_live() <= 1);
		race_end();
		schedules++;
	}
	print_message("%llu schedules: %llu connects, %llu reports accepted, %llu removals, %llu "
		      "commands\n",
		(unsigned long long)schedules, (unsigned long long)race.switches,
		(unsigned long long)race.uplinks, (unsigned long long)removals,
		(unsigned long long)race.commands);
	assert_true(race.uplinks > race.switches / 20);
	schedule_length = 0;
}

/* DEPTH EVENTS SWITCHES SEED, for long runs. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_interleaving_up_to_a_depth_K18, make, finish),
		cmocka_unit_test_setup_teardown(long_ones_at_random_K18, make, finish),
	};

	if (argc > 1)
		options.depth = (unsigned)atoi(argv[1]);
	if (argc > 2)
		options.acts = (unsigned)atoi(argv[2]);
	if (argc > 3)
		options.switches = strtoull(argv[3], NULL, 10);
	if (argc > 4)
		options.seed = strtoull(argv[4], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
