/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_port.c - port.h where the ports are the kernel's: nothing but a line that says so */
#include "kernel.h"
#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

COUNTER_TABLE(port_counter_info, PORT_COUNTERS);

struct port {
	char line[128];
};

struct port *port_open(const struct port_config *config, char *error, size_t size)
{
	struct port *port = calloc(1, sizeof(*port));

	if (!port) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	snprintf(port->line, sizeof(port->line),
		"kernel sockets in the place of %.40s: %s-triggered epoll, idle turns %s",
		config->device, kernel_options.level ? "level" : "edge",
		kernel_options.spin ? "poll" : "wait");
	return port;
}

void port_close(struct port *port)
{
	free(port);
}

struct link *port_link(struct port *port, unsigned worker)
{
	return NULL;
}

const char *port_line(const struct port *port)
{
	return port->line;
}

bool port_is_up(const struct port *port)
{
	return true;
}

const uint64_t *port_queue_counters(const struct port *port, unsigned worker, unsigned *queue)
{
	return NULL;
}

void port_counters(const struct port *port, uint64_t counters[PORT_COUNTER_COUNT])
{
	memset(counters, 0, PORT_COUNTER_COUNT * sizeof(*counters));
}
