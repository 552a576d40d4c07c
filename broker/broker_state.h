/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_state.h - the running broker's own memory; for broker*.c only */
#pragma once

#include "clock.h"
#include "control/control.h"
#include "http/http.h"
#include "log/audit.h"
#include "mc/mc_watch.h"
#include "port.h"
#include "rss.h"
#include "worker.h"
#include "worker_mesh.h"

#include <limits.h>

/** struct broker_thread - a worker and what its thread needs */
struct broker_thread {
	struct broker *broker;
	struct worker *worker;
	struct random *random;
	bool shares; /* its CPU with another worker */
};

struct broker {
	struct broker_view view;       /* first: the control thread's calls come back with it */
	const struct config *config;   /* of the start */
	struct broker_config *configs; /* of reloads; the newest is in force */
	struct random *random;
	struct clock clock;
	struct store *store;
	struct feed *feed;
	struct command_rings *commands;
	struct session_table *table;
	struct command_pool *command_pool;
	struct registry *registry;
	struct binding_table *bindings;
	struct control *control;
	struct audit *audit; /* NULL: none is kept */
	struct http *http;   /* NULL: not configured */
	struct rss rss;
	struct port *ports[CONFIG_PORTS_MAX];
	struct worker_mesh *mesh; /* NULL: there is one worker */
	struct mc_watch *watch;
	struct trace *trace;
	struct broker_thread threads[CONFIG_WORKERS_MAX];
	uint64_t first_session, id_limit;
	time_t reaped;         /* when command rings were, monotonic seconds */
	unsigned damaged_told; /* bits of the command rings that the operator was told of */
	bool eal_started, store_is_new, launched;
	bool stop;         /* workers read it once a turn */
	char identity[64]; /* who we are, for the audit log */
	char sessions_path[PATH_MAX], pool_path[PATH_MAX], bindings_path[PATH_MAX];
	char memory_line[1024];
};

/** broker_view_init() - fill in what the control thread may look at and ask for */
void broker_view_init(struct broker *broker);

/** broker_audit() - note a moment of the broker's own life in the audit log, if one is kept */
void broker_audit(struct broker *broker, const char *verb);

/** broker_watch_config() - the limits of reconnects and failed logins */
struct mc_watch_config broker_watch_config(const struct config *config);

/** broker_configure() - put another configuration in force, see struct broker_view */
void broker_configure(struct broker_view *view, struct config *next, char *warning, size_t size);

/** broker_hangup() - SIGHUP: read the file again, and log what came of it */
void broker_hangup(struct broker *broker);

/** broker_keep_configs() - free configurations that no worker has in use any more */
void broker_keep_configs(struct broker *broker);

/** broker_free_configs() - all of reloads; the workers have ended */
void broker_free_configs(struct broker *broker);

/** broker_open_files() - take the locks; they refuse cheaply, before anything else is started */
int broker_open_files(struct broker *broker, char *error, size_t size);

/** broker_open_bindings() - the table of sub-devices, once the registry is loaded */
int broker_open_bindings(struct broker *broker, char *error, size_t size);

/** broker_remove_new_files() - take away what a start that failed has made, the locks still held */
void broker_remove_new_files(struct broker *broker);

/** broker_open_commands() - attach the command rings of backends that outlived a predecessor */
int broker_open_commands(struct broker *broker, char *error, size_t size);

/** broker_remove_drained() - workers have ended: after a drain remove what a restart would need */
void broker_remove_drained(struct broker *broker);

/** broker_keep_commands() - about once a second: rings whose writer has gone, rings given up */
void broker_keep_commands(struct broker *broker);

/** broker_keep_ids_ahead() - ids for the next minutes, durable before the first of them is used */
void broker_keep_ids_ahead(struct broker *broker);
