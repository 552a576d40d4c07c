/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_reload.c - a configuration takes the place of another while workers run */
#include "broker_state.h"
#include "log/log.h"

#include <stdlib.h>

/** struct broker_config - one that a reload made, newest first */
struct broker_config {
	struct config *config;
	struct broker_config *older;
};

struct mc_watch_config broker_watch_config(const struct config *config)
{
	return (struct mc_watch_config){.failures = config->mc.budget_failures,
		.per_seconds = config->mc.budget_seconds,
		.connects = config->mc.flap_connects,
		.seconds = config->mc.flap_seconds,
		.hold = config->mc.flap_hold,
		.devices = MC_WATCH_DEVICES,
		.buckets = MC_WATCH_BUCKETS};
}

static void put_in_force(struct broker *broker, struct config *next)
{
	const struct mc_watch_config watch = broker_watch_config(next);
	struct broker_config *made = malloc(sizeof(*made));

	/* Without room to remember it, it is never freed. */
	if (made) {
		*made = (struct broker_config){next, broker->configs};
		broker->configs = made;
	}
	broker->view.config = next;
	log_set_level(next->log.level);
	mc_watch_configure(broker->watch, &watch);
	for (unsigned i = 0; i < broker->view.workers; i++)
		worker_configure(broker->threads[i].worker, next);
}

void broker_configure(struct broker_view *view, struct config *next, char *warning, size_t size)
{
	struct broker *broker = (struct broker *)view;

	if (next)
		put_in_force(broker, next);
	if (broker->http)
		http_reload(broker->http, view->config, warning, size);
}

static void free_older(struct broker_config *made)
{
	while (made) {
		struct broker_config *older = made->older;

		config_free(made->config);
		free(made);
		made = older;
	}
}

/*
 * A grace period without waiting: a worker that has the newest in use loads none of the older ones
 * again. One that stands still, or sleeps, keeps them all.
 */
void broker_keep_configs(struct broker *broker)
{
	struct broker_config *newest = broker->configs;

	if (!newest || !newest->older || newest->config != broker->view.config)
		return;
	for (unsigned i = 0; i < broker->view.workers; i++) {
		if (worker_config(broker->threads[i].worker) != newest->config)
			return;
	}
	free_older(newest->older);
	newest->older = NULL;
}

void broker_free_configs(struct broker *broker)
{
	free_older(broker->configs);
	broker->configs = NULL;
	broker->view.config = broker->config;
}

void broker_hangup(struct broker *broker)
{
	char line[2048];

	if (control_hangup(broker->control, line, sizeof(line)))
		log_info("%s", line);
	else
		log_error("%s", line);
}
