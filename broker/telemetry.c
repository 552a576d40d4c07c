/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* telemetry.c - the status document as commands of DPDK's telemetry socket, under /hearth */
#include "telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>

/* So long a command waits for the control thread; DPDK serves each client by a thread. */
#define ANSWER_MS 2000
#define PATH_BYTES 160

/* DPDK's registry of commands is one per process, and so is this. */
static struct {
	pthread_rwlock_t lock; /* read by commands under way */
	struct control *control;
	bool registered;
} telemetry = {.lock = PTHREAD_RWLOCK_INITIALIZER};

/* What each command shows: a member of the document. What comes behind a comma goes on from there:
 * "/hearth/worker,0.counters.mc". */
static const struct {
	const char *command, *path, *help;
} commands[] = {
	{"/hearth/status", "", "The broker's figures. Parameters: path of a member, as workers.0"},
	{"/hearth/worker", "workers", "A worker: turns, cycles. Parameters: its number"},
	{"/hearth/port", "ports", "A port: state. Parameters: its number, as 0 or 0.counters"},
	{"/hearth/ring", "feed", "A worker's event ring and commit lag. Parameters: its number"},
	{"/hearth/counters", "counters", "Sums over all workers. Parameters: a layer, as mc"},
	{"/hearth/drops", "drops", "What was not taken, by reason. Parameters: a layer, as mc"},
	{"/hearth/histograms", "histograms", "Histograms of all workers. Parameters: a name"},
	{"/hearth/sessions", "sessions", "Sessions by state and transport. No parameters"},
	{"/hearth/registry", "registry", "Devices and their memory. No parameters"},
	{"/hearth/outcomes", "outcomes", "What became of platform requests. No parameters"},
	{"/hearth/process", "process", "Memory of the process. No parameters"},
	{"/hearth/rates", "rates", "Growth per second of the most watched. No parameters"},
};

/* The member that a path leads to, or NULL. */
static const json_t *member_at(const json_t *json, const char *path)
{
	char name[64];

	while (json && *path) {
		size_t length = strcspn(path, ".");

		if (length >= sizeof(name))
			return NULL;
		memcpy(name, path, length);
		name[length] = '\0';
		if (json_is_array(json)) {
			if (!length || strspn(name, "0123456789") != length)
				return NULL;
			json = json_array_get(json, strtoul(name, NULL, 10));
		} else {
			json = json_object_get(json, name);
		}
		path += length + (path[length] == '.');
	}
	return json;
}

static bool all_integers(const json_t *array)
{
	const json_t *value;
	size_t i;

	json_array_foreach((json_t *)array, i, value)
	{
		if (!json_is_integer(value))
			return false;
	}
	return json_array_size(array) > 0;
}

static int add_array(struct rte_tel_data *data, const char *name, const json_t *array)
{
	struct rte_tel_data *values = rte_tel_data_alloc();
	const json_t *value;
	size_t i;

	if (!values)
		return -ENOMEM;
	rte_tel_data_start_array(values, RTE_TEL_U64_VAL);
	json_array_foreach((json_t *)array, i, value)
		rte_tel_data_add_array_u64(values, (uint64_t)json_integer_value(value));
	return rte_tel_data_add_dict_container(data, name, values, 0);
}

/* A number or a word. Return: false: it is neither. */
static bool add_scalar(struct rte_tel_data *data, const char *name, const json_t *value)
{
	char text[RTE_TEL_MAX_STRING_LEN];
	json_int_t number = json_integer_value(value);

	if (json_is_integer(value) && number < 0) {
		rte_tel_data_add_dict_int(data, name, (int)number);
	} else if (json_is_integer(value)) {
		rte_tel_data_add_dict_u64(data, name, (uint64_t)number);
	} else if (json_is_boolean(value)) {
		rte_tel_data_add_dict_int(data, name, json_is_true(value));
	} else if (json_is_real(value)) {
		snprintf(text, sizeof(text), "%.9g", json_real_value(value));
		rte_tel_data_add_dict_string(data, name, text);
	} else if (json_is_string(value)) {
		snprintf(text, sizeof(text), "%s", json_string_value(value));
		rte_tel_data_add_dict_string(data, name, text);
	} else {
		return json_is_null(value);
	}
	return true;
}

static int add_member(struct rte_tel_data *data, struct rte_tel_data *members, const char *name,
	const json_t *value, unsigned *more)
{
	if (add_scalar(data, name, value))
		return 0;
	if (json_is_array(value) && all_integers(value))
		return add_array(data, name, value);
	rte_tel_data_add_array_string(members, name);
	++*more;
	return 0;
}

static int add_members(
	struct rte_tel_data *data, const json_t *json, struct rte_tel_data *members, unsigned *more)
{
	char number[24];
	const char *name;
	json_t *value;
	size_t i;
	int rc = 0;

	rte_tel_data_start_dict(data);
	rte_tel_data_start_array(members, RTE_TEL_STRING_VAL);
	json_object_foreach((json_t *)json, name, value)
	{
		if (rc == 0)
			rc = add_member(data, members, name, value, more);
	}
	json_array_foreach((json_t *)json, i, value)
	{
		snprintf(number, sizeof(number), "%zu", i);
		if (rc == 0)
			rc = add_member(data, members, number, value, more);
	}
	return rc;
}

int telemetry_fill(const json_t *status, const char *path, struct rte_tel_data *data)
{
	const json_t *json = member_at(status, path);
	struct rte_tel_data *members;
	unsigned more = 0;
	int rc;

	if (!json)
		return -ENOENT;
	if (!json_is_object(json) && !json_is_array(json)) {
		rte_tel_data_start_dict(data);
		add_scalar(data, "value", json);
		return 0;
	}
	members = rte_tel_data_alloc();
	if (!members)
		return -ENOMEM;
	rc = add_members(data, json, members, &more);
	if (more && rc == 0 && rte_tel_data_add_dict_container(data, "members", members, 0) == 0)
		return 0;
	rte_tel_data_free(members);
	return rc;
}

static json_t *ask_status(void)
{
	const struct control_actor actor = {.surface = "telemetry", .who = "DPDK telemetry"};
	json_t *answer = NULL;

	pthread_rwlock_rdlock(&telemetry.lock);
	if (telemetry.control)
		answer = control_ask(
			telemetry.control, &actor, json_pack("{s:s}", "verb", "status"), ANSWER_MS);
	pthread_rwlock_unlock(&telemetry.lock);
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	json_decref(answer);
	return NULL;
}

static int handle(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const char *prefix = NULL;
	char path[PATH_BYTES];
	json_t *status;
	int rc;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(command, commands[i].command))
			prefix = commands[i].path;
	}
	if (!prefix)
		return -EINVAL;
	if (!parameters)
		parameters = "";
	rc = snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix && *parameters ? "." : "",
		parameters);
	if (rc >= (int)sizeof(path))
		return -EINVAL;
	status = ask_status();
	if (!status)
		return -EAGAIN;
	rc = telemetry_fill(status, path, data);
	json_decref(status);
	return rc;
}

int telemetry_start(struct control *control)
{
	int rc = 0;

	pthread_rwlock_wrlock(&telemetry.lock);
	telemetry.control = control;
	pthread_rwlock_unlock(&telemetry.lock);
	if (telemetry.registered)
		return 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && rc == 0; i++)
		rc = rte_telemetry_register_cmd(commands[i].command, handle, commands[i].help);
	telemetry.registered = rc == 0;
	return rc;
}

void telemetry_stop(void)
{
	pthread_rwlock_wrlock(&telemetry.lock);
	telemetry.control = NULL;
	pthread_rwlock_unlock(&telemetry.lock);
}
