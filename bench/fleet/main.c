/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - hearth-fleet: the event loop */
#include "journal.h"
#include "side.h"
#include "transport.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK (SECOND / 20) /* how often the end of the run is looked for */
#define TIMERS_PER_TURN 64
#define POLLS_PER_TURN 64
#define DRAIN (12 * SECOND) /* at most, for what is outstanding: one repeat fits in */

static volatile sig_atomic_t stops;

static void on_stop(int signal_number)
{
	if (stops++)
		_exit(128 + signal_number);
}

uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec / 1000;
}

uint64_t fleet_random(struct fleet *fleet, uint64_t below)
{
	uint64_t x = fleet->random;

	/* xorshift64*: choices of a load, not secrets */
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	fleet->random = x;
	return below ? (x * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below : 0;
}

static FILE *open_list(const char *path, int *error)
{
	FILE *file;

	if (!path)
		return NULL;
	file = fopen(path, "we");
	if (!file) {
		*error = -errno;
		fprintf(stderr, "hearth-fleet: %s: %s\n", path, strerror(errno));
	}
	return file;
}

static int prepare(struct fleet *fleet)
{
	int error;

	error = device_file_load(fleet);
	fleet->acknowledged = open_list(fleet->options.acknowledged, &error);
	fleet->sent = open_list(fleet->options.sent, &error);
	if (!error)
		error = journal_open(fleet);
	if (error)
		return error;
	fleet->random = fleet->options.seed;
	if (!fleet->random)
		error = codec_random(&fleet->random, sizeof(fleet->random));
	fleet->random |= 1;
	fleet->login = peer_find(fleet, fleet->options.login);
	fleet->transport = fleet->options.device ? &transport_dpdk : &transport_sockets;
	fleet->now = clock_now();
	if (!error)
		error = timer_init(fleet);
	return error ? error : fleet->transport->start(fleet);
}

/* Each device its place: transport, start within the ramp. */
static void line_up(struct fleet *fleet)
{
	const struct options *options = &fleet->options;
	unsigned i, n = 0;

	fleet->began = fleet->now = clock_now();
	for (i = 0; i < fleet->count; i++) {
		struct device *device = &fleet->devices[i];

		if (device->is_subdevice)
			continue;
		if (options->tcp_share > 0) {
			unsigned share = (unsigned)options->tcp_share;

			device->tcp_always = (n + 1) * share / 100 != n * share / 100;
		}
		device->tcp = device->tcp_always;
		device_start(fleet, device,
			fleet->began + (uint64_t)(n++ / options->ramp * (double)SECOND));
	}
	fleet->active = n;
	fleet->interval = (uint64_t)(options->interval * (double)SECOND);
	if (options->rate > 0)
		fleet->interval = (uint64_t)((double)n / options->rate * (double)SECOND) + 1;
}

static bool all_wait(const struct fleet *fleet)
{
	unsigned i;

	for (i = 0; i < fleet->count; i++) {
		if (!device_waits(fleet, &fleet->devices[i]))
			return false;
	}
	return true;
}

/*
 * One turn: what came, then what is due. Answers go before new questions, so that a loop that
 * falls behind does not drown in its own retransmissions; but not for ever.
 */
static void turn(struct fleet *fleet, uint64_t until)
{
	struct device *device;
	unsigned timers = 0, polls = 0;

	while (fleet->transport->poll(fleet, until) && polls < POLLS_PER_TURN)
		polls++;
	while (timers++ < TIMERS_PER_TURN && (device = timer_expired(fleet))) {
		fleet->worked = true;
		device_timer(fleet, device);
	}
	device_next_logins(fleet);
	/* Whoever reads the lists may rely on every line up to the last turn. */
	if (fleet->acknowledged)
		fflush(fleet->acknowledged);
	if (fleet->sent)
		fflush(fleet->sent);
}

static uint64_t seconds(double value)
{
	return (uint64_t)(value * (double)SECOND);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int run(void *argument)
{
	struct fleet *fleet = argument;
	uint64_t second, tick, end = NEVER, deadline = NEVER;

	costs_take(fleet, &fleet->costs.began);
	line_up(fleet);
	second = fleet->began + SECOND;
	tick = fleet->began;
	if (fleet->options.seconds > 0)
		end = fleet->began + seconds(fleet->options.seconds);
	for (;;) {
		turn(fleet, tick);
		if (fleet->now < tick)
			continue;
		tick = fleet->now + TICK;
		if (fleet->now >= second) {
			summary_second(fleet);
			if (costs_watch(fleet) && fleet->options.steady > 0)
				end = min(end, fleet->now + seconds(fleet->options.steady));
			second += SECOND;
		}
		if (fleet->draining && (all_wait(fleet) || fleet->now >= deadline))
			return 0;
		if (!fleet->draining && (stops || fleet->now >= end || all_wait(fleet))) {
			costs_take(fleet, &fleet->costs.ended);
			fleet->draining = true;
			deadline = fleet->now + DRAIN;
		}
	}
}

/* What was asked and not answered by the end counts as such. */
static void finish(struct fleet *fleet)
{
	unsigned i;

	for (i = 0; i < fleet->count; i++) {
		request_forget(fleet, &fleet->devices[i]);
		transport_close(fleet, &fleet->devices[i]);
	}
}

static void give_back(struct fleet *fleet)
{
	unsigned i;

	for (i = 0; i < fleet->count; i++) {
		free(fleet->devices[i].subdevices);
		command_forget(&fleet->devices[i]);
		free(fleet->devices[i].side);
	}
	if (fleet->journal > 0)
		close(fleet->journal);
	if (fleet->acknowledged)
		fclose(fleet->acknowledged);
	if (fleet->sent)
		fclose(fleet->sent);
	costs_free(&fleet->costs);
	free(fleet->wheel);
	free(fleet->devices);
	free(fleet->text);
}

int main(int argc, char **argv)
{
	static struct fleet fleet;
	struct sigaction stop = {.sa_handler = on_stop};
	int status = 2, parsed;

	parsed = options_parse(&fleet.options, argc, argv);
	if (parsed)
		return parsed > 0 ? 0 : 2;
	if (fleet.options.instrument.scenario)
		return instrument_run(&fleet.options.instrument);
	if (fleet.options.generate) {
		if (device_file_generate(&fleet.options))
			return 1;
		if (!fleet.options.login)
			return 0;
	}
	if (prepare(&fleet) == 0) {
		sigaction(SIGTERM, &stop, NULL);
		sigaction(SIGINT, &stop, NULL);
		if (fleet.transport->run(&fleet, run) == 0) {
			finish(&fleet);
			status = summary_final(&fleet);
		}
	}
	if (fleet.transport)
		fleet.transport->stop(&fleet);
	give_back(&fleet);
	return status;
}
