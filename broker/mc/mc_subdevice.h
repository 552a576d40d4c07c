/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_subdevice.h - sub-devices in their gateway's session (sections 5.4.3.9 to 5.4.3.13) */
#pragma once

#include "feed/hearth_feed.h"
#include "registry/binding.h"
#include "session/session.h"

#include <stdbool.h>
#include <stdint.h>

#define MC_WAITS 512            /* requests of a worker's sessions that wait for the registry */
#define MC_WAITS_PER_SESSION 32 /* of them, at most: as many as a sequence window names */
#define MC_WAIT_PAYLOAD 1024    /* what the event of one may carry */
#define MC_LEAVING 64           /* ended sessions whose sub-devices are being taken off-line */
#define MC_LEAVE_TURN 64        /* sub-devices that go off-line in a turn's slice, */
#define MC_LEAVE_CONNECT 256    /* and before their session's token connects anew */

/**
 * struct mc_wait - a request that is answered when its job is done
 * @number: its own since the connect
 * @known: a repeat of one that was accepted: it is answered, its event is written
 * @next: on the free list: index + 1
 */
struct mc_wait {
	uint32_t number;
	uint32_t device_time;
	uint16_t code, sequence;
	bool sequence_text, known;
	uint8_t subdevice_length;
	char subdevice[DEVICE_ID_MAX];
	uint16_t next;
	uint16_t payload_length;
	uint8_t payload[MC_WAIT_PAYLOAD];
};

/** struct mc_waits - all of a worker's; zeroed is empty. @handles: of their sessions, 0: free;
 * @rounds: how often each was used, so that no job comes back to another's; @made: used at least
 * once */
struct mc_waits {
	session_handle handles[MC_WAITS];
	uint32_t rounds[MC_WAITS];
	uint16_t free, made, used;
	struct mc_wait waits[MC_WAITS];
};

/** struct mc_leaving - entries of sessions that ended with sub-devices on-line, oldest first. What
 * finds no room here is found by the sweep. */
struct mc_leaving {
	unsigned count;
	uint32_t entries[MC_LEAVING];
};

struct mc;
struct mc_frame;
struct mc_text;

/* mc_subdevice.c: what requests about sub-devices are worth (struct mc_kind) */
uint32_t mc_subdevice_authenticate(struct mc *mc, const struct mc_frame *frame,
	struct session_turn *turn, struct device *device);
uint32_t mc_subdevice_bound(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device);
uint32_t mc_subdevice_release(struct mc *mc, const struct mc_frame *frame,
	struct session_turn *turn, struct device *device);
uint32_t mc_subdevice_state(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device);

/** mc_subdevice_again() - a repeat of a 2012 that was accepted: what authResult said, it says. */
uint32_t mc_subdevice_again(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t number);

/**
 * mc_subdevice_report() - a report whose deviceId is not the session's: of one of its sub-devices?
 * It brings that one on-line. Return: 0, or the result that the report is answered with.
 */
uint32_t mc_subdevice_report(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device);

/**
 * mc_subdevice_unbind() - a backend's 2015: the sub-device is bound to this gateway no more
 * @gateway: the gateway's live session
 *
 * It goes off-line at once ("kicked") and the binding is gone when that is durable, whatever the
 * gateway answers. Nobody is told.
 * Return: 0; -ENOENT: it is not bound to this gateway; -EAGAIN: no more can be under way now.
 */
int mc_subdevice_unbind(
	struct mc *mc, const struct session_turn *gateway, const void *id, uint32_t length);

/** mc_subdevice_place() - place in the table of a device that is bound to this gateway now, or
 * BINDING_NONE. @found: receives the device, bound or not. */
uint32_t mc_subdevice_place(struct mc *mc, const struct device *gateway, const void *id,
	uint32_t length, struct device **found);

/* mc_subdevice_life.c: on-line and off-line */

/** mc_subdevice_login() - names the login that a session belongs to: it is the same over reconnects
 * with one token. Not 0. */
uint64_t mc_subdevice_login(const struct mc *mc, const struct session_turn *turn);

/** mc_subdevice_online() - it is on-line in this session from now on. Return: false if that cannot
 * be written now, or its older session is not done with it. */
bool mc_subdevice_online(
	struct mc *mc, struct session_turn *turn, const struct device *gateway, uint32_t place);

/** mc_subdevice_offline() - it is not. Return: false if that cannot be written now. */
bool mc_subdevice_offline(struct mc *mc, struct session_turn *turn, const struct device *gateway,
	uint32_t place, enum hearth_reason reason);

/** mc_subdevice_leave() - its mark names this session, live or ended: no more; @reason of one
 * that is live. Return: false if that cannot be written now. */
bool mc_subdevice_leave(
	struct mc *mc, struct session_turn *turn, uint32_t place, enum hearth_reason reason);

/** mc_subdevices_left() - a session ends: its sub-devices that are on-line owe their events. */
void mc_subdevices_left(struct mc *mc, struct session_turn *turn, enum hearth_reason reason);

/** mc_subdevices_settle() - write up to @most of these. Return: are there none (any more)? */
bool mc_subdevices_settle(
	struct mc *mc, struct session_turn *turn, const struct device *gateway, unsigned most);

/** mc_subdevices_turn() - a turn's slice of them. */
void mc_subdevices_turn(struct mc *mc);

/** mc_subdevice_restored() - on attach: a record about a sub-device is applied again. @turn: its
 * session. Return: was it one? */
bool mc_subdevice_restored(
	struct mc *mc, const struct hearth_item *item, const struct session_turn *turn);

/* mc_wait.c: requests that wait for the registry */

/** mc_wait() - answer this request when a job is done. Return: MC_LATER, or MC_NO_ROOM. @known: it
 * was accepted before. */
uint32_t mc_wait(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn,
	const struct device *gateway, const struct device *subdevice, enum job_kind kind,
	bool known);

/** mc_waits_for() - does this very request wait already? (counted) */
bool mc_waits_for(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn);

/** mc_resumed() - struct protocol. */
void mc_resumed(void *state, const struct job *job);
