/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control.h - the control socket: operators' requests, served off the workers' cores */
#pragma once

#include "config.h"
#include "counter.h"
#include "feed/feed.h"
#include "protocol.h"
#include "registry/registry.h"
#include "session/session.h"
#include "worker_view.h"

#include <jansson.h>

/*
 * Protocol on the socket: one JSON object per line each way. Request {"verb":"device add",
 * "id":..,...}; answer {"ok":true,...} or {"ok":false,"error":"..","remedy":".."}. hearthctl is the
 * one client; a request is bounded (CONTROL_LINE_MAX), so is the number of clients. "device import"
 * carries its file as a descriptor beside the line (SCM_RIGHTS), so a million rows need no line.
 */
#define CONTROL_LINE_MAX 65536
#define CONTROL_CLIENTS_MAX 32

/** struct broker_view - what the control thread may look at and ask for; implemented by main.c
 * on the running broker, by tests on plain memory */
struct broker_view {
	const struct config *config;  /* in force; another one after any verb */
	const struct config *started; /* NULL: the configuration cannot be changed */
	struct store *store;
	struct registry *registry;
	struct binding_table *bindings;
	struct session_table *table;
	struct feed *feed;
	struct command_rings *commands;
	struct mc_watch *watch; /* NULL: nobody is watched */
	struct audit *audit;    /* NULL: no audit log is kept */
	struct trace *trace;    /* what devices say that are followed; NULL: none can be */
	bool draining;          /* workers let no session begin; written by the control thread */
	unsigned workers;
	uint64_t started_unix; /* seconds */
	const char *memory_line;
	/* counters of a worker; returns how many views were filled (at most COUNTER_VIEWS_MAX) */
	unsigned (*counters)(struct broker_view *view, unsigned worker, struct counter_view *views);
	/* turn accounting of a worker: cycles by stage, turns, idle cycles, tsc per second, gaps */
	void (*turns)(struct broker_view *view, unsigned worker, struct turn_view *turns);
	/* the last times that something else had a worker's core: gap_log_read(); may be NULL */
	unsigned (*gaps)(
		struct broker_view *view, unsigned worker, struct gap *gaps, uint64_t *count);
	/* pools of a worker; returns how many views were filled (at most WORKER_POOLS_MAX) */
	unsigned (*pools)(struct broker_view *view, unsigned worker, struct pool_view *pools);
	/* a port's state and counters; may be NULL */
	void (*port)(struct broker_view *view, unsigned port, struct port_view *out);
	/* what a worker's link to a port counts; false: it has none there; may be NULL */
	bool (*queue)(
		struct broker_view *view, unsigned port, unsigned worker, struct queue_view *out);
	/* histograms of a worker; returns how many views were filled (at most
	 * WORKER_HISTOGRAMS_MAX); may be NULL */
	unsigned (*histograms)(
		struct broker_view *view, unsigned worker, struct histogram_view *views);
	/* hand a request to the worker that owns the session; -EAGAIN when its mailbox is full */
	int (*control)(struct broker_view *view, enum control_op op, session_handle handle);
	/* put another configuration in force; it is the view's from then on. NULL: that in force stays,
	 * and the files that it names are read again. @warning: receives what did not work, or "".
	 * May be NULL if @started is */
	void (*configure)(
		struct broker_view *view, struct config *next, char *warning, size_t size);
	/* address of a live TCP session as "a.b.c.d:port" or "[v6]:port"; "" when it is not known;
	 * may be NULL */
	void (*peer_text)(struct broker_view *view, uint32_t index, char *out, size_t size);
};

struct control;

/**
 * control_open() - listen on the configuration's control socket
 *
 * A stale socket file is removed; one that answers is another broker's: -EADDRINUSE.
 * The socket is mode 0600. @view's members may still be filled in until control_serve() is called
 * first, all but the configuration. Return: NULL with errno set and one line in @error.
 */
struct control *control_open(struct broker_view *view, char *error, size_t size);

/**
 * control_serve() - serve requests for up to @milliseconds, then return
 *
 * Called in a loop by the main thread, which is registered with urcu-qsbr and offline while it
 * waits in here. Also keeps once-a-second figures for rates.
 */
void control_serve(struct control *control, unsigned milliseconds);

/**
 * control_drained() - is a drain over, and have those who watch it been told?
 * @clean: receives whether every session has ended; may be NULL
 */
bool control_drained(const struct control *control, bool *clean);

/** control_drain_events() - bytes of events that consumers have not committed. */
uint64_t control_drain_events(const struct broker_view *view);

/**
 * control_hangup() - read the configuration file again (SIGHUP), by the control thread
 * @line: receives what came of it, for the log
 * Return: false: it was refused, and nothing has changed.
 */
bool control_hangup(struct control *control, char *line, size_t size);

/** control_close() - end all clients, remove the socket. NULL is allowed. */
void control_close(struct control *control);
