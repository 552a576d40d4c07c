/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.h - what carries the instrument's frames: a port and stack of ours, or kernel sockets */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load;

/** Where a TCP connection leads. */
enum load_peer { LOAD_LOGIN, LOAD_CONNECT };

/**
 * struct load_up - the engine as its wire calls it, from within @poll only
 * @opened: a connection that @open began is established
 * @bytes: of a connection, in order; they stay where they are until the next @poll. Return: false:
 *	none were taken, they come again (a device that reads slowly); a wire may then stop reading
 *	that connection until it has tried again, at least every 10 ms.
 * @ended: a connection ended without @close (reset, FIN, time-out, refused); its name is void
 * @datagram: from the platform's connect port to @device; stays where it is until the next @poll
 */
struct load_up {
	void (*opened)(struct load *load, uint32_t device, uint32_t connection);
	bool (*bytes)(struct load *load, uint32_t device, uint32_t connection, const uint8_t *data,
		uint32_t length);
	void (*ended)(struct load *load, uint32_t device, uint32_t connection);
	void (*datagram)(struct load *load, uint32_t device, const uint8_t *data, uint32_t length);
};

/**
 * struct load_wire - a carrier; all calls from one thread
 * @name: "memif" and the like, for reports
 * @load, @up: set by load_new()
 * @kernel: its @poll works in system calls, and the kernel's interrupts work for it on this CPU at
 *	any time (they may even be the platform's receiving): how long a step takes says nothing of
 *	what others stole, and a frame that leaves a little late nothing of a rate that is not kept
 * @answers: datagrams that our end has room for until @poll takes them; 0: not known. What is under
 *	way beyond that would be lost at our end
 * @waited: with @kernel: ns that this thread was kept waiting for its CPU by others, since any
 *	fixed moment; NULL: not known
 * @start: make room for @devices; once, before anything else. Return: 0 or -errno with @error.
 * @run: call @loop on the thread that the wire is pinned to and wait for its end; returns what it
 *	returned. NULL: the caller's thread will do.
 * @poll: one turn: send what is pending, take what came, call up. @now: load_now(). Return:
 *	packets (or bytes, or events) moved: 0 means that the turn was idle.
 * @open: begin a TCP connection of @device. Return: its name, not 0; 0: none can be had now.
 * @close: @abort: by RST; else by FIN once everything is sent. Its name is void after this.
 * @reserve: room for one frame of at most @length bytes on a connection; @commit sends its first
 *	@length bytes, 0 gives it up. NULL: no room now. Several connections may have one open.
 * @prefetch: @reserve of that connection follows soon; may be NULL
 * @datagram, @datagram_commit: the same for a datagram of @device to the connect port, from its
 *	port number @source (0..3; another one is a NAT's rebinding)
 * @wait: is a full port waited for (by a wire made with patience)? From the start it is; NULL:
 *	nothing is to be chosen
 * @drops: frames that were committed and dropped at our end since the start
 * @strangers: from now on this share (0..1) of all frames that leave is others', hostile ones;
 *	their counters are in @report. NULL: this wire has none.
 * @report: adds counters to a JSON object; may be NULL
 * @stop: after load_free()
 */
struct load_wire {
	const char *name;
	bool kernel;
	uint32_t answers;
	struct load *load;
	const struct load_up *up;
	int (*start)(struct load_wire *wire, uint32_t devices, char *error, size_t size);
	int (*run)(struct load_wire *wire, int (*loop)(void *argument), void *argument);
	unsigned (*poll)(struct load_wire *wire, uint64_t now);
	uint32_t (*open)(struct load_wire *wire, uint32_t device, enum load_peer peer);
	void (*close)(struct load_wire *wire, uint32_t connection, bool abort);
	uint8_t *(*reserve)(struct load_wire *wire, uint32_t connection, uint32_t length);
	void (*commit)(struct load_wire *wire, uint32_t connection, uint32_t length);
	void (*prefetch)(struct load_wire *wire, uint32_t connection);
	uint8_t *(*datagram)(struct load_wire *wire, uint32_t device, unsigned source,
		uint32_t length, unsigned *ticket);
	void (*datagram_commit)(struct load_wire *wire, unsigned ticket, uint32_t length);
	void (*wait)(struct load_wire *wire, bool wait);
	uint64_t (*drops)(const struct load_wire *wire);
	uint64_t (*waited)(const struct load_wire *wire);
	void (*strangers)(struct load_wire *wire, double share);
	void (*report)(const struct load_wire *wire, json_t *object);
	void (*stop)(struct load_wire *wire);
};

/**
 * struct wire_dpdk_config - a DPDK port and a stack of our own
 * @identity: a file that exists: two processes with the same one do not run at once
 * @device: as --via dpdk:DEVICE; @address, @prefix, @gateway, @login: as the fleet's options
 *	(text); @gateway may be NULL
 * @connect: the connect ports' address and port; NULL: @login's with the port after it
 * @cpu: the polling thread's; @megabytes, @pages ("auto", "huge", "no-huge"): DPDK's memory
 * @loss: share of frames lost in each direction, 0..1
 * @patience_us: how long a full port is waited for, as a host's own queue would, where it is
 * @strangers: others send on this port, too: IPv4 only, with the last addresses of the subnet
 * @seed: of the losses, and of what strangers send
 */
struct wire_dpdk_config {
	const char *identity, *device, *address, *gateway, *login, *connect;
	unsigned cpu, megabytes;
	const char *pages;
	double loss;
	uint32_t patience_us;
	bool strangers;
	uint64_t seed;
};

/** wire_dpdk_new() - see struct load_wire; nothing is opened before @start. NULL with @error. */
struct load_wire *wire_dpdk_new(const struct wire_dpdk_config *config, char *error, size_t size);

/** wire_free() - a stopped wire; NULL is allowed. */
void wire_free(struct load_wire *wire);
