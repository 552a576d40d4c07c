/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_remove.c - device remove: the device, its sessions, and then its place in the table */

#include <urcu/urcu-qsbr.h>

#include "control/device_remove.h"
#include "control/control_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/*
 * The order, and why:
 *
 * 1. store_remove(): from here on a restart does not know the device.
 * 2. Nothing is bound to it any more, nor it to anything; its sub-devices, and it itself where
 *    it is one, go off-line, "removed". And its sessions are ended while workers can still look
 *    it up, by id and by number: the worker writes the event "offline, removed", which names the
 *    device.
 * 3. registry_remove(): no worker finds it by id any more; a grace period later none is in the
 *    middle of granting it a login.
 * 4. What slipped in between 2 and 3 is ended too.
 * 5. registry_reclaim(): its number may be given to another device. Entries that still name the
 *    number carry the removed device's serial, so that they can never act for the new one.
 *
 * Nothing waits for longer than a second in all: a worker whose ring is full even for life-cycle
 * events cannot tell of the end, and the operator is told so.
 */

#define WAIT_US 1000000
#define POST_AGAIN_US 50000

/** struct ending - one of a device's two session entries on its way out */
struct ending {
	uint32_t index;
	session_handle asked;
	uint64_t asked_us;
};

/* The handle of an entry that still is this device's; 0 if there is none. */
static session_handle still_there(const struct broker_view *view, const struct device *device,
	uint32_t index, bool *void_but_owing)
{
	struct session_turn turn;

	*void_but_owing = false;
	if (index == SESSION_NONE || !session_peek(view->table, index, &turn) ||
		turn.device != device->number || turn.serial != device->serial)
		return 0;
	*void_but_owing = turn.state == SESSION_FREE;
	return control_handle(view->table, &turn);
}

/* Look at an entry once: ask its worker to end it unless just asked. Return: is it gone? */
static bool end_entry(struct broker_view *view, const struct device *device, const uint32_t *member,
	struct ending *ending, uint64_t now)
{
	uint32_t index = __atomic_load_n(member, __ATOMIC_RELAXED);
	session_handle handle;
	bool owing;

	if (index != SESSION_NONE)
		ending->index = index;
	handle = still_there(view, device, ending->index, &owing);
	if (!handle)
		return true;
	if (!owing && (handle != ending->asked || now - ending->asked_us > POST_AGAIN_US) &&
		view->control(view, CONTROL_REMOVED, handle) == 0) {
		ending->asked = handle;
		ending->asked_us = now;
	}
	return false;
}

/* End both sessions of a device. Return: were they gone before @until? */
static bool end_sessions(struct broker_view *view, const struct device *device, uint64_t until)
{
	static const struct timespec moment = {.tv_nsec = 1000000};
	struct ending live = {.index = SESSION_NONE}, login = {.index = SESSION_NONE};

	for (;;) {
		uint64_t now = control_clock_us();
		bool gone = end_entry(view, device, &device->live, &live, now);

		gone &= end_entry(view, device, &device->login, &login, now);
		if (gone || now >= until)
			return gone;
		urcu_qsbr_thread_offline();
		nanosleep(&moment, NULL);
		urcu_qsbr_thread_online();
	}
}

/* Have what was withdrawn go off-line. Return: did it before @until? */
static bool end_online(struct broker_view *view, uint64_t until)
{
	static const struct timespec moment = {.tv_nsec = 1000000};

	while (!binding_withdrawn(view->bindings)) {
		if (control_clock_us() >= until)
			return false;
		urcu_qsbr_thread_offline();
		nanosleep(&moment, NULL);
		urcu_qsbr_thread_online();
	}
	return true;
}

/* Steps 2 to 5. Return: did every session end in time? */
static bool remove_from_workers(struct broker_view *view, const char *id)
{
	uint64_t until = control_clock_us() + WAIT_US;
	/* stays good while this thread, the only one that removes, has not reclaimed it */
	struct device *device = registry_find(view->registry, id, (uint32_t)strlen(id));
	bool gone;

	if (!device)
		return true;
	if (view->bindings && binding_withdraw(view->bindings, device->number, device->serial))
		end_online(view, until);
	end_sessions(view, device, until);
	registry_remove(view->registry, id);
	registry_wait(view->registry);
	gone = end_sessions(view, device, until);
	if (!gone) { /* the workers go on trying */
		session_look(view->table, __atomic_load_n(&device->live, __ATOMIC_RELAXED));
		session_look(view->table, __atomic_load_n(&device->login, __ATOMIC_RELAXED));
	}
	registry_reclaim(view->registry);
	return gone;
}

json_t *device_remove(struct store *store, struct broker_view *view, json_t *request, int file)
{
	struct device_record removed = {0};
	const char *verb, *id;
	json_t *answer;
	bool gone = true;
	int rc;

	answer = control_unpack(request, "{s:s, s:s}", "verb", &verb, "id", &id);
	if (answer)
		return answer;
	rc = store_remove(store, id, &removed);
	explicit_bzero(&removed, sizeof(removed));
	if (rc == -ENOENT)
		return control_refuse("hearthctl device list shows those that are provisioned",
			"no device \"%s\"", id);
	if (rc == -ENOSPC)
		return control_refuse("free disk space, then try again",
			"device \"%s\" not removed: the registry's disk is full", id);
	if (rc < 0)
		return control_refuse("look at the registry's disk, then start the broker again",
			"device \"%s\" not removed: the registry cannot be written (%s)", id,
			strerror(-rc));
	if (view)
		gone = remove_from_workers(view, id);
	answer = json_pack(
		"{s:b, s:s, s:I}", "ok", 1, "id", id, "devices", (json_int_t)store_count(store));
	if (answer && !gone)
		json_object_set_new(answer, "warning",
			json_string(
				"its session had not ended after a second: the event ring may be "
				"full, read it; the device cannot do anything any more"));
	return answer;
}
