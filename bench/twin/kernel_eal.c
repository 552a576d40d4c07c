/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_eal.c - eal.h without DPDK: a pinned thread, and the main thread off its CPU */
#include "eal.h"

#include "eal_host.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

/* The tables' memory is the same as hearthd's; of DPDK's own there is none. */
#define MEGABYTES 2
/* As long as DPDK takes to find the rate of the time-stamp counter, and as it rounds it. */
#define CALIBRATE_NS 100000000
#define ROUND_HZ 10000000ull

static struct {
	struct eal_pages pages;
	unsigned cpus[EAL_WORKERS_MAX];
	unsigned count;
	uint64_t tsc_hz;
	bool launched;
	pthread_t thread;
	int (*function)(void *argument);
	void *argument;
	int result;
} eal;

static uint64_t measure(void)
{
	const struct timespec wait = {.tv_nsec = CALIBRATE_NS};
	struct timespec from, to;
	uint64_t tsc, ns;

	clock_gettime(CLOCK_MONOTONIC_RAW, &from);
	tsc = __rdtsc();
	nanosleep(&wait, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &to);
	tsc = __rdtsc() - tsc;
	ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (uint64_t)to.tv_nsec -
	     (uint64_t)from.tv_nsec;
	return (tsc * 1000000000 / ns + ROUND_HZ / 2) / ROUND_HZ * ROUND_HZ;
}

/* Off the worker's CPU, where there is another. */
static int float_main(void)
{
	cpu_set_t allowed;

	if (pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed))
		return -EINVAL;
	if (!CPU_ISSET(eal.cpus[0], &allowed))
		return -EINVAL;
	CPU_CLR(eal.cpus[0], &allowed);
	if (CPU_COUNT(&allowed))
		pthread_setaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	return 0;
}

int eal_start(const struct eal_config *config, char *error, size_t size)
{
	int rc;

	if (config->worker_count != 1) {
		snprintf(error, size, "the twin has one worker, not %u: workers: [%u]",
			config->worker_count, config->workers[0]);
		return -EINVAL;
	}
	memcpy(eal.cpus, config->workers, sizeof(eal.cpus[0]));
	eal.count = 1;
	rc = eal_pages_decide(&eal.pages, config->memory, MEGABYTES, error, size);
	if (rc)
		return rc;
	rc = float_main();
	if (rc)
		snprintf(error, size, "workers: CPU %u is none of ours", eal.cpus[0]);
	eal.tsc_hz = measure();
	return rc;
}

const char *eal_line(void)
{
	return "none: kernel sockets";
}

const char *eal_memory_line(void)
{
	return eal.pages.why;
}

bool eal_uses_huge_pages(void)
{
	return eal.pages.huge;
}

uint64_t eal_tsc_hz(void)
{
	return eal.tsc_hz;
}

static void *thread_main(void *unused)
{
	eal.result = eal.function(eal.argument);
	return NULL;
}

int eal_launch(unsigned worker, int (*function)(void *argument), void *argument)
{
	pthread_attr_t attributes;
	cpu_set_t cpu;
	int rc;

	eal.function = function;
	eal.argument = argument;
	CPU_ZERO(&cpu);
	CPU_SET(eal.cpus[worker], &cpu);
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(cpu), &cpu);
	rc = pthread_create(&eal.thread, &attributes, thread_main, NULL);
	pthread_attr_destroy(&attributes);
	eal.launched = rc == 0;
	if (eal.launched)
		pthread_setname_np(eal.thread, "twin-worker");
	return -rc;
}

int eal_wait(void)
{
	if (eal.launched)
		pthread_join(eal.thread, NULL);
	eal.launched = false;
	return eal.result;
}

void eal_stop(void)
{
	eal_pages_give_back(&eal.pages);
}
