/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_drain.c - the end of a drain: what would be kept for a restart is removed */
#include "broker_state.h"
#include "feed/command_ring.h"
#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void take_away(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		log_error("%s could not be removed: %s; remove it before the next start", path,
			strerror(errno));
}

/* Workers have ended; our locks are still held, so that no other broker attaches meanwhile. */
void broker_remove_drained(struct broker *broker)
{
	const char *feed = broker->config->feed.path;
	char path[PATH_MAX];
	bool clean;

	if (!control_drained(broker->control, &clean) || !clean)
		return;
	take_away(broker->sessions_path);
	take_away(broker->pool_path);
	take_away(broker->bindings_path);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		command_rings_path(broker->commands, n, path, sizeof(path));
		take_away(path);
	}
	if (control_drain_events(&broker->view)) {
		log_warning("%s stays: hearth-feed still has events to read there", feed);
		return;
	}
	take_away(feed);
	if (snprintf(path, sizeof(path), "%s.commit", feed) < (int)sizeof(path))
		take_away(path);
}
