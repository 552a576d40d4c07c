/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* eal.h - DPDK's environment: made from the configuration, its threads, its end */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EAL_WORKERS_MAX 64
#define EAL_DEVICES_MAX 8

/** enum eal_memory - where DPDK's memory comes from */
enum eal_memory { EAL_MEMORY_AUTO, EAL_MEMORY_HUGE, EAL_MEMORY_NO_HUGE };

/**
 * struct eal_config - what DPDK is started with
 * @identity: path of the configuration file: two processes with the same one do not run at once
 * @workers: CPU of each worker
 * @memory, @megabytes: mode and size of DPDK's memory
 * @devices: DPDK device strings ("net_tap0,iface=hearth0") or PCI addresses
 * @words: more words for DPDK, separated by blanks; NULL: none
 * @telemetry: let DPDK open its telemetry socket, as the word --telemetry in @words does:
 *	/var/run/dpdk/hearth-HASH/dpdk_telemetry.v2
 */
struct eal_config {
	const char *identity;
	const unsigned *workers;
	unsigned worker_count;
	enum eal_memory memory;
	uint32_t megabytes;
	const char *const *devices;
	unsigned device_count;
	const char *words;
	bool telemetry;
};

/**
 * eal_start() - start DPDK; once per process
 * @error: one line that says what is wrong and what would help
 *
 * The calling thread becomes DPDK's main thread and floats on the CPUs that are no worker's (on all
 * where every CPU is one). Signals that it has blocked stay blocked in DPDK's threads.
 * Return: 0 or -errno. Whatever it returns, eal_stop() takes everything back.
 */
int eal_start(const struct eal_config *config, char *error, size_t size);

/** eal_line() - the words DPDK was started with, for the start-up line. */
const char *eal_line(void);

/** eal_memory_line() - what memory DPDK has, and why, in one line. */
const char *eal_memory_line(void);

/** eal_uses_huge_pages() - does DPDK's memory lie in huge pages? */
bool eal_uses_huge_pages(void);

/** eal_messages() - what DPDK logged since eal_hush(true), in one line. */
const char *eal_messages(void);

/** eal_hush() - collect DPDK's messages, for eal_messages(), instead of showing them: while things
 * start, they would bury the one line that says what is wrong. */
void eal_hush(bool hush);

/** eal_tsc_hz() - cycles of the time-stamp counter in a second, as DPDK found out. */
uint64_t eal_tsc_hz(void);

/** eal_launch() - run @function on a worker's CPU. Return: 0, or -errno if that worker runs. */
int eal_launch(unsigned worker, int (*function)(void *argument), void *argument);

/** eal_wait() - wait until all workers' functions have returned. Return: 0, or what the first one
 * that failed returned. */
int eal_wait(void);

/** eal_stop() - end DPDK, leave no file behind. No worker runs any more, and every port was closed
 * with port_close(). */
void eal_stop(void);
