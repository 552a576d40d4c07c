/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker.c - start everything in order, run, stop */
#include "broker.h"

#include "broker_state.h"
#include "control/control_ask.h"
#include "eal.h"
#include "feed/command_ring.h"
#include "telemetry.h"
#include "log/log.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <urcu/urcu-qsbr.h>

/* A sub-device that is bound waits for a slice and a write to the disk (binding_serve()). */
#define CONTROL_SLICE_MS 10

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int load_registry(struct broker *broker, char *error, size_t size)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	broker->registry = registry_load(broker->store, broker->config->limits.devices,
		eal_uses_huge_pages(), broker->first_session, error, size);
	if (!broker->registry)
		return -errno;
	log_info("registry %s: %u devices loaded in %.1f s, %.1f MiB for up to %u",
		broker->config->registry_path, registry_count(broker->registry),
		seconds_since(&start), (double)registry_bytes(broker->registry) / 1048576,
		broker->config->limits.devices);
	return 0;
}

/* ---- DPDK: memory, ports ---- */

static int start_eal(struct broker *broker, char **words, char *error, size_t size)
{
	const struct config *config = broker->config;
	const char *devices[CONFIG_PORTS_MAX];
	char joined[4096] = "";
	struct eal_config eal = {.identity = config->file,
		.workers = config->workers,
		.worker_count = config->worker_count,
		.memory = (enum eal_memory)config->memory.mode,
		.megabytes = config->memory.megabytes,
		.devices = devices,
		.device_count = config->port_count,
		.words = joined};
	size_t used = 0;
	int rc;

	_Static_assert((int)MEMORY_AUTO == EAL_MEMORY_AUTO && (int)MEMORY_HUGE == EAL_MEMORY_HUGE &&
			       (int)MEMORY_NO_HUGE == EAL_MEMORY_NO_HUGE,
		"the configuration's modes are EAL's");
	for (unsigned i = 0; i < config->port_count; i++)
		devices[i] = config->ports[i].device;
	for (; *words && used < sizeof(joined); words++)
		used += (size_t)snprintf(
			joined + used, sizeof(joined) - used, "%s%s", used ? " " : "", *words);
	if (used >= sizeof(joined)) {
		snprintf(error, size, "too many words for EAL after --");
		return -E2BIG;
	}
	broker->eal_started = true;
	rc = eal_start(&eal, error, size);
	if (!rc) {
		log_info("%s", eal_memory_line());
		log_info("EAL: %s", eal_line());
	}
	return rc;
}

static int open_ports(struct broker *broker, char *error, size_t size)
{
	const struct config *config = broker->config;
	uint8_t key[RSS_KEY_BYTES];

	do
		broker->random->fill(broker->random, key, sizeof(key));
	while (rss_init(&broker->rss, key, config->worker_count) == -EINVAL);
	for (unsigned i = 0; i < config->port_count; i++) {
		struct port_config port = {.device = config->ports[i].device,
			.workers = config->worker_count,
			.queues = config->ports[i].queues,
			.rss = &broker->rss,
			/* the other half is DPDK's own and its rings' */
			.megabytes = config->memory.megabytes / 2 / config->port_count};

		broker->ports[i] = port_open(&port, error, size);
		if (!broker->ports[i])
			return -EIO;
		log_info("port %s", port_line(broker->ports[i]));
	}
	return 0;
}

/* ---- workers ---- */

/* "name LIMIT (MiB), ..." of what each worker has. */
static void pools_text(const struct worker *worker, char *out, size_t size)
{
	struct pool_view pools[WORKER_POOLS_MAX];
	unsigned count = worker_pools(worker, pools);
	size_t used = 0;

	for (unsigned i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s %u (%.1f)", i ? ", " : "",
			pools[i].name, pools[i].limit, (double)pools[i].bytes / 1048576);
}

/* What the limits come to: how many of everything, and the memory of it. */
static void say_memory(struct broker *broker, const struct worker_setup *setup)
{
	const struct config *config = broker->config;
	const size_t sessions =
		session_entries(broker->table, NULL) * session_entry_bytes(broker->table);
	const size_t between = worker_mesh_bytes(setup->count);
	const struct mc_watch_config watch = broker_watch_config(config);
	const size_t pool = command_pool_bytes(broker->command_pool);
	char pools[768], forward[64] = "";

	pools_text(broker->threads[0].worker, pools, sizeof(pools));
	log_info("memory of each worker, records (MiB): %s", pools);
	if (between)
		snprintf(forward, sizeof(forward), ", rings between workers (%.1f MiB)",
			(double)between / 1048576);
	snprintf(broker->memory_line, sizeof(broker->memory_line),
		"%u worker%s of %.1f MiB (%u TCP connections in all), %u sessions of %zu bytes "
		"(%.1f MiB), %u devices (%.1f MiB), %u sub-devices (%.1f MiB), %u commands "
		"(%.1f MiB), event rings of %.0f "
		"MiB each%s, reconnects and failed logins (%.1f MiB); %.1f MiB in all, beside "
		"DPDK's own %u",
		setup->count, setup->count == 1 ? "" : "s", (double)worker_bytes(setup) / 1048576,
		config->limits.connections, session_entries(broker->table, NULL),
		session_entry_bytes(broker->table), (double)sessions / 1048576,
		config->limits.devices, (double)registry_bytes(broker->registry) / 1048576,
		config->limits.subdevices, (double)binding_bytes(broker->bindings) / 1048576,
		config->limits.commands, (double)pool / 1048576,
		(double)config->feed.bytes / 1048576, forward,
		(double)mc_watch_bytes(&watch) / 1048576,
		(double)(setup->count * (worker_bytes(setup) + config->feed.bytes) + sessions +
			 registry_bytes(broker->registry) + binding_bytes(broker->bindings) +
			 between + pool + mc_watch_bytes(&watch)) /
			1048576,
		config->memory.megabytes);
	log_info("memory: %s", broker->memory_line);
}

/* Another worker has the same CPU: who has nothing to do lets the other go on. */
static bool shares_cpu(const struct config *config, unsigned worker)
{
	for (unsigned i = 0; i < config->worker_count; i++) {
		if (i != worker && config->workers[i] == config->workers[worker])
			return true;
	}
	return false;
}

/* What each worker owns at first; a session goes where its device connects. */
static void say_workers(struct broker *broker, const struct worker_setup *setup)
{
	uint32_t range;

	if (setup->count == 1)
		return;
	session_entries(broker->table, &range);
	for (unsigned i = 0; i < setup->count; i++)
		log_info("worker %u on CPU %u%s: queue %u of every port, flows by hash, "
			 "session entries %u to %u",
			i, broker->config->workers[i], broker->threads[i].shares ? " (shared)" : "",
			i, i * range, (i + 1) * range - 1);
}

static int make_mesh(struct broker *broker, struct worker_setup *setup, char *error, size_t size)
{
	if (setup->count == 1)
		return 0;
	broker->mesh = worker_mesh_new(setup->count, setup->huge);
	setup->mesh = broker->mesh;
	if (broker->mesh)
		return 0;
	snprintf(error, size, "no memory for the rings between %u workers: %s", setup->count,
		strerror(errno));
	return -errno;
}

static int make_watch(struct broker *broker, struct worker_setup *setup, char *error, size_t size)
{
	const struct mc_watch_config config = broker_watch_config(broker->config);

	broker->watch = mc_watch_new(&config, broker->random);
	broker->view.watch = setup->watch = broker->watch;
	if (broker->watch)
		return 0;
	snprintf(error, size, "no memory to watch devices and addresses: %s", strerror(errno));
	return -errno;
}

static int make_workers(struct broker *broker, char *error, size_t size)
{
	struct worker_setup setup = {.config = broker->config,
		.count = broker->config->worker_count,
		.rss = &broker->rss,
		.table = broker->table,
		.registry = broker->registry,
		.bindings = broker->bindings,
		.feed = broker->feed,
		.commands = broker->commands,
		.command_pool = broker->command_pool,
		.huge = eal_uses_huge_pages(),
		.draining = &broker->view.draining,
		.tsc_hz = eal_tsc_hz()};
	struct worker *workers[CONFIG_WORKERS_MAX];
	uint32_t attached = 0;
	struct turn_clock now;
	uint64_t began;
	int rc = make_mesh(broker, &setup, error, size);

	if (!rc)
		rc = make_watch(broker, &setup, error, size);
	if (rc)
		return rc;
	broker->trace = setup.trace = broker->view.trace = trace_new(setup.count);
	if (!broker->trace) {
		snprintf(error, size, "no memory for following devices: %s", strerror(errno));
		return -errno;
	}
	for (unsigned i = 0; i < setup.count; i++) {
		struct broker_thread *thread = &broker->threads[i];

		thread->broker = broker;
		thread->shares = shares_cpu(broker->config, i);
		thread->random = random_system_new();
		if (!thread->random) {
			snprintf(error, size, "no random numbers: %s", strerror(errno));
			return -errno;
		}
		setup.number = i;
		setup.random = thread->random;
		for (unsigned j = 0; j < broker->config->port_count; j++)
			setup.links[j] = port_link(broker->ports[j], i);
		session_worker_random(session_worker(broker->table, i), thread->random);
		clock_read(&broker->clock, &now);
		thread->worker = worker_new(&setup, &now, error, size);
		if (!thread->worker)
			return -errno;
		workers[i] = thread->worker;
	}
	clock_read(&broker->clock, &now);
	began = now.us;
	rc = workers_attach(workers, setup.count, error, size);
	if (rc)
		return rc;
	clock_read(&broker->clock, &now);
	for (unsigned i = 0; i < setup.count; i++)
		attached += worker_attached(workers[i]);
	say_memory(broker, &setup);
	say_workers(broker, &setup);
	if (feed_attached(broker->feed) || session_table_attached(broker->table))
		log_info("attached to %s: %u sessions go on, after %.2f s",
			broker->config->feed.path, attached, (double)(now.us - began) / 1e6);
	return 0;
}

static int worker_main(void *argument)
{
	struct broker_thread *thread = argument;
	struct broker *broker = thread->broker;
	struct turn_clock now;

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&broker->stop, __ATOMIC_RELAXED)) {
		clock_read(&broker->clock, &now);
		if (!worker_turn(thread->worker, &now) && thread->shares)
			sched_yield();
	}
	urcu_qsbr_unregister_thread();
	return 0;
}

static int launch(struct broker *broker, char *error, size_t size)
{
	int rc;

	broker->launched = true;
	for (unsigned i = 0; i < broker->config->worker_count; i++) {
		rc = eal_launch(i, worker_main, &broker->threads[i]);
		if (rc) {
			snprintf(error, size, "worker %u cannot start on CPU %u: %s", i,
				broker->config->workers[i], strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static void say_ready(struct broker *broker)
{
	const struct config *config = broker->config;

	log_info("events: %s, one ring per worker; sessions: %s", config->feed.path,
		broker->sessions_path);
	log_info("ready: Mc login on TCP %u, connect on TCP %u and UDP %u; control socket %s",
		config->mc.login_tcp, config->mc.connect_tcp, config->mc.connect_udp,
		config->control_socket);
	if (broker->http)
		log_info("over HTTP: http://%s/", config->http.listen);
}

/* ---- the whole ---- */

static int start(struct broker *broker, char **words, char *error, size_t size)
{
	const struct config *config = broker->config;
	int rc;

	broker->random = random_system_new();
	if (!broker->random) {
		snprintf(error, size, "no random numbers: %s", strerror(errno));
		return -errno;
	}
	rc = broker_open_files(broker, error, size);
	if (rc)
		return rc;
	broker_view_init(broker);
	broker->control = control_open(&broker->view, error, size);
	if (!broker->control)
		return -errno;
	if (config->http.listen && !(broker->http = http_open(config, error, size)))
		return -errno;
	if ((rc = start_eal(broker, words, error, size)) ||
		/* from here on this thread keeps off the workers' CPUs, and so does that one */
		(broker->http && (rc = http_start(broker->http, broker->control, error, size))) ||
		(rc = open_ports(broker, error, size)) || (rc = load_registry(broker, error, size)))
		return rc;
	clock_init(&broker->clock, eal_tsc_hz());
	broker->view.registry = broker->registry;
	rc = broker_open_bindings(broker, error, size);
	if (rc)
		return rc;
	broker->view.bindings = broker->bindings;
	rc = make_workers(broker, error, size);
	if (rc || (rc = launch(broker, error, size)))
		return rc;
	rc = telemetry_start(broker->control);
	if (rc)
		snprintf(error, size, "DPDK takes no telemetry commands: %s", strerror(-rc));
	return rc;
}

struct broker *broker_start(const struct config *config, char **eal_words, char *error, size_t size)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	int rc;

	if (!broker) {
		snprintf(error, size, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	broker->config = config;
	urcu_qsbr_register_thread();
	rc = start(broker, eal_words, error, size);
	if (rc) {
		broker_remove_new_files(broker);
		broker_stop(broker);
		errno = -rc;
		return NULL;
	}
	broker_audit(broker, "start");
	say_ready(broker);
	return broker;
}

void broker_run(struct broker *broker, const volatile bool *stop, volatile bool *hangup)
{
	http_set_state(broker->http, HTTP_READY);
	while (!*stop && !control_drained(broker->control, NULL)) {
		if (*hangup) {
			*hangup = false;
			broker_hangup(broker);
		}
		control_serve(broker->control, CONTROL_SLICE_MS);
		http_set_state(broker->http, broker->view.draining ? HTTP_DRAINING : HTTP_READY);
		clock_set_wall(&broker->clock);
		binding_serve(broker->bindings);
		broker_keep_ids_ahead(broker);
		broker_keep_commands(broker);
		log_tick();
		broker_keep_configs(broker);
	}
	broker_audit(broker, "stop");
}

void broker_stop(struct broker *broker)
{
	http_set_state(broker->http, HTTP_ENDING); /* nobody waits for this thread from here on */
	__atomic_store_n(&broker->stop, true, __ATOMIC_RELAXED);
	urcu_qsbr_thread_offline();
	if (broker->launched)
		eal_wait();
	if (broker->control)
		control_ask_end(broker->control);
	http_close(broker->http);
	telemetry_stop();
	urcu_qsbr_thread_online();
	if (broker->control)
		broker_remove_drained(broker);
	control_close(broker->control);
	audit_close(broker->audit);
	for (unsigned i = 0; i < broker->config->worker_count; i++) {
		worker_free(broker->threads[i].worker);
		random_system_free(broker->threads[i].random);
	}
	broker_free_configs(broker);
	worker_mesh_free(broker->mesh);
	mc_watch_free(broker->watch);
	trace_free(broker->trace);
	for (unsigned i = 0; i < broker->config->port_count; i++)
		port_close(broker->ports[i]);
	if (broker->eal_started)
		eal_stop();
	binding_close(broker->bindings);
	registry_free(broker->registry);
	session_table_close(broker->table);
	command_rings_close(broker->commands);
	command_pool_close(broker->command_pool);
	feed_close(broker->feed);
	store_close(broker->store);
	random_system_free(broker->random);
	urcu_qsbr_unregister_thread();
	free(broker);
}
