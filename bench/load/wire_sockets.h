/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_sockets.h - the instrument's devices on kernel sockets */
#pragma once

#include "wire.h"

/** Descriptors that a process needs besides those of its devices. */
#define WIRE_SOCKETS_OTHERS 100

/**
 * struct wire_sockets_config - where devices come from and go to; IPv4
 * @address: "A.B.C.D/PREFIX", the devices' own addresses, all of which have to be local ("ip route
 *	add local A.B.C.D/PREFIX dev lo"): device i has the i-th of them, modulo their number. NULL:
 *	the kernel's choice, which one address' ports limit; UDP wants addresses.
 * @login: "A.B.C.D:PORT"
 * @connect: the connect ports' address and port; NULL: @login's with the port after it
 * @tcp: sessions over TCP, a socket each; else over UDP
 * @pin, @cpu: the CPU to run on
 */
struct wire_sockets_config {
	const char *address, *login, *connect;
	bool tcp, pin;
	unsigned cpu;
};

/** wire_sockets_new() - see struct load_wire; nothing is opened before @start. NULL with @error. */
struct load_wire *wire_sockets_new(
	const struct wire_sockets_config *config, char *error, size_t size);

/** wire_sockets_most() - devices over TCP that this process may have sockets for. */
uint32_t wire_sockets_most(void);
