/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - hearth-fleet: the event loop */
#include "fleet.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define TICK (SECOND / 20)  /* how often the end of the run is looked for */
#define DRAIN (12 * SECOND) /* at most, for what is outstanding: one repeat fits in */

static volatile sig_atomic_t stops;

static void on_stop(int signal_number)
{
	if (stops++)
		_exit(128 + signal_number);
}

static uint64_t clock_now(void)
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
	struct rlimit files;
	int error;

	error = device_file_load(fleet);
	fleet->acknowledged = open_list(fleet->options.acknowledged, &error);
	fleet->sent = open_list(fleet->options.sent, &error);
	if (error)
		return error;
	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < fleet->count + 64) {
		files.rlim_cur = fleet->count + 64;
		if (files.rlim_max < files.rlim_cur)
			files.rlim_max = files.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &files)) {
			fprintf(stderr,
				"hearth-fleet: %u sockets need more open files (ulimit -n)\n",
				fleet->count);
			return -errno;
		}
	}
	fleet->random = fleet->options.seed;
	if (!fleet->random)
		error = codec_random(&fleet->random, sizeof(fleet->random));
	fleet->random |= 1;
	fleet->epoll = epoll_create1(EPOLL_CLOEXEC);
	fleet->heap = calloc(fleet->count, sizeof(*fleet->heap));
	if (fleet->epoll < 0 || !fleet->heap)
		return -ENOMEM;
	return error;
}

/* Each device its place: transport, start within the ramp. */
static void line_up(struct fleet *fleet)
{
	const struct options *options = &fleet->options;
	unsigned i, n = 0;

	fleet->began = fleet->now = clock_now();
	for (i = 0; i < fleet->count; i++) {
		struct device *device = &fleet->devices[i];

		device->fd = -1;
		device->heap = SIZE_MAX;
		if (device->is_subdevice)
			continue;
		if (options->tcp_share > 0) {
			unsigned share = (unsigned)options->tcp_share;

			device->tcp_always = (n + 1) * share / 100 != n * share / 100;
		}
		device->tcp = device->tcp_always;
		device_start(fleet, device,
			fleet->began + (uint64_t)(n / options->ramp * (double)SECOND));
		n++;
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

static void take_events(struct fleet *fleet, uint64_t until)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t next = timer_next(fleet);
	struct device *device;
	int wait = 0, n, i;

	next = next < until ? next : until;
	if (next > fleet->now)
		wait = (int)((next - fleet->now + 999) / 1000);
	n = epoll_wait(fleet->epoll, events, EVENTS_MAX, wait);
	fleet->now = clock_now();
	for (i = 0; i < n; i++) {
		device = &fleet->devices[(uint32_t)events[i].data.u64];
		if (device->socket == events[i].data.u64 >> 32)
			transport_event(fleet, device, events[i].events);
	}
	while ((device = timer_expired(fleet)))
		device_timer(fleet, device);
	/* Whoever reads the lists may rely on every line up to the last turn. */
	if (fleet->acknowledged)
		fflush(fleet->acknowledged);
	if (fleet->sent)
		fflush(fleet->sent);
}

static void run(struct fleet *fleet)
{
	uint64_t second = fleet->began + SECOND, tick = fleet->began, end = NEVER, deadline = NEVER;

	if (fleet->options.seconds > 0)
		end = fleet->began + (uint64_t)(fleet->options.seconds * (double)SECOND);
	for (;;) {
		take_events(fleet, tick);
		if (fleet->now < tick)
			continue;
		tick = fleet->now + TICK;
		if (fleet->now >= second) {
			summary_second(fleet);
			second += SECOND;
		}
		if (fleet->draining && (all_wait(fleet) || fleet->now >= deadline))
			return;
		if (!fleet->draining && (stops || fleet->now >= end || all_wait(fleet))) {
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
		struct device *device = &fleet->devices[i];

		request_forget(fleet, device);
		if (device->fd >= 0)
			close(device->fd);
		free(device->subdevices);
		free(device->in);
		free(device->out);
	}
}

int main(int argc, char **argv)
{
	static struct fleet fleet;
	struct sigaction stop = {.sa_handler = on_stop};
	int status = 2, parsed;

	parsed = options_parse(&fleet.options, argc, argv);
	if (parsed)
		return parsed > 0 ? 0 : 2;
	if (fleet.options.generate) {
		if (device_file_generate(&fleet.options))
			return 1;
		if (!fleet.options.login.sin_port)
			return 0;
	}
	if (prepare(&fleet))
		goto out;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	line_up(&fleet);
	run(&fleet);
	finish(&fleet);
	status = summary_final(&fleet);
out:
	if (fleet.acknowledged)
		fclose(fleet.acknowledged);
	if (fleet.sent)
		fclose(fleet.sent);
	free(fleet.heap);
	free(fleet.devices);
	return status;
}
