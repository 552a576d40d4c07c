/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port_link.c - a queue pair as a link: mbufs to frames and back */
#include "port_private.h"

/* The port's word counts only if it says GOOD: BAD, NONE and UNKNOWN are looked at again. */
static uint16_t frame_flags(const struct port_queue *queue, uint64_t ol_flags)
{
	uint16_t flags = 0;

	if (queue->hashes && (ol_flags & RTE_MBUF_F_RX_RSS_HASH))
		flags |= FRAME_HASH;

	if ((ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		flags |= FRAME_L3_GOOD;
	if ((ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		flags |= FRAME_L4_GOOD;
	if (ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		flags |= FRAME_VLAN;
	return flags;
}

/* Can this be handed up as one piece, just as it was on the wire? */
static bool usable(struct port_queue *queue, struct rte_mbuf *mbuf)
{
	if (unlikely(mbuf->nb_segs > 1) && rte_pktmbuf_linearize(mbuf) != 0) {
		counter_add(&queue->counters[PORT_RX_SEGMENTED], 1);
		return false;
	}
	if (unlikely(mbuf->ol_flags & RTE_MBUF_F_RX_QINQ_STRIPPED)) {
		counter_add(&queue->counters[PORT_RX_VLAN], 1);
		return false;
	}
	return true;
}

static unsigned link_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct port_queue *queue = (struct port_queue *)link;
	unsigned room = PORT_BURST - queue->received_count;
	unsigned first = queue->received_count, count = 0, burst;

	if (queue->relay)
		return 0;
	if (queue->next)
		port_relay_send(queue);
	burst = rte_eth_rx_burst(queue->port, queue->number, queue->received + first,
		(uint16_t)(max < room ? max : room));
	if (burst)
		counter_add(&queue->counters[PORT_RX_FRAMES], burst);
	for (unsigned i = 0; i < burst; i++) {
		struct rte_mbuf *mbuf = queue->received[first + i];

		if (!usable(queue, mbuf)) {
			rte_pktmbuf_free(mbuf);
			continue;
		}
		queue->received[first + count] = mbuf;
		frames[count++] = (struct frame){.data = rte_pktmbuf_mtod(mbuf, uint8_t *),
			.length = rte_pktmbuf_data_len(mbuf),
			.flags = frame_flags(queue, mbuf->ol_flags),
			.vlan = mbuf->vlan_tci,
			.hash = mbuf->hash.rss};
	}
	queue->received_count = first + count;
	return count;
}

static void link_release(struct link *link)
{
	struct port_queue *queue = (struct port_queue *)link;

	rte_pktmbuf_free_bulk(queue->received, queue->received_count);
	queue->received_count = 0;
}

static unsigned link_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct port_queue *queue = (struct port_queue *)link;
	struct rte_mbuf **mbufs = queue->reserved + queue->reserved_count;

	if (count > LINK_RESERVED_MAX - queue->reserved_count)
		count = LINK_RESERVED_MAX - queue->reserved_count;
	/* All or none is the pool's rule; when it is nearly empty, one is better than none. */
	if (count > 0 && rte_pktmbuf_alloc_bulk(queue->tx_pool, mbufs, count) != 0)
		count = count > 1 && rte_pktmbuf_alloc_bulk(queue->tx_pool, mbufs, 1) == 0;
	for (unsigned i = 0; i < count; i++)
		frames[i] = (struct frame){.data = rte_pktmbuf_mtod(mbufs[i], uint8_t *)};
	queue->reserved_count += count;
	return count;
}

static void fill_in(struct rte_mbuf *mbuf, const struct frame *frame)
{
	mbuf->data_len = frame->length;
	mbuf->pkt_len = frame->length;
	if (!(frame->flags & (FRAME_L3_FILL | FRAME_L4_FILL)))
		return;
	mbuf->l2_len = frame->l2_length;
	mbuf->l3_len = frame->l3_length;
	mbuf->ol_flags |= frame->flags & FRAME_IPV6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (frame->flags & FRAME_L3_FILL)
		mbuf->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	if (frame->flags & FRAME_L4_FILL)
		mbuf->ol_flags |= frame->flags & FRAME_L4_UDP ? RTE_MBUF_F_TX_UDP_CKSUM
							      : RTE_MBUF_F_TX_TCP_CKSUM;
}

/* May what the queue did not take be tried again? @until: when that ends; 0: it begins now. */
static bool may_wait(const struct port_queue *queue, uint64_t *until)
{
	if (queue->patience == 0)
		return false;
	if (*until == 0)
		*until = rte_rdtsc() + queue->patience;
	rte_pause();
	return rte_rdtsc() < *until;
}

/* Sends in order; one that the port cannot prepare is skipped, one it cannot take ends it. */
unsigned port_transmit(struct port_queue *queue, struct rte_mbuf **mbufs, unsigned count)
{
	unsigned at = 0, sent = 0;
	uint64_t until = 0;

	while (at < count) {
		uint16_t ready = (uint16_t)(count - at), taken;

		if (queue->link.offload)
			ready = rte_eth_tx_prepare(queue->port, queue->number, mbufs + at, ready);
		taken = rte_eth_tx_burst(queue->port, queue->number, mbufs + at, ready);
		sent += taken;
		at += taken;
		if (taken < ready) {
			if (may_wait(queue, &until))
				continue;
			break;
		}
		if (at < count && queue->link.offload)
			rte_pktmbuf_free(mbufs[at++]);
	}
	rte_pktmbuf_free_bulk(mbufs + at, count - at);
	counter_add(&queue->counters[PORT_TX_FRAMES], sent);
	if (sent < count)
		counter_add(&queue->counters[PORT_TX_REFUSED], count - sent);
	return sent;
}

/* The frames with @urgent or without, behind the first @wanted of @mbufs; empty ones are freed. */
static unsigned gather(struct port_queue *queue, const struct frame *frames, unsigned count,
	uint16_t urgent, struct rte_mbuf **mbufs, unsigned wanted)
{
	for (unsigned i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = queue->reserved[i];

		if ((frames[i].flags & FRAME_URGENT) != urgent)
			continue;
		if (frames[i].length == 0) {
			rte_pktmbuf_free(mbuf);
			continue;
		}
		fill_in(mbuf, &frames[i]);
		mbufs[wanted++] = mbuf;
	}
	return wanted;
}

static unsigned link_send(struct link *link, struct frame *frames, unsigned count)
{
	struct port_queue *queue = (struct port_queue *)link;
	struct rte_mbuf *mbufs[LINK_RESERVED_MAX];
	unsigned wanted;

	if (count > queue->reserved_count)
		count = queue->reserved_count;
	/* A ring that is nearly full takes what comes first. */
	wanted = gather(queue, frames, count, FRAME_URGENT, mbufs, 0);
	wanted = gather(queue, frames, count, 0, mbufs, wanted);
	queue->reserved_count -= count;
	memmove(queue->reserved, queue->reserved + count,
		queue->reserved_count * sizeof(queue->reserved[0]));
	return queue->relay ? port_relay_put(queue, mbufs, wanted)
			    : port_transmit(queue, mbufs, wanted);
}

void port_link_init(struct port_queue *queue)
{
	queue->link.receive = link_receive;
	queue->link.release = link_release;
	queue->link.reserve = link_reserve;
	queue->link.send = link_send;
}
