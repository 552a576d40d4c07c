/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_commands.c - backends' command rings over the broker's life */
#include "broker_state.h"
#include "feed/command_ring.h"
#include "log/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Until no worker looks at a ring any more. */
static void wait_for_workers(void *context)
{
	struct broker *broker = context;

	if (broker->registry)
		registry_wait(broker->registry);
}

/* A registry older than the rings (restored from a copy) must not give their ids away again. */
static int keep_ids(struct broker *broker, char *error, size_t size)
{
	uint64_t highest = command_rings_highest(broker->commands), next = 0;
	int rc = store_value_get(broker->store, COMMAND_IDS_NAME, &next);

	if (rc == 0 && next < highest)
		rc = store_value_put(broker->store, COMMAND_IDS_NAME, highest);
	if (rc)
		snprintf(error, size, "%s: cannot write: %s; check the disk",
			broker->config->registry_path, strerror(-rc));
	return rc;
}

int broker_open_commands(struct broker *broker, char *error, size_t size)
{
	char given_up[512];
	unsigned attached = 0;
	struct command_ring_view view;
	int rc = command_rings_open(
		&broker->commands, broker->config->feed.path, given_up, sizeof(given_up));

	if (rc) {
		snprintf(error, size, "%s", given_up[0] ? given_up : strerror(-rc));
		return rc;
	}
	if (given_up[0])
		log_warning("%s", given_up);
	command_rings_grace(broker->commands, wait_for_workers, broker);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		attached += command_rings_view(broker->commands, n, &view);
	if (attached)
		log_info("attached to the command rings of %u backend process%s", attached,
			attached == 1 ? "" : "es");
	return keep_ids(broker, error, size);
}

static void say_damaged(struct broker *broker)
{
	struct command_ring_view view;

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		bool there = command_rings_view(broker->commands, n, &view);

		if (!there || !view.damaged) {
			broker->damaged_told &= ~(1u << n);
			continue;
		}
		if (broker->damaged_told & 1u << n)
			continue;
		broker->damaged_told |= 1u << n;
		log_error("%s.commands.%u is damaged and is not read any further: its backend has "
			  "to register again; %" PRIu64
			  " commands were taken from it, from request "
			  "%" PRIu64 " on",
			broker->config->feed.path, n, view.taken, view.first_request);
	}
}

void broker_keep_commands(struct broker *broker)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec == broker->reaped)
		return;
	broker->reaped = now.tv_sec;
	say_damaged(broker);
	command_rings_reap(broker->commands);
}
