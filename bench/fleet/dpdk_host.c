/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* dpdk_host.c - what every load on a port of DPDK needs: port, thread, bound ports, counters */
#include "dpdk_host.h"

#include "dpdk_source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK_WAIT_MS 10000

int dpdk_host_open(const struct eal_config *eal, const struct port_config *port,
	struct random *random, struct rss *stack_rss, struct rss *port_rss, struct port **opened,
	char *error, size_t size)
{
	uint8_t key[RSS_KEY_BYTES];
	size_t used;
	int rc = eal_start(eal, error, size);

	if (rc)
		return rc;
	do
		random->fill(random, key, sizeof(key));
	while (rss_init(stack_rss, key, 1) != 0);
	if (port_rss != stack_rss)
		rss_init(port_rss, key, port->queues);
	*opened = port_open(port, error, size);
	if (*opened)
		return 0;
	used = strlen(error);
	if (strstr(port->device, "role=client"))
		snprintf(error + used, size - used, " (is a broker running with the other end?)");
	return -EIO;
}

int dpdk_host_link(struct port *port, char *error, size_t size)
{
	for (unsigned waited = 0; !port_is_up(port); waited++) {
		if (waited == LINK_WAIT_MS) {
			snprintf(error, size,
				"port %s has no carrier after %u s: is the broker running, with "
				"the other end of it, and with as many queues?",
				port_name(port), LINK_WAIT_MS / 1000);
			return -ENETDOWN;
		}
		usleep(1000);
	}
	return 0;
}

/** struct errand - what the polling thread is sent to do */
struct errand {
	int (*loop)(void *argument);
	void *argument;
	bool done;
};

static int do_errand(void *argument)
{
	struct errand *errand = argument;
	int rc = errand->loop(errand->argument);

	__atomic_store_n(&errand->done, true, __ATOMIC_RELEASE);
	return rc;
}

int dpdk_host_run(int (*loop)(void *argument), void *argument)
{
	struct errand errand = {loop, argument, false};
	int rc = eal_launch(0, do_errand, &errand);

	while (rc == 0 && !__atomic_load_n(&errand.done, __ATOMIC_ACQUIRE))
		usleep(10000);
	return rc ? rc : eal_wait();
}

unsigned dpdk_host_ports(uint16_t *ports)
{
	unsigned count = 0;

	for (unsigned port = SOURCE_PORT_FIRST; port <= UINT16_MAX; port++)
		ports[count++] = htons((uint16_t)port);
	return count;
}

void dpdk_host_counters(
	json_t *object, const struct counter_info *info, const uint64_t *values, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (values[i])
			json_object_set_new(
				object, info[i].name, json_integer((json_int_t)values[i]));
}
