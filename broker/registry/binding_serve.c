/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding_serve.c - jobs about bindings: withdrawn, off-line, durable, told; in this order */

#include "feed/hearth_feed.h"
#include "registry/binding_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* How long a sub-device may take to go off-line: its worker waits for room in the event ring. */
#define OFFLINE_MS 5000
/* How often places that were withdrawn for good are looked for. */
#define TIDY_MS 1000

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct device *device_at(const struct binding_table *table, uint32_t number, uint32_t serial)
{
	struct device *device = registry_at(table->config.registry, number);

	return device && device->serial == serial ? device : NULL;
}

static void copy_id(const struct device *device, char id[DEVICE_ID_MAX + 1])
{
	memcpy(id, device_id(device), device->id_length);
	id[device->id_length] = '\0';
}

/* A device that is provisioned for a gateway belongs to no other one. */
static int permitted(const struct binding_table *table, const struct job *job)
{
	const struct device *device = device_at(table, job->device, job->serial);
	const struct device *gateway = device_at(table, job->gateway, job->gateway_serial);
	char id[DEVICE_ID_MAX + 1], gateway_id[DEVICE_ID_MAX + 1];
	struct device_record record;
	int rc;

	if (!device || !gateway)
		return -ENOENT;
	copy_id(device, id);
	copy_id(gateway, gateway_id);
	rc = store_get(table->config.store, id, &record);
	if (rc == 0 && record.gateway[0] && strcmp(record.gateway, gateway_id) != 0)
		rc = -EACCES;
	explicit_bzero(&record, sizeof(record));
	return rc;
}

static uint64_t bound_to(const struct binding_table *table, uint32_t place)
{
	return table->places[place].gateway;
}

static void bind_in_memory(struct binding_table *table, uint32_t place, uint64_t gateway)
{
	const uint64_t before = bound_to(table, place);

	__atomic_store_n(&table->places[place].gateway, gateway, __ATOMIC_RELEASE);
	binding_put(table->count, table->count + (gateway != 0) - (before != 0));
}

static void over(struct binding_job *job, int result)
{
	job->job.result = result;
	job->step = BINDING_OVER;
}

/* ---- the steps of a job ---- */

/* Two jobs about one sub-device: the later one waits until the other is over. */
static bool claim_place(struct binding_table *table, struct binding_job *job)
{
	if (table->places[job->place].busy)
		return false;
	table->places[job->place].busy = true;
	table->places[job->place].withdrawn = false;
	job->was = bound_to(table, job->place);
	job->until = now_ms() + OFFLINE_MS;
	return true;
}

static void begin_bind(struct binding_table *table, struct binding_job *job)
{
	const uint64_t gateway = binding_pair(job->job.gateway, job->job.gateway_serial);
	const int rc = permitted(table, &job->job);

	if (rc < 0) {
		over(job, rc);
		return;
	}
	job->place = binding_find(table, job->job.device, job->job.serial);
	if (job->place != BINDING_NONE && !table->places[job->place].busy &&
		bound_to(table, job->place) == gateway) {
		over(job, JOB_DONE);
		return;
	}
	if (job->place == BINDING_NONE) {
		if (table->free == BINDING_NONE && table->limbo != BINDING_NONE)
			binding_grace(table);
		job->place = binding_add(table, job->job.device, job->job.serial);
	}
	if (job->place == BINDING_NONE) {
		over(job, -ENOSPC);
		return;
	}
	if (!claim_place(table, job))
		return;
	job->job.reason = HEARTH_REPLACED;
	job->step = BINDING_WITHDRAWN;
	bind_in_memory(table, job->place, 0);
}

static void begin_unbind(struct binding_table *table, struct binding_job *job)
{
	const uint64_t gateway = binding_pair(job->job.gateway, job->job.gateway_serial);

	job->place = binding_find(table, job->job.device, job->job.serial);
	if (job->place != BINDING_NONE && table->places[job->place].busy)
		return;
	if (job->place == BINDING_NONE || bound_to(table, job->place) != gateway) {
		over(job, -ENOENT);
		return;
	}
	claim_place(table, job);
	job->step = BINDING_WITHDRAWN;
	bind_in_memory(table, job->place, 0);
}

static void begin(struct binding_table *table, struct binding_job *job)
{
	switch (job->job.kind) {
	case JOB_BIND:
		begin_bind(table, job);
		break;
	case JOB_UNBIND:
		begin_unbind(table, job);
		break;
	case JOB_PERMIT:
		over(job, permitted(table, &job->job));
		break;
	default:
		over(job, -EINVAL);
		break;
	}
}

/* Have the worker that has a place's mark end it. @reason: of its offline event. */
static void end_online(struct binding_table *table, uint32_t place, uint8_t reason,
	const struct binding_mark *mark)
{
	const struct binding_config *config = &table->config;
	struct job order = {.kind = JOB_OFFLINE,
		.reason = reason,
		.device = table->entries[place].device,
		.serial = table->entries[place].serial,
		.entry = mark->entry,
		.session = mark->session};
	unsigned owner = config->owner(config->context, mark->entry);

	/* A ring that is full is tried again, as one that does nothing is asked again. */
	job_post(&table->workers[owner]->told, &order);
}

/* The job is over: its place is anybody's again, or free once it is on-line nowhere. */
static void release(struct binding_table *table, struct binding_job *job)
{
	struct binding_place *place = &table->places[job->place];

	place->busy = false;
	if (bound_to(table, job->place))
		return;
	if (binding_committed(table, job->place).session)
		table->leftover = place->withdrawn = true;
	else
		binding_drop(table, job->place);
}

/* Nothing comes of it: the gateway that it was bound to has it again, if both are still there. */
static void fail(struct binding_table *table, struct binding_job *job, int result)
{
	if (job->was && device_at(table, job->job.device, job->job.serial) &&
		device_at(table, (uint32_t)job->was, (uint32_t)(job->was >> 32)))
		bind_in_memory(table, job->place, job->was);
	release(table, job);
	over(job, result);
}

/* Behind a grace period: nobody brings it on-line any more, so what its mark says is the last. */
static void look_offline(struct binding_table *table, struct binding_job *job)
{
	const struct binding_mark mark = binding_committed(table, job->place);

	if (!mark.session) {
		job->step = BINDING_READY;
	} else if (now_ms() > job->until) {
		fail(table, job, -ETIMEDOUT);
	} else {
		end_online(table, job->place, job->job.reason, &mark);
	}
}

/* Removed while the job was under way: its bindings are gone from the store, and stay so. */
static bool look_removed(struct binding_table *table, struct binding_job *job)
{
	const struct job *asked = &job->job;

	if (device_at(table, asked->device, asked->serial) &&
		device_at(table, asked->gateway, asked->gateway_serial))
		return false;
	fail(table, job, -ENOENT);
	return true;
}

/* ---- a slice ---- */

static void take_jobs(struct binding_table *table)
{
	for (unsigned i = 0; i < table->config.workers; i++) {
		while (table->job_count < BINDING_JOBS_MAX) {
			struct binding_job *job = &table->jobs[table->job_count];

			*job = (struct binding_job){.worker = i, .place = BINDING_NONE};
			if (!job_take(&table->workers[i]->asked, &job->job))
				break;
			table->job_count++;
		}
	}
}

/* Return: was anything withdrawn that somebody may still be looking at? */
static bool begin_all(struct binding_table *table)
{
	bool withdrawn = false;

	for (unsigned i = 0; i < table->job_count; i++) {
		struct binding_job *job = &table->jobs[i];

		if (job->step == BINDING_NEW)
			begin(table, job);
		withdrawn |= job->step == BINDING_WITHDRAWN && job->was;
	}
	return withdrawn;
}

static void make_durable(struct binding_table *table)
{
	struct store_binding changes[BINDING_JOBS_MAX];
	size_t count = 0;
	int rc;

	for (unsigned i = 0; i < table->job_count; i++) {
		struct binding_job *job = &table->jobs[i];

		if (job->step != BINDING_READY || look_removed(table, job))
			continue;
		changes[count++] = (struct store_binding){.device = job->job.device,
			.serial = job->job.serial,
			.gateway = job->job.kind == JOB_BIND ? job->job.gateway : DEVICE_NONE,
			.gateway_serial = job->job.gateway_serial};
	}
	rc = store_bind(table->config.store, changes, count);
	for (unsigned i = 0; i < table->job_count; i++) {
		struct binding_job *job = &table->jobs[i];

		if (job->step != BINDING_READY)
			continue;
		if (rc < 0) {
			fail(table, job, rc);
			continue;
		}
		if (job->job.kind == JOB_BIND)
			bind_in_memory(table, job->place,
				binding_pair(job->job.gateway, job->job.gateway_serial));
		release(table, job);
		over(job, JOB_DONE);
	}
}

static void tell_all(struct binding_table *table)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < table->job_count; i++) {
		const struct binding_job *job = &table->jobs[i];

		if (job->step == BINDING_OVER &&
			job_post(&table->workers[job->worker]->told, &job->job))
			continue;
		if (kept != i)
			table->jobs[kept] = *job;
		kept++;
	}
	table->job_count = kept;
}

/* Devices that were removed before they had gone off-line: their places come free later. */
static void tidy(struct binding_table *table)
{
	table->leftover = false;
	for (uint32_t i = 0; i < table->config.limit; i++) {
		const struct binding_mark mark = binding_committed(table, i);

		if (!table->entries[i].serial || !table->places[i].withdrawn)
			continue;
		if (mark.session) {
			table->leftover = true;
			end_online(table, i, HEARTH_REMOVED, &mark);
		} else {
			binding_drop(table, i);
		}
	}
}

void binding_serve(struct binding_table *table)
{
	take_jobs(table);
	if (table->job_count) {
		if (begin_all(table))
			binding_grace(table);
		for (unsigned i = 0; i < table->job_count; i++) {
			if (table->jobs[i].step == BINDING_WITHDRAWN)
				look_offline(table, &table->jobs[i]);
		}
		make_durable(table);
		tell_all(table);
	}
	if (table->leftover && now_ms() >= table->tidy_ms) {
		table->tidy_ms = now_ms() + TIDY_MS;
		tidy(table);
	}
}

/* ---- devices that are removed ---- */

static bool concerns(const struct binding_table *table, uint32_t place, uint64_t pair)
{
	const struct binding_entry *entry = &table->entries[place];

	return entry->serial && (binding_pair(entry->device, entry->serial) == pair ||
					table->places[place].gateway == pair);
}

/* A place that a job is about is the job's: it finds the device gone. */
bool binding_withdraw(struct binding_table *table, uint32_t device, uint32_t serial)
{
	const uint64_t pair = binding_pair(device, serial);
	bool any = false;

	for (uint32_t i = 0; i < table->config.limit; i++) {
		if (!concerns(table, i, pair) || table->places[i].busy)
			continue;
		bind_in_memory(table, i, 0);
		table->places[i].withdrawn = any = true;
	}
	table->leftover |= any;
	if (any)
		binding_grace(table);
	return any;
}

bool binding_withdrawn(struct binding_table *table)
{
	if (table->leftover)
		tidy(table);
	return !table->leftover;
}
