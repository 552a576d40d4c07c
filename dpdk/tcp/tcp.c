/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp.c - memory and records: laying a TCP out, finding, opening and freeing connections */

#include "tcp_state.h"

COUNTER_TABLE(tcp_counter_info, TCP_COUNTERS);

/* Where everything lies in tcp_init()'s memory, in bytes from its start. */
struct tcp_layout {
	size_t lines, connections, embryonic, time_wait, end;
	uint32_t line_count;
};

static size_t round_line(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static void tcp_lay_out(const struct tcp_config *config, struct tcp_layout *layout)
{
	layout->line_count =
		flow_lines((uint64_t)config->connections + config->embryonic + config->time_wait);
	layout->lines = round_line(sizeof(struct tcp));
	layout->connections = layout->lines + layout->line_count * sizeof(struct flow_line);
	layout->embryonic =
		layout->connections + config->connections * sizeof(struct tcp_connection);
	layout->time_wait =
		layout->embryonic + round_line(config->embryonic * sizeof(struct tcp_embryonic));
	layout->end =
		layout->time_wait + round_line(config->time_wait * sizeof(struct tcp_time_wait));
}

static bool tcp_config_good(const struct tcp_config *config)
{
	return config->connections >= 1 && config->connections <= FLOW_INDEX_MASK &&
	       config->embryonic >= 1 && config->embryonic <= FLOW_INDEX_MASK &&
	       config->time_wait >= 1 && config->time_wait <= FLOW_INDEX_MASK &&
	       config->receive_window >= TCP_MSS_DEFAULT && config->receive_window <= UINT16_MAX &&
	       config->send_bytes >= 1 && config->send_bytes <= 1u << 30 &&
	       config->mss >= TCP_MSS_DEFAULT && config->idle_us >= MS &&
	       config->idle_us / MS <= INT32_MAX && config->ports && config->port_count >= 1 &&
	       config->port_count <= TCP_PORTS_MAX && config->chunks;
}

size_t tcp_bytes(const struct tcp_config *config)
{
	struct tcp_layout layout;

	tcp_lay_out(config, &layout);
	return layout.end;
}

static void slab_init(struct tcp_slab *slab, uint32_t limit, void *links, uint32_t stride)
{
	slab->limit = limit;
	slab->links = links;
	slab->stride = stride;
}

struct tcp *tcp_init(void *memory, const struct tcp_config *config, uint64_t now)
{
	struct tcp *tcp = memory;
	struct tcp_layout layout;
	uint8_t *base = memory;

	if (!tcp_config_good(config))
		return NULL;
	tcp_lay_out(config, &layout);
	tcp->config = *config;
	memcpy(tcp->ports, config->ports, config->port_count * sizeof(tcp->ports[0]));
	tcp->config.ports = tcp->ports;
	tcp->now = now;
	flow_table_init(&tcp->flows, (struct flow_line *)(base + layout.lines), layout.line_count);
	tcp->connections = (struct tcp_connection *)(base + layout.connections);
	tcp->embryonic = (struct tcp_embryonic *)(base + layout.embryonic);
	tcp->time_wait = (struct tcp_time_wait *)(base + layout.time_wait);
	slab_init(&tcp->connection_slab, config->connections, &tcp->connections->next,
		sizeof(struct tcp_connection));
	tcp->connection_slab.hold = TCP_FREE_HOLD;
	slab_init(&tcp->embryonic_slab, config->embryonic, &tcp->embryonic->timer.next,
		sizeof(struct tcp_embryonic));
	slab_init(&tcp->time_wait_slab, config->time_wait, &tcp->time_wait->next,
		sizeof(struct tcp_time_wait));
	tcp->wheel.kinds[FLOW_CONNECTION].base = (uint8_t *)&tcp->connections->timer;
	tcp->wheel.kinds[FLOW_CONNECTION].stride = sizeof(struct tcp_connection);
	tcp->wheel.kinds[FLOW_EMBRYONIC].base = (uint8_t *)&tcp->embryonic->timer;
	tcp->wheel.kinds[FLOW_EMBRYONIC].stride = sizeof(struct tcp_embryonic);
	wheel_init(&tcp->wheel, now);
	return tcp;
}

static uint32_t *slab_link(struct tcp_slab *slab, uint32_t index)
{
	return (uint32_t *)(slab->links + (size_t)index * slab->stride);
}

/* Index + 1 of a free record, 0 if there is none. */
static uint32_t slab_get(struct tcp_slab *slab)
{
	uint32_t number = slab->free_head;

	if (slab->fresh < slab->limit && slab->free_count <= slab->hold) {
		number = ++slab->fresh;
	} else if (number) {
		slab->free_head = *slab_link(slab, number - 1);
		if (!slab->free_head)
			slab->free_tail = 0;
		slab->free_count--;
	} else {
		return 0;
	}
	slab->used++;
	return number;
}

static void slab_put(struct tcp_slab *slab, uint32_t index)
{
	*slab_link(slab, index) = 0;
	if (slab->free_tail)
		*slab_link(slab, slab->free_tail - 1) = index + 1;
	else
		slab->free_head = index + 1;
	slab->free_tail = index + 1;
	slab->free_count++;
	slab->used--;
}

uint64_t tcp_hash(const struct tcp *tcp, const struct tcp_tuple *tuple)
{
	return siphash_16(&tcp->config.flow_key,
		(uint64_t)tuple->remote | (uint64_t)tuple->local << 32,
		(uint64_t)tuple->remote_port | (uint64_t)tuple->local_port << 16);
}

static const struct tcp_tuple *tcp_tuple_at(const struct tcp *tcp, flow_ref ref)
{
	uint32_t index = flow_ref_index(ref);

	switch (flow_ref_kind(ref)) {
	case FLOW_CONNECTION:
		return &tcp->connections[index].tuple;
	case FLOW_EMBRYONIC:
		return &tcp->embryonic[index].tuple;
	default:
		return &tcp->time_wait[index].tuple;
	}
}

flow_ref tcp_lookup(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
	struct flow_probe probe = {.hash = hash};
	flow_ref ref;

	while ((ref = flow_next(&tcp->flows, &probe)))
		if (tcp_tuple_equal(tuple, tcp_tuple_at(tcp, ref)))
			break;
	return ref;
}

uint64_t tcp_prefetch_flow(struct tcp *tcp, const struct tcp_tuple *tuple)
{
	uint64_t hash = tcp_hash(tcp, tuple);

	flow_prefetch(&tcp->flows, hash);
	return hash;
}

void tcp_prefetch_connection(struct tcp *tcp, uint64_t hash)
{
	struct flow_probe probe = {.hash = hash};
	flow_ref ref = flow_next(&tcp->flows, &probe);

	if (!ref)
		return;
	__builtin_prefetch(tcp_tuple_at(tcp, ref), 1);
	if (flow_ref_kind(ref) == FLOW_CONNECTION)
		__builtin_prefetch(&tcp->connections[flow_ref_index(ref)].head, 1);
}

struct tcp_connection *tcp_find(struct tcp *tcp, tcp_id id)
{
	uint32_t index = id & FLOW_INDEX_MASK;
	struct tcp_connection *c;

	/* Records past .fresh were never used: looking at them would only bring their pages in. */
	if (index >= tcp->connection_slab.fresh)
		return NULL;
	c = &tcp->connections[index];
	return c->state != TCP_CLOSED_STATE && c->generation == id >> 24 ? c : NULL;
}

struct tcp_connection *tcp_connection_open(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	uint32_t number = slab_get(&tcp->connection_slab);
	struct tcp_connection *c;
	uint8_t generation;

	if (!number)
		return NULL;
	c = &tcp->connections[number - 1];
	generation = c->generation ? c->generation : 1;
	memset(c, 0, sizeof(*c));
	c->generation = generation;
	c->state = TCP_ESTABLISHED;
	c->tuple = e->tuple;
	c->rcv_nxt = e->irs + 1;
	c->snd_una = c->snd_nxt = c->snd_end = c->snd_ptr = e->iss + 1;
	c->snd_wl1 = segment->seq;
	c->snd_wnd = c->max_window = segment->window;
	c->mss = e->mss;
	c->link = segment->link;
	c->tick = tcp_ms(tcp->now);
	if (e->retries == 0)
		tcp_rtt_sample(c, (uint16_t)(tcp_ms(tcp->now) - e->sent));
	tcp_congestion_open(c, e->retries > 0);
	flow_replace(&tcp->flows, tcp_hash(tcp, &c->tuple),
		flow_ref_of(FLOW_EMBRYONIC, (uint32_t)(e - tcp->embryonic)), tcp_ref_of(tcp, c));
	tcp_embryonic_free(tcp, e, false);
	tcp->live++;
	tcp_count(tcp, TCP_OPENED);
	return c;
}

/* Everything but the flow slot. */
static void connection_free(struct tcp *tcp, struct tcp_connection *c)
{
	tcp_queue_free(tcp, c);
	timer_unlink(&tcp->wheel, tcp_ref_of(tcp, c));
	c->state = TCP_CLOSED_STATE;
	c->generation = c->generation == UINT8_MAX ? 1 : c->generation + 1;
	tcp->live--;
	tcp_count(tcp, TCP_CLOSED);
	/* Still on the pending list: tcp_output() frees it when it comes by. */
	if (!(c->flags & TCP_PENDING))
		slab_put(&tcp->connection_slab, tcp_index(tcp, c));
}

void tcp_connection_free(struct tcp *tcp, struct tcp_connection *c)
{
	flow_remove(&tcp->flows, tcp_hash(tcp, &c->tuple), tcp_ref_of(tcp, c));
	connection_free(tcp, c);
}

void tcp_connection_unpend(struct tcp *tcp, struct tcp_connection *c)
{
	c->flags &= (uint16_t)~TCP_PENDING;
	if (c->state == TCP_CLOSED_STATE)
		slab_put(&tcp->connection_slab, tcp_index(tcp, c));
}

void tcp_connection_reset(struct tcp *tcp, struct tcp_connection *c)
{
	if (tcp_reply(tcp, &c->tuple, c->link, TCP_RST | TCP_ACK, c->snd_nxt, c->rcv_nxt))
		tcp_count(tcp, TCP_RESET_OUT);
	tcp_connection_free(tcp, c);
}

struct tcp_embryonic *tcp_embryonic_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash, flow_ref was)
{
	uint32_t number = slab_get(&tcp->embryonic_slab);
	struct tcp_embryonic *e;
	flow_ref ref;

	if (!number) {
		tcp_count(tcp, TCP_FULL_EMBRYONIC);
		return NULL;
	}
	ref = flow_ref_of(FLOW_EMBRYONIC, number - 1);
	if (was) {
		flow_replace(&tcp->flows, hash, was, ref);
	} else if (!flow_insert(&tcp->flows, hash, ref)) {
		slab_put(&tcp->embryonic_slab, number - 1);
		tcp_count(tcp, TCP_FULL_FLOWS);
		return NULL;
	}
	e = &tcp->embryonic[number - 1];
	memset(e, 0, sizeof(*e));
	e->tuple = *tuple;
	return e;
}

void tcp_embryonic_free(struct tcp *tcp, struct tcp_embryonic *e, bool flow)
{
	flow_ref ref = flow_ref_of(FLOW_EMBRYONIC, (uint32_t)(e - tcp->embryonic));

	if (flow)
		flow_remove(&tcp->flows, tcp_hash(tcp, &e->tuple), ref);
	timer_unlink(&tcp->wheel, ref);
	slab_put(&tcp->embryonic_slab, flow_ref_index(ref));
}

static void time_wait_append(struct tcp *tcp, struct tcp_time_wait *w)
{
	uint32_t number = (uint32_t)(w - tcp->time_wait) + 1;

	w->expires = wheel_tick(tcp->now + TCP_TIME_WAIT_TIME) + 1;
	w->next = 0;
	w->prev = tcp->time_wait_tail;
	if (w->prev)
		tcp->time_wait[w->prev - 1].next = number;
	else
		tcp->time_wait_head = number;
	tcp->time_wait_tail = number;
}

static void time_wait_unlink(struct tcp *tcp, struct tcp_time_wait *w)
{
	if (w->prev)
		tcp->time_wait[w->prev - 1].next = w->next;
	else
		tcp->time_wait_head = w->next;
	if (w->next)
		tcp->time_wait[w->next - 1].prev = w->prev;
	else
		tcp->time_wait_tail = w->prev;
}

void tcp_time_wait_restart(struct tcp *tcp, struct tcp_time_wait *w)
{
	time_wait_unlink(tcp, w);
	time_wait_append(tcp, w);
}

void tcp_time_wait_free(struct tcp *tcp, struct tcp_time_wait *w, bool flow)
{
	uint32_t index = (uint32_t)(w - tcp->time_wait);

	if (flow)
		flow_remove(
			&tcp->flows, tcp_hash(tcp, &w->tuple), flow_ref_of(FLOW_TIME_WAIT, index));
	time_wait_unlink(tcp, w);
	slab_put(&tcp->time_wait_slab, index);
}

void tcp_connection_time_wait(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_time_wait *w;
	uint32_t number = slab_get(&tcp->time_wait_slab);

	if (!number) {
		tcp_count(tcp, TCP_TIME_WAIT_SHORT);
		tcp_time_wait_free(tcp, &tcp->time_wait[tcp->time_wait_head - 1], true);
		number = slab_get(&tcp->time_wait_slab);
	}
	w = &tcp->time_wait[number - 1];
	memset(w, 0, sizeof(*w));
	w->tuple = c->tuple;
	w->snd_nxt = c->snd_nxt;
	w->rcv_nxt = c->rcv_nxt;
	w->link = c->link;
	time_wait_append(tcp, w);
	flow_replace(&tcp->flows, tcp_hash(tcp, &c->tuple), tcp_ref_of(tcp, c),
		flow_ref_of(FLOW_TIME_WAIT, number - 1));
	connection_free(tcp, c);
}

uint32_t tcp_connections(const struct tcp *tcp, uint32_t *limit)
{
	if (limit)
		*limit = tcp->config.connections;
	return tcp->live;
}

uint64_t *tcp_counters(struct tcp *tcp)
{
	return tcp->counters;
}
