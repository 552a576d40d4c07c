/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port_relay.c - workers that have no queue of a port send through another worker's
 *
 * A queue pair has one user. So frames go to it by a ring of one producer and one consumer, which
 * never wait for each other; they leave at the beginning of the other worker's next turn.
 */
#include "port_private.h"

#include <errno.h>
#include <stdio.h>

int port_relay_init(struct port_queue *queue, struct port_queue *home, unsigned worker)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "hearth-relay-%u-%u", queue->port, (uint16_t)worker);
	queue->relay = rte_ring_create(
		name, PORT_RELAY, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (!queue->relay)
		return -ENOMEM;
	queue->next = home->next;
	home->next = queue;
	return 0;
}

unsigned port_relay_put(struct port_queue *queue, struct rte_mbuf **mbufs, unsigned count)
{
	unsigned taken = rte_ring_sp_enqueue_burst(queue->relay, (void **)mbufs, count, NULL);

	rte_pktmbuf_free_bulk(mbufs + taken, count - taken);
	counter_add(&queue->counters[PORT_TX_RELAYED], taken);
	counter_add(&queue->counters[PORT_TX_RELAY_FULL], count - taken);
	return taken;
}

void port_relay_send(struct port_queue *home)
{
	struct rte_mbuf *mbufs[PORT_RELAY];

	for (struct port_queue *queue = home->next; queue; queue = queue->next) {
		unsigned count =
			rte_ring_sc_dequeue_burst(queue->relay, (void **)mbufs, PORT_RELAY, NULL);

		if (count > 0)
			port_transmit(home, mbufs, count);
	}
}

void port_relay_free(struct port_queue *queue)
{
	void *mbuf;

	while (queue->relay && rte_ring_sc_dequeue(queue->relay, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(queue->relay);
}
