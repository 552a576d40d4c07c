/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* traffic_new.c - the broker that traffic goes through: sizes, devices, one worker */
#include "traffic_state.h"

#include "codec/json_inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <urcu/urcu-qsbr.h>
#include <x86intrin.h>

#define SPARE 4096        /* logins and connections beside those that stay */
#define RIDING_LEAST 4096 /* so many answers always have room */
#define PARENT "/dev/shm"

/* ---- the same every time ---- */

static struct plain_random drawn;

/*
 * In the place of the C library's: tables draw their keys by it. With a seed they are the same in
 * every run, and so are the instructions that are counted in it.
 */
ssize_t getrandom(void *out, size_t length, unsigned flags)
{
	if (!drawn.state)
		return syscall(SYS_getrandom, out, length, flags);
	plain_fill(&drawn.random, out, length);
	return (ssize_t)length;
}

static void seed_all(uint64_t seed)
{
	drawn.state = seed;
	json_key_secret[0] = seed * 0x9e3779b97f4a7c15 | 1;
	json_key_secret[1] = seed;
}

/* ---- the broker ---- */

/* As config_load() fills it in where the file says nothing. */
static void configure(struct config *config, const struct traffic_options *options)
{
	static char advertise[] = "198.18.0.1:7701";

	config->worker_count = 1;
	config->limits.devices = options->sessions;
	config->limits.sessions = options->sessions;
	config->limits.pending_logins = SPARE;
	config->limits.connections = options->udp ? SPARE : options->sessions + SPARE;
	config->limits.commands = 16384;
	config->limits.subdevices = 1024;
	config->port_count = 1;
	config->ports[0].address_count = 1;
	config->ports[0].addresses[0] =
		(struct config_address){ip_from_v4(htonl(WIRE_OUR_ADDRESS)), 24};
	/* All devices are behind it, as where they come from the Internet. */
	config->ports[0].gateway_count = 1;
	config->ports[0].gateways[0] =
		(struct config_gateway){.address = ip_from_v4(htonl(WIRE_OUR_ADDRESS + 1)),
			.fixed = true,
			.mac = {0x02, 0, 0, 0, 0, 0x99}};
	config->mc.login_tcp = LOGIN_PORT;
	config->mc.connect_tcp = config->mc.connect_udp = CONNECT_PORT;
	config->mc.advertise_tcp = config->mc.advertise_udp = advertise;
	config->mc.heartbeat = 45;
	config->mc.auth_interval = 600;
	config->mc.time_window = 300;
	config->mc.token_seconds = 86400;
	config->mc.frame_tcp = 65536;
	config->mc.frame_udp = 1472;
	config->mc.flap_connects = 40;
	config->mc.flap_seconds = 300;
	config->mc.flap_hold = 60;
	config->mc.budget_failures = 20;
	config->mc.budget_seconds = 60;
	config->mc.command_sends = 3;
	config->mc.command_queue = 16;
	config->feed.bytes = options->ring_bytes;
}

/* Into the table alone: the store on the disk takes no part in a turn. */
static int provision(struct traffic *t, char *error, size_t size)
{
	struct device_record record;

	for (uint32_t i = 0; i < t->options.sessions; i++) {
		int rc;

		device_record_of(i, &record);
		rc = registry_add(t->broker.registry, &record);
		if (rc) {
			snprintf(error, size, "device %u: %s", i, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static uint64_t measure_tsc(void)
{
	struct timespec from, to, pause = {.tv_nsec = 20000000};
	uint64_t began, ended;

	clock_gettime(CLOCK_MONOTONIC, &from);
	began = __rdtsc();
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ended = __rdtsc();
	return (uint64_t)((double)(ended - began) * 1e9 /
			  ((double)(to.tv_sec - from.tv_sec) * 1e9 +
				  (double)(to.tv_nsec - from.tv_nsec)));
}

static int start_worker(struct traffic *t, char *error, size_t size)
{
	struct worker_setup setup = plain_setup(&t->broker, 0, &t->wire.link);

	setup.tsc_hz = t->tsc_hz = measure_tsc();
	t->worker = worker_new(&setup, &t->clock, error, size);
	if (!t->worker)
		return -errno;
	return workers_attach(&t->worker, 1, error, size);
}

static int start(struct traffic *t, char *error, size_t size)
{
	int rc = plain_make(&t->broker, PARENT, error, size);

	if (!rc)
		rc = plain_open(&t->broker, error, size);
	if (!rc)
		rc = provision(t, error, size);
	if (!rc)
		rc = start_worker(t, error, size);
	if (rc)
		return rc;
	t->reader = hearth_feed_open(t->broker.ring_path, 0, error, size);
	plain_unlink(&t->broker);
	return t->reader ? 0 : -errno;
}

struct traffic *traffic_new(const struct traffic_options *options, char *error, size_t size)
{
	struct traffic *t = calloc(1, sizeof(*t));

	snprintf(error, size, "out of memory");
	if (!t)
		return NULL;
	urcu_qsbr_register_thread();
	t->options = *options;
	t->clock = (struct turn_clock){.us = START_US,
		.tick = (uint32_t)(START_US / 1000000),
		.unix_ms = START_UNIX * 1000ull};
	t->active = options->riding && options->sessions > RIDING_LEAST ? options->sessions / 8
									: options->sessions;
	order_init(&t->order, options->sessions, options->random);
	t->devices = devices_new(options->sessions, options->report_bytes);
	t->bytes = calloc(DEVICES_GROUP, sizeof(t->bytes[0]));
	t->answers = calloc(DEVICES_GROUP, sizeof(t->answers[0]));
	t->seeded = (struct plain_random){.random = {plain_fill}, .state = options->seed};
	t->system = random_system_new();
	if (options->seed)
		seed_all(options->seed);
	t->broker.random = options->seed ? &t->seeded.random : t->system;
	if (!t->devices || !t->bytes || !t->answers || !t->system ||
		wire_init(&t->wire, options->good))
		goto err;
	configure(&t->broker.config, options);
	t->broker.huge = options->huge;
	t->broker.with_watch = true;
	if (start(t, error, size))
		goto err;
	t->devices->now = START_UNIX;
	return t;
err:
	traffic_free(t);
	return NULL;
}

void traffic_free(struct traffic *t)
{
	if (!t)
		return;
	hearth_feed_close(t->reader);
	worker_free(t->worker);
	plain_close(&t->broker);
	plain_remove(&t->broker);
	wire_fini(&t->wire);
	random_system_free(t->system);
	devices_free(t->devices);
	free(t->bytes);
	free(t->answers);
	free(t);
	urcu_qsbr_unregister_thread();
}

uint64_t traffic_tsc_hz(const struct traffic *t)
{
	return t->tsc_hz;
}

void traffic_complain(const struct traffic *t, FILE *out)
{
	struct counter_view views[COUNTER_VIEWS_MAX];
	const unsigned count = worker_views(t->worker, views);

	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < views[i].count; j++) {
			if (views[i].values[j])
				fprintf(out, "  %-10s %-28s %12llu  %s\n", views[i].layer,
					views[i].info[j].name,
					(unsigned long long)views[i].values[j],
					views[i].info[j].help);
		}
	}
}
