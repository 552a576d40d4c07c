/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_port_link.c - mbufs to frames: chains, clones, and what a port says of checksums (I2, L1,
 * T29) */
#include "port_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <rte_eal.h>
#include <rte_ring.h>

/* A vdev whose queue is a ring: what the test puts there is what the port receives. */
#define DEVICE "net_ring0"
#define RING "ETH_RXTX0_net_ring0"
#define ROOM 2048
#define MBUFS 63

static struct rte_mempool *pool;
static struct rte_ring *ring;
static struct port_queue *queue;

static int set_up(void **state)
{
	static const struct rte_eth_conf conf;
	char *words[] = {"test", "--no-huge", "--no-pci", "--no-shconf",
		"--file-prefix=hearth-test", "--no-telemetry", "-m", "64", "--lcores=0@0",
		"--log-level=lib.eal:error", "--vdev=" DEVICE ",nodeaction=" DEVICE ":0:CREATE"};
	uint16_t port;

	if (rte_eal_init(sizeof(words) / sizeof(words[0]), words) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("frames", MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + ROOM, -1);
	queue = aligned_alloc(64, sizeof(*queue));
	if (!pool || !queue || rte_eth_dev_get_port_by_name(DEVICE, &port) != 0)
		return -1;
	memset(queue, 0, sizeof(*queue));
	if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(port, 0, 64, 0, NULL) != 0 || rte_eth_dev_start(port) != 0)
		return -1;
	ring = rte_ring_lookup(RING);
	rmdir(rte_eal_get_runtime_dir()); /* an empty folder, not used */
	queue->port = port;
	queue->rx_pool = queue->tx_pool = pool;
	port_link_init(queue);
	return ring ? 0 : -1;
}

static int tear_down(void **state)
{
	free(queue);
	return rte_eal_cleanup();
}

/* A frame of @length bytes that count up, cut into segments of @sizes (the last repeats). */
static struct rte_mbuf *chain(unsigned length, const unsigned *sizes, unsigned count)
{
	struct rte_mbuf *head = NULL;
	unsigned done = 0;

	for (unsigned i = 0; done < length; i++) {
		unsigned size = sizes[i < count ? i : count - 1];
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
		char *at;

		assert_non_null(mbuf);
		size = size < length - done ? size : length - done;
		at = rte_pktmbuf_append(mbuf, (uint16_t)size);
		assert_non_null(at);
		for (unsigned j = 0; j < size; j++)
			at[j] = (char)(done + j);
		done += size;
		if (!head)
			head = mbuf;
		else
			assert_int_equal(rte_pktmbuf_chain(head, mbuf), 0);
	}
	return head;
}

/* What the port received, as frames. */
static unsigned receive(struct frame *frames)
{
	return queue->link.receive(&queue->link, frames, PORT_BURST);
}

static void assert_counting(const struct frame *frame, unsigned length)
{
	assert_int_equal(frame->length, length);
	for (unsigned i = 0; i < length; i++)
		assert_int_equal(frame->data[i], i & 0xff);
}

/* Nothing is left: neither of what was handed up nor of what was dropped. */
static void assert_released(void)
{
	queue->link.release(&queue->link);
	assert_int_equal(rte_mempool_avail_count(pool), MBUFS);
}

/* L1, T29: headers that are spread over segments, down to a byte in the first, come as one piece.
 */
static void test_T29_L1_chains_come_in_one_piece(void **state)
{
	static const unsigned cuts[][3] = {{1, 1000, 1000}, {13, 1, 1000}, {14, 20, 1000},
		{33, 1, 1000}, {34, 19, 1}, {60, 7, 7}};
	struct frame frames[PORT_BURST];

	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct rte_mbuf *mbuf = chain(100, cuts[i], 3);

		assert_true(mbuf->nb_segs > 1);
		assert_int_equal(rte_ring_enqueue(ring, mbuf), 0);
		assert_int_equal(receive(frames), 1);
		assert_counting(&frames[0], 100);
		assert_released();
	}
	assert_int_equal(queue->counters[PORT_RX_SEGMENTED], 0);
}

/* T29: what a port has merged to more than a buffer holds is dropped whole and counted, and the
 * frames around it are handed up as if it had not been there. */
static void test_T29_merged_is_dropped(void **state)
{
	static const unsigned whole[] = {ROOM}, part[] = {200};
	struct frame frames[PORT_BURST];
	uint64_t before = queue->counters[PORT_RX_SEGMENTED];

	/* 64 kB as LRO makes it: two of them use nearly all buffers there are. */
	assert_int_equal(rte_ring_enqueue(ring, chain(60, part, 1)), 0);
	assert_int_equal(rte_ring_enqueue(ring, chain(27 * ROOM, whole, 1)), 0);
	assert_int_equal(rte_ring_enqueue(ring, chain(61, part, 1)), 0);
	assert_int_equal(rte_ring_enqueue(ring, chain(26 * ROOM, whole, 1)), 0);
	assert_int_equal(rte_ring_enqueue(ring, chain(62, part, 1)), 0);
	assert_int_equal(receive(frames), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_counting(&frames[i], 60 + i);
	assert_int_equal(queue->counters[PORT_RX_SEGMENTED], before + 2);
	assert_released();
}

/* T29: a clone shares its bytes with another mbuf: they are read where they lie, and the other
 * keeps them when it is gone. In a chain with others it has no room of its own, so that goes. */
static void test_T29_clones(void **state)
{
	static const unsigned whole[] = {ROOM}, cut[] = {50};
	struct rte_mbuf *own = chain(100, whole, 1), *clone = rte_pktmbuf_clone(own, pool), *more;
	struct frame frames[PORT_BURST];
	uint64_t before = queue->counters[PORT_RX_SEGMENTED];

	assert_non_null(clone);
	assert_true(RTE_MBUF_CLONED(clone));
	assert_int_equal(rte_ring_enqueue(ring, clone), 0);
	assert_int_equal(receive(frames), 1);
	assert_counting(&frames[0], 100);
	queue->link.release(&queue->link);
	assert_int_equal(rte_mbuf_refcnt_read(own), 1);
	assert_int_equal(rte_pktmbuf_mtod(own, uint8_t *)[99], 99);
	/* A chain that begins with a clone: one piece, or dropped; never the other's bytes changed. */
	clone = rte_pktmbuf_clone(own, pool);
	more = chain(50, cut, 1);
	assert_int_equal(rte_pktmbuf_chain(clone, more), 0);
	assert_int_equal(rte_ring_enqueue(ring, clone), 0);
	if (receive(frames) == 1) {
		assert_int_equal(frames[0].length, 150);
		assert_int_equal(frames[0].data[99], 99);
		assert_int_equal(frames[0].data[100], 0);
	} else {
		assert_int_equal(queue->counters[PORT_RX_SEGMENTED], before + 1);
	}
	queue->link.release(&queue->link);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(rte_pktmbuf_mtod(own, uint8_t *)[i], i);
	rte_pktmbuf_free(own);
	assert_released();
}

/* I2: only GOOD counts as good; BAD, NONE and UNKNOWN have the stack look for itself. */
static void test_I2_only_good_is_good(void **state)
{
	static const struct {
		uint64_t flags;
		uint16_t l3, l4;
	} rows[] = {
		{0, 0, 0},
		{RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN | RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, 0, 0},
		{RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, 0},
		{RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, 0},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD, FRAME_L3_GOOD, 0},
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0, FRAME_L4_GOOD},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, FRAME_L3_GOOD, 0},
		{RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0, FRAME_L4_GOOD},
		{RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE |
				RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH,
			0, 0},
	};
	static const unsigned whole[] = {ROOM};
	struct frame frames[PORT_BURST];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rte_mbuf *mbuf = chain(60, whole, 1);

		mbuf->ol_flags |= rows[i].flags;
		assert_int_equal(rte_ring_enqueue(ring, mbuf), 0);
		assert_int_equal(receive(frames), 1);
		/* Without our key in the port its hash is no one's. */
		assert_int_equal(frames[0].flags, rows[i].l3 | rows[i].l4);
		assert_released();
	}
}

/* ---- a worker without a queue of its own ---- */

static unsigned relayed(struct port_queue *guest, unsigned count)
{
	struct frame frames[PORT_BURST];

	assert_int_equal(guest->link.reserve(&guest->link, frames, count), count);
	for (unsigned i = 0; i < count; i++) {
		frames[i].length = (uint16_t)(60 + i);
		for (unsigned j = 0; j < frames[i].length; j++)
			frames[i].data[j] = (uint8_t)j;
	}
	return guest->link.send(&guest->link, frames, count);
}

/* What it sends leaves in the next turn of the one whose queue it is, in order; it hears nothing.
 */
static void test_a_worker_without_a_queue_sends_through_anothers(void **state)
{
	struct port_queue *guest = aligned_alloc(64, sizeof(*guest));
	struct frame frames[PORT_BURST];
	void *filler = guest;

	assert_non_null(guest);
	memset(guest, 0, sizeof(*guest));
	guest->port = queue->port;
	guest->tx_pool = pool;
	port_link_init(guest);
	assert_int_equal(port_relay_init(guest, queue, 1), 0);
	assert_int_equal(relayed(guest, 5), 5);
	assert_int_equal(rte_ring_count(ring), 0);
	assert_int_equal(guest->link.receive(&guest->link, frames, PORT_BURST), 0);
	/* This port receives what it sends. */
	assert_int_equal(receive(frames), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_counting(&frames[i], 60 + i);
	assert_int_equal(guest->counters[PORT_TX_RELAYED], 5);
	assert_int_equal(guest->counters[PORT_TX_RELAY_FULL], 0);
	assert_released();
	/* Where the other does not keep up, what finds no room is dropped, given back and counted. */
	for (unsigned i = 0; i < PORT_RELAY - 2; i++)
		assert_int_equal(rte_ring_enqueue(guest->relay, filler), 0);
	assert_int_equal(relayed(guest, 5), 2);
	assert_int_equal(guest->counters[PORT_TX_RELAY_FULL], 3);
	assert_int_equal(rte_mempool_avail_count(pool), MBUFS - 2);
	for (unsigned i = 0; i < PORT_RELAY - 2; i++)
		assert_int_equal(rte_ring_dequeue(guest->relay, &filler), 0);
	/* At the end what still waits is given back. */
	port_relay_free(guest);
	queue->next = NULL;
	assert_int_equal(rte_mempool_avail_count(pool), MBUFS);
	free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T29_L1_chains_come_in_one_piece),
		cmocka_unit_test(test_T29_merged_is_dropped),
		cmocka_unit_test(test_T29_clones),
		cmocka_unit_test(test_I2_only_good_is_good),
		cmocka_unit_test(test_a_worker_without_a_queue_sends_through_anothers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
