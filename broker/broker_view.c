/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_view.c - what the control thread may look at and ask for, on the running broker */
#include "broker_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

static struct broker *of(struct broker_view *view)
{
	return (struct broker *)view;
}

static unsigned view_counters(struct broker_view *view, unsigned worker, struct counter_view *views)
{
	return worker_views(of(view)->threads[worker].worker, views);
}

static void view_turns(struct broker_view *view, unsigned worker, struct turn_view *turns)
{
	worker_turns(of(view)->threads[worker].worker, turns);
}

static unsigned view_gaps(
	struct broker_view *view, unsigned worker, struct gap *gaps, uint64_t *count)
{
	return worker_gaps(of(view)->threads[worker].worker, gaps, count);
}

static unsigned view_pools(struct broker_view *view, unsigned worker, struct pool_view *pools)
{
	return worker_pools(of(view)->threads[worker].worker, pools);
}

static void view_port(struct broker_view *view, unsigned port, struct port_view *out)
{
	_Static_assert(PORT_COUNTER_COUNT <= PORT_VIEW_COUNTERS, "a port's counters fit a view");

	out->line = port_line(of(view)->ports[port]);
	out->up = port_is_up(of(view)->ports[port]);
	out->info = port_counter_info;
	out->count = PORT_COUNTER_COUNT;
	port_counters(of(view)->ports[port], out->values);
}

static bool view_queue(
	struct broker_view *view, unsigned port, unsigned worker, struct queue_view *out)
{
	*out = (struct queue_view){.info = port_counter_info, .count = PORT_QUEUE_COUNTERS};
	out->values = port_queue_counters(of(view)->ports[port], worker, &out->queue);
	return out->values != NULL;
}

static unsigned view_histograms(
	struct broker_view *view, unsigned worker, struct histogram_view *views)
{
	return worker_histograms(of(view)->threads[worker].worker, views);
}

static int view_control(struct broker_view *view, enum control_op op, session_handle handle)
{
	unsigned worker = session_owner(view->table, session_handle_index(handle));

	return worker_post(of(view)->threads[worker].worker, op, handle);
}

/* A live TCP session's peer as its worker's connection has it; "" when that has just ended. */
static void view_peer(struct broker_view *view, uint32_t index, char *out, size_t size)
{
	char text[IP_PORT_TEXT];
	struct session_turn turn;
	struct tcp_tuple tuple;
	unsigned owner = session_owner(view->table, index);

	out[0] = '\0';
	if (!session_peek(view->table, index, &turn) || turn.via != SESSION_VIA_TCP ||
		!worker_peer(of(view)->threads[owner].worker, turn.connection, &tuple))
		return;
	snprintf(out, size, "%s", ip_port_text(&tuple.remote, ntohs(tuple.remote_port), text));
}

void broker_view_init(struct broker *broker)
{
	broker->view = (struct broker_view){
		.config = broker->config,
		.started = broker->config,
		.configure = broker_configure,
		.store = broker->store,
		.table = broker->table,
		.feed = broker->feed,
		.commands = broker->commands,
		.audit = broker->audit,
		.workers = broker->config->worker_count,
		.started_unix = (uint64_t)time(NULL),
		.memory_line = broker->memory_line,
		.counters = view_counters,
		.turns = view_turns,
		.gaps = view_gaps,
		.pools = view_pools,
		.port = view_port,
		.queue = view_queue,
		.histograms = view_histograms,
		.control = view_control,
		.peer_text = view_peer,
	};
}
