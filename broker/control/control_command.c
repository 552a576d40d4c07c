/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_command.c - what backends ask for: a ring to send commands by, a device's lanKey (Q/CT
 * X-2017 section 6.2.2) */
#include "codec/base64.h"
#include "control/control_private.h"
#include "feed/command_ring.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- command rings ---- */

/*
 * A registration has a block of ids that nobody had before and nobody will have: durable before the
 * first of them can be used. Return: 0 and its first id; -ERANGE: there are none left; -EIO.
 */
static int take_ids(struct store *store, uint64_t *first)
{
	int rc = store_value_get(store, COMMAND_IDS_NAME, first);

	if (rc < 0)
		return rc;
	/* 0 is no id. */
	if (*first < COMMAND_REQUESTS)
		*first = COMMAND_REQUESTS;
	if (*first > COMMAND_REQUEST_LIMIT - COMMAND_REQUESTS)
		return -ERANGE;
	return store_value_put(store, COMMAND_IDS_NAME, *first + COMMAND_REQUESTS);
}

/* The configuration's paths may be relative to a folder that the client is not in. */
static json_t *registered(struct broker_view *view, unsigned number, uint64_t first)
{
	char path[PATH_MAX], absolute[PATH_MAX], feed[PATH_MAX];

	command_rings_path(view->commands, number, path, sizeof(path));
	if (!realpath(path, absolute) || !realpath(view->config->feed.path, feed))
		return NULL;
	return json_pack("{s:b, s:s, s:s, s:I, s:I}", "ok", 1, "path", absolute, "feed", feed,
		"first_request", (json_int_t)first, "requests", (json_int_t)COMMAND_REQUESTS);
}

static json_t *refuse_ring(int rc, const char *error)
{
	if (rc == -EBUSY)
		return control_why(
			"busy", control_refuse("end one of them: status lists them", "%s", error));
	return control_refuse("make room where feed.path lies", "%s", error);
}

json_t *control_commands(struct control *control, json_t *request, int file)
{
	struct broker_view *view = control->view;
	const char *verb;
	char error[512] = "";
	unsigned number;
	uint64_t first;
	int backend = 0, rc;
	json_t *answer = control_unpack(request, "{s:s, s?b}", "verb", &verb, "backend", &backend);

	if (answer)
		return answer;
	if (!view->commands)
		return control_refuse("start it whole", "this broker takes no commands");
	rc = take_ids(view->store, &first);
	if (rc < 0)
		return control_refuse("look at the registry's disk, then start the broker again",
			"no request ids: the registry cannot be written (%s)", strerror(-rc));
	rc = command_rings_register(view->commands, backend ? HEARTH_COMMANDS_BACKEND : 0, first,
		COMMAND_RING_BYTES, &number, error, sizeof(error));
	if (rc < 0)
		return refuse_ring(rc, error);
	control->answer_file = command_rings_hand(view->commands, number);
	answer = registered(view, number, first);
	if (answer)
		return answer;
	/* Nobody will write it: closed, it is reaped. */
	close(control->answer_file);
	control->answer_file = -1;
	return control_refuse("look at the folder of feed.path", "the ring's path cannot be told");
}

json_t *control_command_rings(struct broker_view *view)
{
	json_t *rings = json_array();
	struct command_ring_view ring;

	for (unsigned n = 0; view->commands && n < COMMAND_RINGS_MAX; n++) {
		if (!command_rings_view(view->commands, n, &ring))
			continue;
		json_array_append_new(
			rings, json_pack("{s:i, s:b, s:b, s:b, s:I, s:I, s:I, s:I}", "ring", (int)n,
				       "backend", (ring.flags & HEARTH_COMMANDS_BACKEND) != 0,
				       "alive", ring.alive, "damaged", ring.damaged,
				       "first_request", (json_int_t)ring.first_request, "taken",
				       (json_int_t)ring.taken, "waiting", (json_int_t)ring.waiting,
				       "bytes", (json_int_t)ring.bytes));
	}
	return rings;
}

/* ---- lanKey ---- */

#define RANDOM_BYTES 16
/* X and a whole block of padding, and their Base64 */
#define LAN_KEY_BYTES 32
#define LAN_KEY_CHARS 44
#define LAN_KEY_SECONDS 300

/* Anything else is refused: else the service would encrypt a login for whoever asks. */
static bool random_good(const char *random)
{
	return strlen(random) == RANDOM_BYTES &&
	       strspn(random, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
		       RANDOM_BYTES;
}

/* AES-128-CBC with the PIN's halves as key and IV, as at login. */
static void make_lan_key(
	struct aes_burst *aes, const char *pin, const char *random, char key[LAN_KEY_CHARS + 1])
{
	struct aes_schedule schedule;
	uint8_t text[LAN_KEY_BYTES];
	struct aes_job job = {.schedule = &schedule,
		.iv = (const uint8_t *)pin + AES_BLOCK,
		.in = text,
		.out = text,
		.length = sizeof(text)};

	memcpy(text, random, RANDOM_BYTES);
	memset(text + RANDOM_BYTES, LAN_KEY_BYTES - RANDOM_BYTES, LAN_KEY_BYTES - RANDOM_BYTES);
	aes_expand(aes, (const uint8_t *)pin, &schedule);
	aes_cbc_encrypt(aes, &job, 1);
	key[base64_encode((uint8_t *)key, text, sizeof(text))] = '\0';
	explicit_bzero(&schedule, sizeof(schedule));
	explicit_bzero(text, sizeof(text));
}

json_t *control_lan_key(struct control *control, json_t *request, int file)
{
	struct device_record record = {0};
	char key[LAN_KEY_CHARS + 1];
	const char *verb, *id, *random;
	json_t *answer = control_unpack(
		request, "{s:s, s:s, s:s}", "verb", &verb, "id", &id, "random", &random);
	int rc;

	if (answer)
		return answer;
	if (!random_good(random))
		return control_why(
			"malformed", control_refuse("pass on what the app sent",
					     "the random is not 16 characters 0-9, A-Z, a-z"));
	if (!control->aes)
		control->aes = aes_burst_new();
	if (!control->aes)
		return control_refuse("try again", "no memory for the cipher");
	rc = store_get(control->view->store, id, &record);
	if (rc == -ENOENT)
		return control_why("no-device",
			control_refuse("hearthctl device list shows those that are provisioned",
				"no device \"%s\"", id));
	if (rc < 0)
		return control_refuse("restore the registry from a backup",
			"device \"%s\" cannot be read (%s)", id, strerror(-rc));
	make_lan_key(control->aes, record.pin, random, key);
	answer = json_pack("{s:b, s:s, s:s, s:i}", "ok", 1, "id", id, "lan_key", key, "liveTime",
		LAN_KEY_SECONDS);
	explicit_bzero(&record, sizeof(record));
	explicit_bzero(key, sizeof(key));
	return answer;
}
