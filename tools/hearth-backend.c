/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth-backend.c - a whole backend in small: events into SQLite, commands out of it */
#include "backend_store.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * An example to build on. It shows what the header's promises ask of a backend:
 *
 *  - a batch of events is one transaction, and only once that is on disk is it committed to the
 *    broker: whoever is killed in between sees the events again, and knows them by their ids;
 *  - a command is marked in the database before it is sent: whoever is killed in between does not
 *    send it a second time;
 *  - both rings are opened again when the broker made them anew.
 */

enum { EXIT_USAGE = 2 };

#define BATCH 1000
#define PAUSE_NS 5000000
#define RETRY_NS 100000000
#define KEEP_DEFAULT 100000

static const char usage[] =
	"hearth-backend - a reference backend: Hearth's events into SQLite, commands out of it\n"
	"\n"
	"  hearth-backend --database FILE --control SOCKET [OPTIONS]      runs until SIGTERM\n"
	"  hearth-backend --database FILE send DEVICE CODE JSON           adds a command\n"
	"  hearth-backend --database FILE firmware MODEL VERSION URL MD5  what devices are to "
	"have\n"
	"  hearth-backend --database FILE status                          counts, in one line\n"
	"\n"
	"  --control SOCKET  the broker's control socket; it names the event rings\n"
	"  --feed PATH       event rings without a control socket: no commands are sent then\n"
	"  --voice TEXT      answer voice requests with this text\n"
	"  --keep N          keep the newest N events, 0 for all (100000)\n"
	"  --quiet           no line at the end\n"
	"\n"
	"Tables: devices, states, resources, bindings, events, firmware, commands. A row in "
	"commands\n"
	"(device, code, payload), put there by whomever, is sent at once; its state goes from new\n"
	"over sending and sent to answered, undelivered (with the reason) or failed; uncertain is\n"
	"what was being sent when this program was killed. A device that reports a version below\n"
	"that of its model in firmware is sent an upgrade (2025).\n"
	"Exit: 0 ended as asked, 1 failed, 2 wrong usage.\n";

struct backend {
	const char *control, *path, *voice;
	bool quiet, left; /* commands were claimed and found no room in the ring */
	struct backend_store *store;
	struct hearth_feed *feed;
	struct hearth_commands *commands;
	uint64_t known; /* events that came again */
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* A text as a JSON string, without what would need escapes. */
static void quote(char *out, size_t size, const char *text)
{
	size_t at = 0;

	out[at++] = '"';
	for (; *text && at + 2 < size; text++) {
		if ((unsigned char)*text >= ' ' && *text != '"' && *text != '\\')
			out[at++] = *text;
	}
	out[at++] = '"';
	out[at] = '\0';
}

/* Speech is not recognised here: every recording gets the same text, every text the same sound. */
static void answer_voice(struct backend *backend, const struct hearth_item *item)
{
	char text[512], answer[1200];

	if (!backend->voice || !backend->commands || item->record->event != HEARTH_UPLINK)
		return;
	if (item->record->code == 3000) {
		snprintf(answer, sizeof(answer),
			"{\"result\":0,\"ttsResult\":{\"audioData\":\"IyFBTVIK\"}}");
	} else if (item->record->code == 3002 && backend_store_last_segment(backend->store, item)) {
		quote(text, sizeof(text), backend->voice);
		snprintf(answer, sizeof(answer),
			"{\"result\":0,\"ctrlResult\":{\"rawText\":%s,\"resultDesc\":%s}}", text,
			text);
	} else {
		return;
	}
	/* A device that hears nothing asks again: an answer that finds no room is no loss. */
	hearth_command_answer(backend->commands, item, answer, strlen(answer));
}

/* Return: events that were looked at; -ESTALE; -EIO, told. */
static int take_events(struct backend *backend)
{
	struct hearth_item item;
	int taken = 0, rc;

	rc = hearth_feed_next(backend->feed, &item);
	if (rc == 0 || rc == -ESTALE)
		return rc;
	if (backend_store_begin(backend->store))
		return -EIO;
	for (; rc == 1 && taken < BATCH; rc = hearth_feed_next(backend->feed, &item)) {
		int fresh = backend_store_event(backend->store, &item);

		if (fresh < 0)
			return -EIO;
		taken++;
		if (fresh)
			answer_voice(backend, &item);
		else
			backend->known++;
		if (taken == BATCH)
			break;
	}
	if (rc == -EBADMSG)
		fprintf(stderr,
			"hearth-backend: a record of worker %u is damaged: nothing more can be "
			"read from that ring\n",
			item.worker);
	else if (rc < 0 && rc != -ESTALE)
		fprintf(stderr, "hearth-backend: %s\n", strerror(-rc));
	/* On disk first: after this the broker may forget. */
	if (backend_store_commit(backend->store))
		return -EIO;
	if (taken)
		hearth_feed_commit(backend->feed);
	return rc == -ESTALE || (rc < 0 && rc != -EBADMSG) ? rc : taken;
}

/* Return: 0 sent or refused for good; -EAGAIN, -ESTALE: later. */
static int send_one(struct backend *backend, const struct backend_command *command)
{
	const struct hearth_command order = {.device = command->device,
		.device_length = strlen(command->device),
		.code = command->code,
		.payload = command->payload,
		.payload_length = strlen(command->payload),
		.expires_ms = command->expires_ms};
	uint64_t request = 0;
	int rc = hearth_command_send(backend->commands, &order, &request);

	if (rc == -EAGAIN || rc == -ESTALE)
		return rc;
	return backend_store_sent(backend->store, command->number, request,
		rc ? "not a command: see hearth_command_send()" : NULL);
}

/* Return: commands that were sent; -ESTALE; -EIO, told. */
static int send_commands(struct backend *backend)
{
	struct backend_command command = {.number = 0};
	int claimed = backend_store_claim(backend->store), rc = 0, sent = 0;

	if (claimed < 0 || (claimed == 0 && !backend->left))
		return claimed;
	if (backend_store_begin(backend->store))
		return -EIO;
	while (rc == 0 &&
		(rc = backend_store_next(backend->store, command.number, &command)) == 1) {
		rc = send_one(backend, &command);
		sent += rc == 0;
	}
	backend->left = rc == -EAGAIN || rc == -ESTALE;
	if (backend_store_commit(backend->store) || rc == -EIO)
		return -EIO;
	return rc == -ESTALE ? rc : sent;
}

static void close_rings(struct backend *backend)
{
	hearth_feed_close(backend->feed);
	hearth_commands_close(backend->commands);
	backend->feed = NULL;
	backend->commands = NULL;
}

/* No broker, one that is just ending, or, with EBUSY, one that has not seen a predecessor go
 * yet. */
static bool not_there(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == ECONNRESET || error == EPIPE ||
	       error == ETIMEDOUT || error == EBUSY;
}

/* Return: 0; -EAGAIN: the broker is not there; -EIO, told. */
static int open_rings(struct backend *backend)
{
	char error[256];
	const unsigned flags = backend->voice ? HEARTH_COMMANDS_BACKEND : 0;

	if (backend->control && !backend->commands) {
		backend->commands =
			hearth_commands_open(backend->control, flags, error, sizeof(error));
		if (!backend->commands && not_there(errno))
			return -EAGAIN;
		if (!backend->commands)
			goto failed;
	}
	if (!backend->feed) {
		backend->feed = hearth_feed_open(
			backend->control ? hearth_commands_feed(backend->commands) : backend->path,
			0, error, sizeof(error));
		if (!backend->feed && errno == ENOENT)
			return -EAGAIN;
		if (!backend->feed)
			goto failed;
	}
	return 0;
failed:
	fprintf(stderr, "hearth-backend: %s\n", error);
	return -EIO;
}

static void print_counts(struct backend_store *store)
{
	struct backend_counts counts;

	if (backend_store_counts(store, &counts))
		return;
	printf("backend: %lld devices, %lld reports, %lld command%s answered",
		(long long)counts.devices, (long long)counts.reports, (long long)counts.answered,
		counts.answered == 1 ? "" : "s");
	if (counts.undelivered)
		printf(", %lld undelivered", (long long)counts.undelivered);
	printf("\n");
}

/* The rings are read and written in turns, by this one thread. */
static int run(struct backend *backend)
{
	int rc = backend_store_recover(backend->store);

	while (!stopping && rc != -EIO) {
		int taken, sent = 0;

		rc = open_rings(backend);
		if (rc) {
			pause_ns(RETRY_NS);
			continue;
		}
		taken = take_events(backend);
		if (taken >= 0 && backend->commands)
			sent = send_commands(backend);
		if (taken == -ESTALE || sent == -ESTALE)
			close_rings(backend);
		else if (taken < 0 || sent < 0)
			rc = -EIO;
		else if (taken + sent == 0)
			pause_ns(PAUSE_NS);
	}
	if (!backend->quiet && rc != -EIO)
		print_counts(backend->store);
	return rc == -EIO ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What the command line asks of the database alone. */
static int verb(struct backend_store *store, int count, char **words)
{
	int64_t rc;

	if (count == 4 && strcmp(words[0], "send") == 0) {
		rc = backend_store_order(store, words[1], words[2], words[3]);
		if (rc >= 0)
			printf("command %lld\n", (long long)rc);
	} else if (count == 5 && strcmp(words[0], "firmware") == 0) {
		rc = backend_store_firmware(store, words[1], words[2], words[3], words[4]);
	} else if (count == 1 && strcmp(words[0], "status") == 0) {
		print_counts(store);
		rc = 0;
	} else {
		fprintf(stderr, "hearth-backend: '%s' is no verb of that many words; see --help\n",
			words[0]);
		return EXIT_USAGE;
	}
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

struct options {
	const char *database;
	int64_t keep;
};

/* Return: 0; -1 after --help; EXIT_USAGE, told. */
static int parse(int argc, char **argv, struct options *options, struct backend *backend)
{
	static const struct option longs[] = {{"database", required_argument, NULL, 'd'},
		{"control", required_argument, NULL, 'c'}, {"feed", required_argument, NULL, 'f'},
		{"voice", required_argument, NULL, 'v'}, {"keep", required_argument, NULL, 'k'},
		{"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	char *end = "";
	int option;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (option) {
		case 'd':
			options->database = optarg;
			break;
		case 'c':
			backend->control = optarg;
			break;
		case 'f':
			backend->path = optarg;
			break;
		case 'v':
			backend->voice = optarg;
			break;
		case 'k':
			options->keep = strtoll(optarg, &end, 10);
			break;
		case 'q':
			backend->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return EXIT_USAGE;
		}
	}
	if (*end || options->keep < 0)
		fputs("hearth-backend: --keep is a number of events, 0 for all\n", stderr);
	else if (!options->database)
		fputs("hearth-backend: --database FILE is needed (try --help)\n", stderr);
	else if (optind == argc && !backend->control == !backend->path)
		fputs("hearth-backend: --control SOCKET or --feed PATH is needed (try --help)\n",
			stderr);
	else
		return 0;
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = on_signal};
	struct options options = {.keep = KEEP_DEFAULT};
	struct backend backend = {0};
	int status = parse(argc, argv, &options, &backend);

	if (status)
		return status < 0 ? EXIT_SUCCESS : status;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	backend.store = backend_store_open(options.database, options.keep);
	if (!backend.store)
		return EXIT_FAILURE;
	if (optind < argc)
		status = verb(backend.store, argc - optind, argv + optind);
	else
		status = run(&backend);
	close_rings(&backend);
	backend_store_close(backend.store);
	return status;
}
