/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* metrics_broker.c - what a broker has once or by port: sessions, registry, rings, memory, ports */
#include "http/metrics_write.h"

#include <string.h>

#define G METRICS_GAUGE
#define C METRICS_COUNTER

static const struct metrics_member broker_members[] = {
	{"started", G, "start_time_seconds", "seconds", "when the broker was started, Unix time",
		0},
};

static const struct metrics_member session_members[] = {
	{"limit", G, "sessions_limit", NULL, "live sessions that the configuration allows", 0},
	{"pending_logins_limit", G, "pending_logins_limit", NULL,
		"logins without a connect that the configuration allows", 0},
	{"entries", G, "session_entries", NULL, "session entries that there is memory for", 0},
};

static const struct metrics_member registry_members[] = {
	{"devices", G, "registry_devices", NULL, "devices that are provisioned", 0},
	{"limit", G, "registry_limit_devices", "devices", "devices that there is room for", 0},
	{"bytes", G, "registry_memory_bytes", "bytes", "memory of the devices' records", 0},
	{"grace_periods", C, "registry_grace_periods", NULL,
		"times that a change waited for all workers", 0},
};

static const struct metrics_member ring_members[] = {
	{"bytes", G, "ring_size_bytes", "bytes", "size of a worker's event ring", 0},
	{"lag", G, "ring_uncommitted_bytes", "bytes", "events that the consumer has not committed",
		0},
	{"lag_seconds", G, "ring_uncommitted_age_seconds", "seconds",
		"age of the oldest event that the consumer has not committed", 0},
	{"fill", G, "ring_fill_ratio", "ratio", "share of the ring that is not committed", 0},
	{"head", C, "ring_head_bytes", "bytes", "cursor: what lies before it is published", 0},
	{"applied", C, "ring_applied_bytes", "bytes",
		"cursor: what lies before it is reflected in the sessions", 0},
	{"commit", C, "ring_committed_bytes", "bytes",
		"cursor: what lies before it is the consumer's", 0},
	{"answered", C, "ring_answered_bytes", "bytes",
		"cursor: what lies before it needs its space for no answer", 0},
};

static const struct metrics_member backend_members[] = {
	{"alive", G, "backend_ring_alive", NULL, "does the process that sends commands run", 0},
	{"damaged", G, "backend_ring_damaged", NULL,
		"was a backend's ring given up because it was damaged", 0},
	{"taken", C, "backend_ring_commands", NULL, "platform requests taken", 0},
	{"waiting", G, "backend_ring_waiting_bytes", "bytes", "platform requests not yet taken", 0},
	{"bytes", G, "backend_ring_size_bytes", "bytes", "size of the ring", 0},
};

static const struct metrics_member binding_members[] = {
	{"bound", G, "subdevices_bound", NULL, "sub-devices bound to a gateway", 0},
	{"online", G, "subdevices_online", NULL, "sub-devices that are on-line", 0},
	{"limit", G, "subdevices_limit", NULL, "sub-devices that there is room for", 0},
	{"bytes", G, "subdevices_memory_bytes", "bytes", "memory of their bindings", 0},
};

static const struct metrics_member watched_members[] = {
	{"entries", G, "watched_devices_limit", NULL,
		"devices whose reconnects are counted, at most", 0},
	{"used", G, "watched_devices", NULL, "devices whose reconnects are counted", 0},
	{"held", G, "watched_devices_held", NULL, "devices held down: they reconnected too often",
		0},
	{"evicted", C, "watched_devices_evicted", NULL,
		"devices no longer counted, to make room for others", 0},
};

static const struct metrics_member failed_members[] = {
	{"entries", G, "failed_logins_limit", NULL,
		"ids and addresses whose failed logins are counted, at most", 0},
	{"used", G, "failed_logins_watched", NULL,
		"ids and addresses whose failed logins are counted", 0},
	{"spent", G, "failed_logins_spent", NULL,
		"ids and addresses that have used up their budget", 0},
	{"evicted", C, "failed_logins_evicted", NULL,
		"ids and addresses no longer counted, to make room for others", 0},
};

static const struct metrics_member configuration_members[] = {
	{"generation", G, "config_generation", NULL,
		"configurations since the start, this one included", 0},
	{"changed_time", G, "config_changed_time_seconds", "seconds",
		"when this configuration came into force, Unix time", 0},
	{"waiting", G, "config_waiting_keys", "keys",
		"keys of the file that was loaded last that need a restart", 0},
};

static const struct metrics_member log_members[] = {
	{"said", C, "log_lines", NULL, "lines logged", 0},
	{"held", C, "log_held_lines", NULL,
		"lines held back: their place in the code said too many", 0},
	{"lost", C, "log_lost_lines", NULL, "lines that could not be written", 0},
};

static const struct metrics_member audit_members[] = {
	{"lines", C, "audit_lines", NULL, "lines of the audit log", 0},
	{"failed", C, "audit_failed_lines", NULL, "administrative acts that could not be logged",
		0},
	{"changed", G, "audit_changed", NULL, "was the audit log changed by somebody else", 0},
};

static const struct metrics_member process_memory = {"kind", G, "process_memory_bytes", "bytes",
	"what the process occupies: pages of its own, of files, shared, huge", 0};
static const struct metrics_member outcomes = {
	"outcome", C, "commands_ended", NULL, "platform requests by what became of them", 0};

static void put_sessions(struct metrics_out *out, const json_t *status)
{
	static const struct {
		const char *key, *state, *transport;
	} states[] = {{"live_tcp", "live", "tcp"}, {"live_udp", "live", "udp"},
		{"login", "login", "none"}, {"resting", "resting", "none"}};
	const json_t *workers = json_object_get(status, "workers"), *worker;
	char labels[METRICS_LABELS], number[24];
	size_t i;

	metrics_family(out, METRICS_GAUGE, "sessions", NULL,
		"sessions by state and transport: live, logged in and not connected, resting");
	for (size_t s = 0; s < METRICS_COUNT(states); s++)
		metrics_sample(out,
			metrics_labels(labels, "state", states[s].state, "transport",
				states[s].transport, NULL),
			json_object_get(json_object_get(status, "sessions"), states[s].key), 0);
	metrics_family(out, METRICS_GAUGE, "worker_sessions", NULL,
		"sessions that a worker owns, by state and transport");
	json_array_foreach(workers, i, worker)
	{
		metrics_label(json_object_get(worker, "worker"), number, sizeof(number));
		for (size_t s = 0; s < METRICS_COUNT(states); s++)
			metrics_sample(out,
				metrics_labels(labels, "worker", number, "state", states[s].state,
					"transport", states[s].transport, NULL),
				json_object_get(json_object_get(worker, "sessions"), states[s].key),
				0);
	}
}

#define PUT_OBJECT(out, object, members)                                                           \
	metrics_put_object(out, object, members, METRICS_COUNT(members))

static void put_drain(struct metrics_out *out, const json_t *status)
{
	const char *state =
		json_string_value(json_object_get(json_object_get(status, "drain"), "state"));

	if (!state)
		return;
	metrics_family(out, METRICS_GAUGE, "draining", NULL, "does the node leave for good");
	metrics_number(out, "", strcmp(state, "off") != 0);
}

void metrics_broker(struct metrics_out *out, const json_t *status)
{
	const json_t *watch = json_object_get(status, "watch");

	PUT_OBJECT(out, status, broker_members);
	put_drain(out, status);
	metrics_put_words(out, json_object_get(status, "process"), &process_memory);
	put_sessions(out, status);
	PUT_OBJECT(out, json_object_get(status, "sessions"), session_members);
	PUT_OBJECT(out, json_object_get(status, "registry"), registry_members);
	PUT_OBJECT(out, json_object_get(status, "bindings"), binding_members);
	PUT_OBJECT(out, json_object_get(watch, "devices"), watched_members);
	PUT_OBJECT(out, json_object_get(watch, "failed_logins"), failed_members);
	PUT_OBJECT(out, json_object_get(status, "configuration"), configuration_members);
	PUT_OBJECT(out, json_object_get(status, "log"), log_members);
	PUT_OBJECT(out, json_object_get(status, "audit"), audit_members);
	metrics_put_rows(out,
		&(struct metrics_rows){json_object_get(status, "feed"), "worker", "worker"},
		ring_members, METRICS_COUNT(ring_members));
	metrics_put_rows(out,
		&(struct metrics_rows){json_object_get(status, "commands"), "ring", "ring"},
		backend_members, METRICS_COUNT(backend_members));
	metrics_put_words(out, json_object_get(status, "outcomes"), &outcomes);
}

/* ---- ports ---- */

static void put_port_counters(struct metrics_out *out, const json_t *ports)
{
	const json_t *first = json_array_get(ports, 0), *port;
	const struct metrics_rows rows = {ports, "port", "device"};
	char labels[METRICS_LABELS];
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(json_object_get(first, "counters"), name, value)
	{
		metrics_family(out, METRICS_COUNTER, name, NULL,
			json_string_value(json_object_get(json_object_get(first, "help"), name)));
		json_array_foreach(ports, i, port)
			metrics_sample(out, metrics_row_labels(&rows, port, labels),
				json_object_get(json_object_get(port, "counters"), name), 0);
	}
}

static void put_queue(
	struct metrics_out *out, const json_t *port, const json_t *queue, const char *name)
{
	char labels[METRICS_LABELS], device[128], worker[24], number[24];

	metrics_labels(labels, "port",
		metrics_label(json_object_get(port, "device"), device, sizeof(device)), "queue",
		metrics_label(json_object_get(queue, "queue"), number, sizeof(number)), "worker",
		metrics_label(json_object_get(queue, "worker"), worker, sizeof(worker)), NULL);
	metrics_sample(out, labels, json_object_get(json_object_get(queue, "counters"), name), 0);
}

/* "port_rx_frames" of a queue is the family port_queue_rx_frames. */
static void put_queues(struct metrics_out *out, const json_t *ports)
{
	const json_t *first = json_array_get(ports, 0), *port, *queue;
	const json_t *one = json_array_get(json_object_get(first, "queues"), 0);
	char family[METRICS_NAME];
	const char *name;
	json_t *value;
	size_t i, j;

	json_object_foreach(json_object_get(one, "counters"), name, value)
	{
		snprintf(family, sizeof(family), "port_queue_%s",
			!strncmp(name, "port_", 5) ? name + 5 : name);
		metrics_family(out, METRICS_COUNTER, family, NULL,
			json_string_value(json_object_get(json_object_get(first, "help"), name)));
		json_array_foreach(ports, i, port)
		{
			json_array_foreach(json_object_get(port, "queues"), j, queue)
				put_queue(out, port, queue, name);
		}
	}
}

void metrics_ports(struct metrics_out *out, const json_t *status)
{
	const json_t *ports = json_object_get(status, "ports"), *port;
	const struct metrics_rows rows = {ports, "port", "device"};
	char labels[METRICS_LABELS];
	size_t i;

	metrics_family(out, METRICS_GAUGE, "port_up", NULL, "has the port's link a carrier");
	json_array_foreach(ports, i, port)
	{
		const char *state = json_string_value(json_object_get(port, "state"));

		if (state)
			metrics_number(
				out, metrics_row_labels(&rows, port, labels), !strcmp(state, "up"));
	}
	put_port_counters(out, ports);
	put_queues(out, ports);
}
