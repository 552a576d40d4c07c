/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp.c - memory and records: laying a TCP out, finding, opening and freeing connections */

#include "tcp_state.h"

COUNTER_TABLE(tcp_counter_info, TCP_COUNTERS);

/* Where everything lies in tcp_init()'s memory, in bytes from its start. */
struct tcp_layout {
	size_t lines, connections, embryonic, time_wait, sides, addresses, end;
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
	layout->sides =
		layout->time_wait + round_line(config->time_wait * sizeof(struct tcp_time_wait));
	layout->addresses = layout->sides + config->sides * sizeof(struct tcp_side);
	layout->end = layout->addresses;
	if (config->ipv6)
		layout->end += round_line(
			((size_t)config->connections + config->embryonic + config->time_wait) *
			sizeof(struct tcp_addresses));
}

static bool tcp_config_good(const struct tcp_config *config)
{
	return config->connections >= 1 && config->connections <= FLOW_INDEX_MASK &&
	       config->embryonic >= 1 && config->embryonic <= FLOW_INDEX_MASK &&
	       config->time_wait >= 1 && config->time_wait <= FLOW_INDEX_MASK &&
	       config->sides >= 1 && config->sides <= UINT16_MAX &&
	       config->receive_window >= TCP_MSS_DEFAULT &&
	       config->receive_window <= TCP_WINDOW_MAX && config->send_bytes >= 1 &&
	       config->send_bytes <= 1u << 30 && config->mss >= TCP_MSS_DEFAULT &&
	       config->idle_us >= MS && config->idle_us / MS <= INT32_MAX &&
	       (config->keepalive_us == 0 || config->keepalive_us >= SECOND) &&
	       config->keepalive_us / MS <= INT32_MAX &&
	       (config->user_timeout_us == 0 || (config->user_timeout_us >= SECOND &&
							config->user_timeout_us <= 480 * SECOND)) &&
	       config->port_count <= TCP_PORTS_MAX && (config->ports || config->port_count == 0) &&
	       config->chunks;
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
	if (config->port_count > 0)
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
	tcp->sides = (struct tcp_side *)(base + layout.sides);
	slab_init(&tcp->side_slab, config->sides, tcp->sides, sizeof(struct tcp_side));
	if (config->ipv6) {
		struct tcp_addresses *addresses = (struct tcp_addresses *)(base + layout.addresses);

		tcp->addresses[FLOW_CONNECTION] = addresses;
		tcp->addresses[FLOW_EMBRYONIC] = addresses + config->connections;
		tcp->addresses[FLOW_TIME_WAIT] =
			addresses + config->connections + config->embryonic;
	}
	tcp->wheel.kinds[FLOW_CONNECTION].base = (uint8_t *)&tcp->connections->timer;
	tcp->wheel.kinds[FLOW_CONNECTION].stride = sizeof(struct tcp_connection);
	tcp->wheel.kinds[FLOW_EMBRYONIC].base = (uint8_t *)&tcp->embryonic->timer;
	tcp->wheel.kinds[FLOW_EMBRYONIC].stride = sizeof(struct tcp_embryonic);
	wheel_init(&tcp->wheel, now);
	tcp_cookie_init(tcp);
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

static uint64_t flow_hash(const struct tcp *tcp, const struct tcp_flow *flow, bool ipv6)
{
	return siphash_16(&tcp->config.flow_key,
		(uint64_t)flow->remote | (uint64_t)flow->local << 32,
		(uint64_t)flow->remote_port | (uint64_t)flow->local_port << 16 |
			(uint64_t)ipv6 << 32);
}

bool tcp_flow_of(const struct tcp *tcp, const struct tcp_tuple *tuple, struct tcp_flow *flow)
{
	uint64_t hash;

	flow->remote_port = tuple->remote_port;
	flow->local_port = tuple->local_port;
	if (ip_is_v4(&tuple->remote)) {
		flow->remote = ip_v4(&tuple->remote);
		flow->local = ip_v4(&tuple->local);
		return false;
	}
	hash = siphash(&tcp->config.flow_key, &tuple->remote, 2 * sizeof(struct ip_address));
	flow->remote = (uint32_t)hash;
	flow->local = (uint32_t)(hash >> 32);
	return true;
}
_Static_assert(offsetof(struct tcp_tuple, local) == sizeof(struct ip_address),
	"both addresses are hashed in one piece");

uint64_t tcp_hash(const struct tcp *tcp, const struct tcp_tuple *tuple)
{
	struct tcp_flow flow;

	/* In registers: read back as words, what was just stored as halves waits for its stores. */
	if (ip_is_v4(&tuple->remote))
		return siphash_16(&tcp->config.flow_key,
			(uint64_t)ip_v4(&tuple->remote) | (uint64_t)ip_v4(&tuple->local) << 32,
			(uint64_t)tuple->remote_port | (uint64_t)tuple->local_port << 16);
	tcp_flow_of(tcp, tuple, &flow);
	return flow_hash(tcp, &flow, true);
}

/* A record's flow. @ipv6: receives whether its addresses lie beside it. */
static const struct tcp_flow *flow_at(const struct tcp *tcp, flow_ref ref, bool *ipv6)
{
	uint32_t index = flow_ref_index(ref);

	switch (flow_ref_kind(ref)) {
	case FLOW_CONNECTION:
		*ipv6 = tcp->connections[index].flags & TCP_IPV6;
		return &tcp->connections[index].flow;
	case FLOW_EMBRYONIC:
		*ipv6 = tcp->embryonic[index].ipv6;
		return &tcp->embryonic[index].flow;
	default:
		*ipv6 = tcp->time_wait[index].ipv6;
		return &tcp->time_wait[index].flow;
	}
}

static struct tcp_addresses *addresses_at(const struct tcp *tcp, flow_ref ref)
{
	return &tcp->addresses[flow_ref_kind(ref)][flow_ref_index(ref)];
}

void tcp_tuple_at(const struct tcp *tcp, flow_ref ref, struct tcp_tuple *tuple)
{
	bool ipv6;
	const struct tcp_flow *flow = flow_at(tcp, ref, &ipv6);

	if (ipv6) {
		tuple->remote = addresses_at(tcp, ref)->remote;
		tuple->local = addresses_at(tcp, ref)->local;
	} else {
		tuple->remote = ip_from_v4(flow->remote);
		tuple->local = ip_from_v4(flow->local);
	}
	tuple->remote_port = flow->remote_port;
	tuple->local_port = flow->local_port;
}

/* The hash that a record's flow slot was filed under. */
static uint64_t hash_at(const struct tcp *tcp, flow_ref ref)
{
	bool ipv6;
	const struct tcp_flow *flow = flow_at(tcp, ref, &ipv6);

	return flow_hash(tcp, flow, ipv6);
}

static bool is_flow_at(const struct tcp *tcp, flow_ref ref, const struct tcp_flow *flow, bool ipv6,
	const struct tcp_tuple *tuple)
{
	bool also;
	const struct tcp_flow *was = flow_at(tcp, ref, &also);

	/* By its fields, as they have just been stored. */
	if (was->remote != flow->remote || was->local != flow->local ||
		was->remote_port != flow->remote_port || was->local_port != flow->local_port ||
		also != ipv6)
		return false;
	return !ipv6 ||
	       memcmp(addresses_at(tcp, ref), &tuple->remote, sizeof(struct tcp_addresses)) == 0;
}

flow_ref tcp_lookup(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
	struct flow_probe probe = {.hash = hash};
	struct tcp_flow flow;
	bool ipv6 = tcp_flow_of(tcp, tuple, &flow);
	flow_ref ref;

	while ((ref = flow_next(&tcp->flows, &probe)))
		if (is_flow_at(tcp, ref, &flow, ipv6, tuple))
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
	bool ipv6;

	if (!ref)
		return;
	__builtin_prefetch(flow_at(tcp, ref, &ipv6), 1);
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

/* The zeroed record of a number from the slab; its ids go on counting. */
static struct tcp_connection *connection_clear(struct tcp *tcp, uint32_t number)
{
	struct tcp_connection *c = &tcp->connections[number - 1];
	uint8_t generation = c->generation ? c->generation : 1;

	memset(c, 0, sizeof(*c));
	c->generation = generation;
	return c;
}

/* What a handshake that has come through leaves to its connection. */
static void connection_fill(const struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	c->rcv_nxt = e->irs + 1;
	c->snd_una = c->snd_nxt = c->snd_end = c->snd_ptr = e->iss + 1;
	c->snd_wl1 = segment->seq;
	c->snd_wnd = segment->window;
	c->mss = e->mss;
	c->link = segment->link;
	c->tick = tcp_running_ms(tcp);
	c->shift = e->shift;
	c->ts_recent = e->ts_recent;
	c->flags |= (e->timestamps ? TCP_TIMESTAMPS : 0) | (e->sack ? TCP_SACK : 0);
}

struct tcp_connection *tcp_connection_open(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	uint32_t number = slab_get(&tcp->connection_slab);
	flow_ref was = tcp_embryonic_ref(tcp, e);
	struct tcp_connection *c;

	if (!number)
		return NULL;
	c = connection_clear(tcp, number);
	c->flow = e->flow;
	if (e->ipv6) {
		c->flags |= TCP_IPV6;
		*addresses_at(tcp, tcp_ref_of(tcp, c)) = *addresses_at(tcp, was);
	}
	connection_fill(tcp, c, e, segment);
	tcp_connection_established(
		tcp, c, e->retries > 0, (uint16_t)((uint16_t)tcp_ms(tcp->now) - e->sent));
	flow_replace(&tcp->flows, hash_at(tcp, was), was, tcp_ref_of(tcp, c));
	tcp_embryonic_free(tcp, e, false);
	return c;
}

struct tcp_connection *tcp_connection_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
	uint32_t number;
	struct tcp_connection *c;

	if (!ip_is_v4(&tuple->remote) && !tcp->config.ipv6) {
		tcp_count(tcp, TCP_DROP_FAMILY);
		return NULL;
	}
	number = slab_get(&tcp->connection_slab);
	if (!number) {
		tcp_count(tcp, TCP_FULL_CONNECTIONS);
		return NULL;
	}
	if (!flow_insert(&tcp->flows, hash, flow_ref_of(FLOW_CONNECTION, number - 1))) {
		slab_put(&tcp->connection_slab, number - 1);
		tcp_count(tcp, TCP_FULL_FLOWS);
		return NULL;
	}
	c = connection_clear(tcp, number);
	c->state = TCP_SYN_SENT;
	if (tcp_flow_of(tcp, tuple, &c->flow)) {
		c->flags |= TCP_IPV6;
		*addresses_at(tcp, tcp_ref_of(tcp, c)) =
			(struct tcp_addresses){tuple->remote, tuple->local};
	}
	return c;
}

struct tcp_connection *tcp_connection_open_flow(struct tcp *tcp, const struct tcp_embryonic *e,
	const struct tcp_segment *segment, uint64_t hash)
{
	struct tcp_connection *c = tcp_connection_new(tcp, &segment->tuple, hash);

	if (!c)
		return NULL;
	connection_fill(tcp, c, e, segment);
	tcp_connection_established(tcp, c, false, UINT32_MAX);
	return c;
}

void tcp_connection_established(struct tcp *tcp, struct tcp_connection *c, bool again, uint32_t ms)
{
	c->state = TCP_ESTABLISHED;
	c->max_window = c->snd_wnd;
	/* RFC 6691: the option of every segment comes out of its payload. */
	if (c->flags & TCP_TIMESTAMPS)
		c->mss -= TCP_TIMESTAMPS_BYTES;
	if (!again && ms != UINT32_MAX)
		tcp_rtt_sample(c, ms);
	tcp_congestion_open(c, again);
	tcp->live++;
	tcp_count(tcp, TCP_OPENED);
}

struct tcp_side *tcp_side_borrow(struct tcp *tcp, struct tcp_connection *c)
{
	uint32_t number;

	if (c->side)
		return tcp_side_of(tcp, c);
	number = slab_get(&tcp->side_slab);
	if (!number) {
		tcp_count(tcp, TCP_FULL_SIDES);
		return NULL;
	}
	c->side = (uint16_t)number;
	return memset(tcp_side_of(tcp, c), 0, sizeof(struct tcp_side));
}

void tcp_side_return(struct tcp *tcp, struct tcp_connection *c)
{
	const struct tcp_side *side = tcp_side_of(tcp, c);

	if (!side || side->in.count > 0 || side->in.has_fin || side->in.held > 0 ||
		side->in.duplicate.start != side->in.duplicate.end || side->out.active)
		return;
	slab_put(&tcp->side_slab, c->side - 1u);
	c->side = 0;
}

/* Everything but the flow slot. */
static void connection_free(struct tcp *tcp, struct tcp_connection *c)
{
	tcp_queue_free(tcp, c);
	tcp_reassembly_forget(tcp, c);
	if (c->side)
		slab_put(&tcp->side_slab, c->side - 1u);
	c->side = 0;
	timer_unlink(&tcp->wheel, tcp_ref_of(tcp, c));
	if (c->state >= TCP_ESTABLISHED) {
		tcp->live--;
		tcp_count(tcp, TCP_CLOSED);
	}
	c->state = TCP_CLOSED_STATE;
	c->generation = c->generation == UINT8_MAX ? 1 : c->generation + 1;
	/* Still on the pending list: tcp_output() frees it when it comes by. */
	if (!(c->flags & TCP_PENDING))
		slab_put(&tcp->connection_slab, tcp_index(tcp, c));
}

void tcp_connection_free(struct tcp *tcp, struct tcp_connection *c)
{
	flow_remove(&tcp->flows, hash_at(tcp, tcp_ref_of(tcp, c)), tcp_ref_of(tcp, c));
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
	struct tcp_reply *reply = NULL;

	/* In SYN-SENT there is nobody yet whom it could concern. */
	if (c->state != TCP_SYN_SENT)
		reply = tcp_reply_of(tcp, tcp_ref_of(tcp, c), c->link, TCP_RST | TCP_ACK,
			c->snd_nxt, c->rcv_nxt);
	if (reply) {
		tcp_count(tcp, TCP_RESET_OUT);
		/* RFC 7323 3.2: "the TSopt SHOULD be sent in an <RST> segment" */
		if (c->flags & TCP_TIMESTAMPS)
			reply->options_length = tcp_timestamps_write(
				reply->options, tcp_timestamp(tcp, &c->flow), c->ts_recent);
	}
	tcp_connection_free(tcp, c);
}

struct tcp_embryonic *tcp_embryonic_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash, flow_ref was)
{
	uint32_t number;
	struct tcp_embryonic *e;
	flow_ref ref;

	if (!ip_is_v4(&tuple->remote) && !tcp->config.ipv6) {
		tcp_count(tcp, TCP_DROP_FAMILY);
		return NULL;
	}
	number = slab_get(&tcp->embryonic_slab);
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
	e->ipv6 = tcp_flow_of(tcp, tuple, &e->flow);
	if (e->ipv6)
		*addresses_at(tcp, ref) = (struct tcp_addresses){tuple->remote, tuple->local};
	return e;
}

void tcp_embryonic_free(struct tcp *tcp, struct tcp_embryonic *e, bool flow)
{
	flow_ref ref = tcp_embryonic_ref(tcp, e);

	if (flow)
		flow_remove(&tcp->flows, hash_at(tcp, ref), ref);
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
	flow_ref ref = flow_ref_of(FLOW_TIME_WAIT, index);

	if (flow)
		flow_remove(&tcp->flows, hash_at(tcp, ref), ref);
	time_wait_unlink(tcp, w);
	slab_put(&tcp->time_wait_slab, index);
}

struct tcp_time_wait *tcp_connection_time_wait(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_time_wait *w;
	uint32_t number = slab_get(&tcp->time_wait_slab);
	flow_ref ref;

	if (!number) {
		tcp_count(tcp, TCP_TIME_WAIT_SHORT);
		tcp_time_wait_free(tcp, &tcp->time_wait[tcp->time_wait_head - 1], true);
		number = slab_get(&tcp->time_wait_slab);
	}
	ref = flow_ref_of(FLOW_TIME_WAIT, number - 1);
	w = &tcp->time_wait[number - 1];
	memset(w, 0, sizeof(*w));
	w->flow = c->flow;
	if (c->flags & TCP_IPV6) {
		w->ipv6 = true;
		*addresses_at(tcp, ref) = *addresses_at(tcp, tcp_ref_of(tcp, c));
	}
	w->snd_nxt = c->snd_nxt;
	w->rcv_nxt = c->rcv_nxt;
	w->link = c->link;
	w->shift = c->shift;
	w->timestamps = c->flags & TCP_TIMESTAMPS;
	w->ts_recent = c->ts_recent;
	time_wait_append(tcp, w);
	flow_replace(&tcp->flows, hash_at(tcp, tcp_ref_of(tcp, c)), tcp_ref_of(tcp, c), ref);
	connection_free(tcp, c);
	return w;
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
