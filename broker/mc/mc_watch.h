/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_watch.h - who reconnects too often, who comes twice, who fails to log in: bounded tables */
#pragma once

#include "random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Two tables of fixed size in process memory, shared by all workers without locks. They are empty
 * after a restart: whoever was held down, or had failed often, begins anew; a restart is rarer than
 * what they guard against, and forgives rather than forgets to forgive.
 *
 * Login budgets: one 8-byte word per bucket, kept by name, by source address (IPv4 /32, IPv6 /64)
 * and by the device id that a login named, provisioned or not. Only failed logins take tokens. When
 * a set is full the fullest bucket gives way, so that forgetting it forgives the least; addresses
 * without number push out nothing but each other.
 *
 * An empty bucket makes guessing pointless: where that of the address or of the id is empty, a
 * right PIN is refused as a wrong one is, after the same work - but only while the device has a
 * session that is alive (heard within a heartbeat and 10 s) at another address. So a budget
 * cannot be turned against an owner, whatever strangers do, at whatever address:
 *  - a device that is not connected is never refused: its first login, its login after a failure or
 *    after a restart of the broker, anywhere;
 *  - a device that is connected is never refused where it is, behind a hostile NAT either;
 *  - what is left to a stranger who keeps failing for an id, or at the address that its owner moves
 *    to, is to delay that move: until a heartbeat and 10 s after the old session was last heard, at
 *    once if it was closed. By the text a device tries again after 60 s.
 * What it leaves to a stranger is to guess while the device is off.
 *
 * Budgets are not there to save work: a login with a wrong PIN costs Mc some 800 cycles (a good one
 * 4,500), and one that was refused for less would tell so to whoever has a clock.
 *
 * Devices: 32 bytes each, made by accepted connects only, so that no stranger can make, fill or
 * push out one of them. When a set is full those give way that say the least: first those that have
 * just connected once, last those that are held down.
 *
 * Flapping: a device whose connects are accepted more than "connects" times within "seconds" of the
 * first of them is held down for "hold" seconds from then on; its session stays.
 *
 * Clones: sessions of two devices under one id push each other out. A take-over is a connect with a
 * new login while the device's last session was heard, after its own connect, within a heartbeat
 * and 10 s. It comes back, if it is the second or later within 10 minutes, its sequence does not go
 * on from the session that it ends (one device counts on: over a new address, from UDP to TCP, at a
 * new login beside a running session), and one of these holds:
 *  - its sequence goes on from the session before that one;
 *  - it comes from where that one was, and not from where the one that it ends is: another address,
 *    or, both over UDP, another port;
 *  - the session that it ends was heard in the last 2 s: no device restarts and logs in so fast.
 * The third within 10 minutes is the sign. NAT that gives out a new address or port, and a device
 * that moves from UDP to TCP, do not come back. A device that restarts over and over comes from one
 * address and is not heard shortly before it is back: it is flapping at most.
 */

#define MC_WATCH_BACKS 3          /* take-overs that come back: two devices */
#define MC_WATCH_BACK_SECONDS 600 /* within so long of the first */
#define MC_WATCH_DEVICES 65536    /* of 32 bytes */
#define MC_WATCH_BUCKETS 131072   /* of 8 bytes */

/**
 * struct mc_watch_config - limits and sizes
 * @failures: failed logins at once, 0: no budgets
 * @per_seconds: in which so many are given back; 1..86400
 * @connects: accepted in @seconds, more is flapping; 0: not watched, up to 250
 * @hold: seconds
 * @devices, @buckets: entries, powers of two, at least 8
 */
struct mc_watch_config {
	uint32_t failures, per_seconds;
	uint32_t connects, seconds, hold;
	uint32_t devices, buckets;
};

struct mc_watch;

/** mc_watch_new() - empty tables, their keys drawn from @random. NULL with errno set: no memory. */
struct mc_watch *mc_watch_new(const struct mc_watch_config *config, struct random *random);

/**
 * mc_watch_configure() - other limits from now on; one thread. Sizes stay as they are.
 *
 * Workers go on meanwhile: what they count with may for a moment be of either. Who is held down
 * stays so for as long as was said.
 */
void mc_watch_configure(struct mc_watch *watch, const struct mc_watch_config *config);

/** mc_watch_free() - NULL is allowed. */
void mc_watch_free(struct mc_watch *watch);

/** mc_watch_bytes() - memory that it takes. */
size_t mc_watch_bytes(const struct mc_watch_config *config);

/* ---- login budgets; any thread. @ms: monotonic ---- */

/** mc_watch_budgets() - are failed logins counted at all? */
bool mc_watch_budgets(const struct mc_watch *watch);

/** mc_watch_address() - the name of an address's bucket: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
uint64_t mc_watch_address(const struct mc_watch *watch, const uint8_t address[16]);

/** mc_watch_id() - the name of a device id's bucket. @hash: a keyed hash of the id. */
uint64_t mc_watch_id(const struct mc_watch *watch, uint64_t hash);

/** mc_watch_spent() - is this bucket empty? */
bool mc_watch_spent(const struct mc_watch *watch, uint64_t name, uint64_t ms);

/** mc_watch_failed() - take a token from a bucket, if it has one. */
void mc_watch_failed(struct mc_watch *watch, uint64_t name, uint64_t ms);

/* ---- devices; any thread. @tick: monotonic seconds ---- */

/* Alerts, as bits. */
#define MC_WATCH_FLAPPING 0x1
#define MC_WATCH_CLONE 0x2

/**
 * struct mc_watch_connect - an accepted connect
 * @place: mc_watch_place() of where it came from
 * @base: its sequence
 * @took_over: it ended a session of another login that was alive; then
 * @next: the sequence that would go on from that session
 * @just_heard: it was heard in the last 2 s
 */
struct mc_watch_connect {
	uint32_t place;
	uint16_t base, next;
	bool took_over, just_heard;
};

/** mc_watch_place() - a short name of an address and, over UDP, a port (0: over TCP). */
uint32_t mc_watch_place(const struct mc_watch *watch, const uint8_t address[16], uint16_t port);

/** mc_watch_elsewhere() - are these two places, as far as can be told? Ports are compared only if
 * both are over UDP: one device's TCP ports are all different. */
bool mc_watch_elsewhere(uint32_t a, uint32_t b);

/** mc_watch_device() - the name of a device's entry. @number, @serial: the registry's. */
uint64_t mc_watch_device(const struct mc_watch *watch, uint32_t number, uint32_t serial);

/**
 * mc_watch_connected() - a connect of a device was accepted
 * Return: alerts that are due from now on, until mc_watch_told().
 */
unsigned mc_watch_connected(struct mc_watch *watch, uint64_t name, uint32_t tick,
	const struct mc_watch_connect *connect);

/** mc_watch_held() - how many seconds longer a device is held down; 0: it is not. */
uint32_t mc_watch_held(const struct mc_watch *watch, uint64_t name, uint32_t tick);

/** mc_watch_here() - the place of a device's newest connect; 0: not known (any more). */
uint32_t mc_watch_here(const struct mc_watch *watch, uint64_t name);

/** mc_watch_due() - take the alert of a hold-down that was put off: the caller writes it, or gives
 * it back with mc_watch_owe(). */
bool mc_watch_due(struct mc_watch *watch, uint64_t name);

/** mc_watch_owe() - alerts that found no room: that of a hold-down is due again with the next login
 * or connect that it refuses, that of clones with the next take-over. */
void mc_watch_owe(struct mc_watch *watch, uint64_t name, unsigned alerts);

/* ---- for people ---- */

/** struct mc_watch_fill - entries in use, and what gave way; @held, @spent: of these, the devices
 * held down and the buckets that are empty */
struct mc_watch_fill {
	uint32_t devices, devices_used, held;
	uint32_t buckets, buckets_used, spent;
	uint64_t devices_evicted, buckets_evicted;
};

/** mc_watch_fill() - a walk through both tables; not for workers. */
struct mc_watch_fill mc_watch_fill(const struct mc_watch *watch, uint32_t tick, uint64_t ms);
