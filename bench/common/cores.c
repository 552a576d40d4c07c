/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* cores.c - a line of memory goes to and fro between two CPUs */
#include "cores.h"

#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Another program may have either CPU meanwhile: of many attempts one meets nobody. */
#define PROBE_NS UINT64_C(40000000)
#define ENOUGH 16
#define TRIPS 200
#define PAUSE_NS 250000000

/** struct probe - @ping, @pong: each a line of its own */
struct probe {
	_Alignas(128) atomic_uint ping;
	_Alignas(128) atomic_uint pong;
	_Alignas(128) atomic_bool over;
	unsigned one, other;
	double least;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static bool go_to(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

static void *answer(void *argument)
{
	struct probe *probe = argument;
	unsigned seen = 0;

	if (!go_to(probe->other))
		return NULL;
	while (!atomic_load_explicit(&probe->over, memory_order_relaxed)) {
		unsigned ping = atomic_load_explicit(&probe->ping, memory_order_acquire);

		if (ping == seen)
			continue;
		seen = ping;
		atomic_store_explicit(&probe->pong, seen, memory_order_release);
	}
	return NULL;
}

/* Return: false: the time is over. */
static bool trips(struct probe *probe, unsigned *sent, uint64_t until)
{
	for (unsigned i = 0; i < TRIPS; i++) {
		unsigned tries = 0;

		atomic_store_explicit(&probe->ping, ++*sent, memory_order_release);
		while (atomic_load_explicit(&probe->pong, memory_order_acquire) != *sent)
			if (++tries % 4096 == 0 && now() > until)
				return false;
	}
	return true;
}

static void *ask(void *argument)
{
	struct probe *probe = argument;
	uint64_t from, until = now() + PROBE_NS;
	unsigned sent = 0;
	double took;

	if (!go_to(probe->one))
		return NULL;
	for (unsigned i = 0; i < ENOUGH; i++) {
		from = now();
		if (!trips(probe, &sent, until))
			break;
		took = (double)(now() - from) / TRIPS;
		if (probe->least == 0 || took < probe->least)
			probe->least = took;
	}
	return NULL;
}

double cores_round_trip(unsigned one, unsigned other)
{
	struct probe probe = {.one = one, .other = other};
	pthread_t asks, answers;

	if (one == other || one >= CPU_SETSIZE || other >= CPU_SETSIZE)
		return 0;
	if (pthread_create(&answers, NULL, answer, &probe))
		return 0;
	if (pthread_create(&asks, NULL, ask, &probe) == 0)
		pthread_join(asks, NULL);
	atomic_store(&probe.over, true);
	pthread_join(answers, NULL);
	return probe.least;
}

static bool is_guest(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & 1u << 31;
}

/* Also where nothing is known. */
static bool well_placed(const struct cores *cores)
{
	double ns = cores_round_trip(cores->one, cores->other);

	return ns == 0 || (ns >= CORES_ONE_NS && ns <= CORES_APART_NS);
}

bool cores_wait(struct cores *cores)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	const uint64_t began = now();
	bool moved = false;

	if (cores->one == cores->other || !is_guest())
		return false;
	while (!well_placed(cores)) {
		moved = true;
		if (cores->waited + (double)(now() - began) * 1e-9 >= CORES_PATIENCE_S) {
			cores->waited = CORES_PATIENCE_S;
			return false;
		}
		nanosleep(&pause, NULL);
	}
	cores->waited += (double)(now() - began) * 1e-9;
	return moved;
}
