/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* end_lwip.c - lwIP as an end: the peer that shares no line with us */
#include "lwip_port.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* A connection that hears nothing asks after this time, and gives up after four unanswered. */
#define KEEP_IDLE_MS 300000
#define KEEP_BETWEEN_MS 20000

struct lwip {
	struct end end;
	const struct lwip_calls *calls;
	struct netif netif;
	struct tcp_pcb *listener;
	uint8_t frame[2048];
};

static struct lwip *lwip; /* there is one */

static ip_addr_t address_v4(unsigned who)
{
	ip_addr_t address = IPADDR4_INIT(__builtin_bswap32(0xc6120001 + who));

	return address;
}

static ip_addr_t address_v6(unsigned who)
{
	ip_addr_t address =
		IPADDR6_INIT(__builtin_bswap32(0xfd770000), 0, 0, __builtin_bswap32(1 + who));

	return address;
}

/* The link. */

static err_t link_output(struct netif *netif, struct pbuf *p)
{
	u16_t length = lwip->calls->pbuf_copy_partial(p, lwip->frame, sizeof(lwip->frame), 0);

	wire_put(lwip->end.world->wires[lwip->end.who], lwip->frame, length);
	return ERR_OK;
}

static err_t link_init(struct netif *netif)
{
	netif->name[0] = 's';
	netif->name[1] = 'm';
	netif->output = lwip->calls->etharp_output;
	netif->output_ip6 = lwip->calls->ethip6_output;
	netif->linkoutput = link_output;
	netif->mtu = 1500;
	netif->hwaddr_len = 6;
	memcpy(netif->hwaddr, (const uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)(lwip->end.who + 1)}, 6);
	netif->flags =
		NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
	return ERR_OK;
}

/* What lwIP tells. */

static err_t told_data(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct side *side = context;
	uint32_t before = side->untaken;
	u16_t length;

	if (!p) {
		talk_finished(side);
		return ERR_OK;
	}
	for (const struct pbuf *part = p; part; part = part->next)
		talk_data(side, part->payload, part->len);
	length = (u16_t)(p->tot_len - (side->untaken - before));
	lwip->calls->pbuf_free(p);
	if (length > 0)
		lwip->calls->tcp_recved(pcb, length);
	return ERR_OK;
}

static void told_error(void *context, err_t error)
{
	struct side *side = context;

	side->handle = 0;
	talk_gone(side, error == ERR_RST ? GONE_RESET : GONE_TIMEOUT);
}

static void attach(struct side *side, struct tcp_pcb *pcb)
{
	lwip->calls->tcp_arg(pcb, side);
	lwip->calls->tcp_recv(pcb, told_data);
	lwip->calls->tcp_err(pcb, told_error);
	pcb->so_options |= SOF_KEEPALIVE;
	pcb->keep_idle = KEEP_IDLE_MS;
	pcb->keep_intvl = KEEP_BETWEEN_MS;
	pcb->keep_cnt = 4;
}

static void detach(struct tcp_pcb *pcb)
{
	lwip->calls->tcp_arg(pcb, NULL);
	lwip->calls->tcp_recv(pcb, NULL);
	lwip->calls->tcp_err(pcb, NULL);
}

static err_t told_accept(void *context, struct tcp_pcb *pcb, err_t error)
{
	struct talk *talk;
	struct side *side;

	if (error != ERR_OK || !pcb)
		return ERR_VAL;
	talk = talk_of_port(lwip->end.world, pcb->remote_port);
	if (!talk)
		return ERR_VAL;
	side = &talk->sides[lwip->end.who];
	attach(side, pcb);
	talk_opened(side, (uintptr_t)pcb);
	return ERR_OK;
}

static err_t told_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
	talk_opened(context, (uintptr_t)pcb);
	return ERR_OK;
}

/* What a side does. */

static struct tcp_pcb *pcb_of(const struct side *side)
{
	return (struct tcp_pcb *)side->handle;
}

static bool lwip_connect(struct side *side)
{
	const struct lwip_calls *calls = lwip->calls;
	bool ipv6 = side->talk->ipv6;
	ip_addr_t remote = ipv6 ? address_v6(!side->who) : address_v4(!side->who);
	struct tcp_pcb *pcb = calls->tcp_new_ip_type(ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	ip_addr_t local = ipv6 ? address_v6(side->who) : address_v4(side->who);

	if (!pcb)
		return false;
	attach(side, pcb);
	if (calls->tcp_bind(pcb, &local, (u16_t)(SIM_FIRST_PORT + side->talk->index)) != ERR_OK ||
		calls->tcp_connect(pcb, &remote, SIM_PORT, told_connected) != ERR_OK) {
		detach(pcb);
		calls->tcp_abort(pcb);
		return false;
	}
	return true;
}

static bool lwip_send(struct side *side, const uint8_t *data, uint32_t length)
{
	struct tcp_pcb *pcb = pcb_of(side);

	/* A message larger than its whole buffer would wait for ever. */
	if (tcp_sndbuf(pcb) < length)
		return false;
	if (lwip->calls->tcp_write(pcb, data, (u16_t)length, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return false;
	lwip->calls->tcp_output(pcb);
	return true;
}

static bool lwip_finish(struct side *side)
{
	return lwip->calls->tcp_shutdown(pcb_of(side), 0, 1) == ERR_OK;
}

static bool lwip_close(struct side *side)
{
	struct tcp_pcb *pcb = pcb_of(side);

	/* After it the block may be another connection's already. */
	detach(pcb);
	if (lwip->calls->tcp_close(pcb) != ERR_OK) {
		attach(side, pcb);
		return false;
	}
	side->handle = 0;
	return true;
}

static void lwip_abort(struct side *side)
{
	struct tcp_pcb *pcb = pcb_of(side);

	detach(pcb);
	lwip->calls->tcp_abort(pcb);
	side->handle = 0;
}

static void lwip_took(struct side *side, uint32_t bytes)
{
	while (bytes > 0) {
		u16_t part = bytes > 0xffff ? 0xffff : (u16_t)bytes;

		lwip->calls->tcp_recved(pcb_of(side), part);
		bytes -= part;
	}
}

/* Turns. */

static void lwip_turn(struct end *end)
{
	struct wire *wire = end->world->wires[!end->who];
	struct flight *flight;

	while (!end->world->failed && (flight = wire_take(wire))) {
		/* Not PBUF_POOL: its blocks in Debian's library are smaller than it believes. */
		struct pbuf *p = lwip->calls->pbuf_alloc(PBUF_RAW, flight->length, PBUF_RAM);

		if (p) {
			lwip->calls->pbuf_take(p, flight->data, flight->length);
			if (lwip->netif.input(p, &lwip->netif) != ERR_OK)
				lwip->calls->pbuf_free(p);
		}
		free(flight);
	}
	talk_work(end);
	lwip->calls->sys_check_timeouts();
}

static uint64_t lwip_next(const struct end *end)
{
	u32_t ms = lwip->calls->sys_timeouts_sleeptime();

	return ms == 0xffffffff ? SIM_NEVER : end->now + ms * SIM_MS;
}

static void lwip_free(struct end *end)
{
	lwip_stop();
	free(lwip);
	lwip = NULL;
}

static const struct end_ops lwip_ops = {
	.name = "lwip",
	.forgets = true,
	.keeps = true,
	.turn = lwip_turn,
	.next = lwip_next,
	.connect = lwip_connect,
	.send = lwip_send,
	.finish = lwip_finish,
	.close = lwip_close,
	.abort = lwip_abort,
	.took = lwip_took,
	.free = lwip_free,
};

static void listen_on_all(struct world *world)
{
	const ip_addr_t any = IPADDR_ANY_TYPE_INIT;
	struct tcp_pcb *pcb = lwip->calls->tcp_new_ip_type(IPADDR_TYPE_ANY);

	if (!pcb || lwip->calls->tcp_bind(pcb, &any, SIM_PORT) != ERR_OK) {
		world_fail(world, "lwIP does not bind");
		return;
	}
	lwip->listener = lwip->calls->tcp_listen_with_backlog(pcb, 255);
	lwip->calls->tcp_accept(lwip->listener, told_accept);
}

struct end *lwip_new(struct world *world, unsigned who, uint32_t wrap)
{
	ip_addr_t own = address_v4(who), own6 = address_v6(who);
	ip4_addr_t mask = {__builtin_bswap32(0xffffff00)}, none = {0};
	const char *why = NULL;

	lwip = calloc(1, sizeof(*lwip));
	lwip->end = (struct end){.ops = &lwip_ops, .world = world, .who = who, .now = world->now};
	lwip->calls = lwip_start(&lwip->end.now, world->plan.seed, wrap, &why);
	if (!lwip->calls) {
		world_fail(world, "%s", why);
		return &lwip->end;
	}
	lwip->calls->netif_add(&lwip->netif, ip_2_ip4(&own), &mask, &none, NULL, link_init,
		lwip->calls->ethernet_input);
	lwip->calls->netif_create_ip6_linklocal_address(&lwip->netif, 1);
	lwip->calls->netif_ip6_addr_set(&lwip->netif, 1, ip_2_ip6(&own6));
	lwip->calls->netif_set_default(&lwip->netif);
	lwip->calls->netif_set_link_up(&lwip->netif);
	lwip->calls->netif_set_up(&lwip->netif);
	lwip->calls->netif_ip6_addr_set_state(&lwip->netif, 1, IP6_ADDR_PREFERRED);
	if (who == SIM_SERVER)
		listen_on_all(world);
	return &lwip->end;
}
