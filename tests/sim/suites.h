/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* suites.h - what hearth-sim runs besides seeds */
#pragma once

#include "sim.h"

#include <stdio.h>

/** tamper_run() - every tampering scenario against @against, or the one of this name. @trace: with
 * all frames. Return: scenarios that failed. */
unsigned tamper_run(enum against against, const char *name, bool trace);

/** exhaust_run() - each allocation fails once, in a world of its own, and pools of every small
 * size.
 * @trace: the first world that fails once more with all frames. Return: worlds that failed. */
unsigned exhaust_run(enum against against, bool trace);

/** table_write() - throughput by loss rate and buffer size, as text. Return: cells that failed. */
unsigned table_write(FILE *out);

/** table_compare() - is it what the file at @path says? Return: 0, or 1 with the difference told.
 */
unsigned table_compare(const char *path);

/** plain_world() - plan_plain() made into a world whose conversation begins after 3 s. */
struct world *plain_world(const struct world_plan *plan, const struct side_plan *client,
	const struct side_plan *server);
