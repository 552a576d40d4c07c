/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth-feed.c - read the event rings and hand events on; committed once they are safe there */
#include "feed_sink.h"

#include "feed/hearth_feed.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

/* Lines are written, and then committed, this many bytes at a time. */
#define BATCH_BYTES (256u << 10)
/* Between two looks at an empty ring; twice as long each time, up to the second. */
#define PAUSE_MIN_NS 50000
#define PAUSE_MAX_NS 1000000
/* Between two looks for a ring that is not there yet. */
#define WAIT_NS 10000000

/**
 * struct options
 * @count: events after which to end; 0 no end
 */
struct options {
	const char *path;
	const char *to;
	enum sink_kind kind;
	bool observe, quiet;
	uint64_t count;
};

volatile sig_atomic_t stopping;

static void usage(FILE *out)
{
	fputs("usage: hearth-feed PATH --to stdout|file:FILE|null [--observe] [--count N] "
	      "[--quiet]\n"
	      "\n"
	      "Reads the event rings at PATH, one line of JSON an event.\n"
	      "  --to stdout     write to standard output, commit after each write\n"
	      "  --to file:FILE  append to FILE, commit once it is on disk\n"
	      "  --to null       commit and throw away\n"
	      "  --observe       look on: commit nothing, do not delay the broker\n"
	      "  --count N       end after N events\n"
	      "  --quiet         no remarks, errors only\n"
	      "Waits for the ring to appear and ends on SIGTERM or SIGINT. Exit status: 0 ended "
	      "as\n"
	      "asked, 1 failed, 2 wrong usage.\n",
		out);
}

/*
 * A write that blocks for good would keep us: the alarm interrupts it again and again. A write
 * that is on its way is given the second until the first one.
 */
static void on_signal(int number)
{
	(void)number;
	stopping = 1;
	alarm(1);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static int parse_count(const char *text, uint64_t *count)
{
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 10);
	return text[0] < '0' || text[0] > '9' || *end || errno || *count == 0 ? -EINVAL : 0;
}

/* Return: 0; -1 after --help; EXIT_USAGE. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"to", required_argument, NULL, 't'},
		{"observe", no_argument, NULL, 'o'}, {"count", required_argument, NULL, 'c'},
		{"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (option) {
		case 't':
			options->to = optarg;
			break;
		case 'o':
			options->observe = true;
			break;
		case 'c':
			if (parse_count(optarg, &options->count) == 0)
				break;
			complain("--count %s: a number from 1 up is needed", optarg);
			return EXIT_USAGE;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			return -1;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		complain("one PATH is needed (try --help)");
		return EXIT_USAGE;
	}
	options->path = argv[optind];
	if (options->to && strcmp(options->to, "stdout") == 0)
		options->kind = SINK_STDOUT;
	else if (options->to && strcmp(options->to, "null") == 0)
		options->kind = SINK_NULL;
	else if (options->to && strncmp(options->to, "file:", 5) == 0 && options->to[5])
		options->kind = SINK_FILE;
	else {
		complain("say where to: --to stdout, --to file:FILE or --to null (try --help)");
		return EXIT_USAGE;
	}
	return 0;
}

static int append(struct batch *batch, const struct hearth_item *item)
{
	size_t room = batch->size - batch->used;
	size_t needed = hearth_item_json(item, batch->lines + batch->used, room) + 1;

	if (needed > room) {
		char *larger = realloc(batch->lines, batch->used + needed);

		if (!larger) {
			complain("no memory for a line of %zu bytes", needed);
			return -ENOMEM;
		}
		batch->lines = larger;
		batch->size = batch->used + needed;
		hearth_item_json(item, larger + batch->used, needed);
	}
	batch->used += needed;
	batch->lines[batch->used - 1] = '\n';
	batch->events++;
	return 0;
}

/**
 * struct delivery - what goes on between open and close of a ring
 * @left: events to deliver before the end
 * @failed: something could not be read
 */
struct delivery {
	const struct options *options;
	struct sink *sink;
	struct batch *batch;
	uint64_t left;
	bool failed;
};

/* Return: what hearth_feed_next() said at last; an error of ours is told and ends it: -EIO. */
static int fill_batch(struct delivery *delivery, struct hearth_feed *feed)
{
	struct batch *batch = delivery->batch;
	struct hearth_item item;
	int rc = 1;

	while (batch->used < BATCH_BYTES && batch->events < delivery->left) {
		rc = hearth_feed_next(feed, &item);
		if (rc != 1)
			break;
		if (append(batch, &item) < 0)
			return -EIO;
	}
	if (rc == -EBADMSG) {
		complain("%s: a record of worker %u is damaged: nothing more can be read from that "
			 "ring",
			delivery->options->path, item.worker);
		delivery->failed = true;
	} else if (rc == -EOVERFLOW && !delivery->options->quiet) {
		complain("the ring was faster: events are missing here");
	} else if (rc < 0 && rc != -ESTALE && rc != -EOVERFLOW) {
		complain("%s: %s", delivery->options->path, strerror(-rc));
		return -EIO;
	}
	return rc;
}

/* Return: 0 the end; -ESTALE another ring has taken this one's place; another -errno, told. */
static int deliver(struct delivery *delivery, struct hearth_feed *feed)
{
	long pause = PAUSE_MIN_NS;

	while (!stopping && delivery->left) {
		int rc = fill_batch(delivery, feed), flushed;
		uint64_t events = delivery->batch->events;

		if (rc == -EIO)
			return rc;
		if (events) {
			flushed = sink_write(delivery->sink, delivery->batch);
			if (flushed < 0)
				return flushed == -EINTR ? 0 : flushed;
			if (!delivery->options->observe)
				hearth_feed_commit(feed);
			delivery->left -= events;
			pause = PAUSE_MIN_NS;
		}
		if (rc == -ESTALE)
			return rc;
		if (rc == 0 && delivery->left) {
			pause_ns(pause);
			pause = pause * 2 < PAUSE_MAX_NS ? pause * 2 : PAUSE_MAX_NS;
		}
	}
	return 0;
}

static int run(struct delivery *delivery)
{
	const struct options *options = delivery->options;
	bool told = options->quiet;
	char error[256];

	while (!stopping && delivery->left) {
		struct hearth_feed *feed = hearth_feed_open(options->path,
			options->observe ? HEARTH_FEED_OBSERVE : 0, error, sizeof(error));
		int rc;

		if (!feed && errno == ENOENT) {
			if (!told)
				complain("waiting for the ring (%s)", error);
			told = true;
			pause_ns(WAIT_NS);
			continue;
		}
		if (!feed) {
			complain("%s", error);
			return -EIO;
		}
		rc = deliver(delivery, feed);
		hearth_feed_close(feed);
		if (rc != -ESTALE)
			return rc;
		if (!options->quiet)
			complain("%s: made anew by the broker, going on there", options->path);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct batch batch = {0};
	struct sink sink;
	struct delivery delivery = {.options = &options, .sink = &sink, .batch = &batch};
	int rc = parse_options(argc, argv, &options);

	if (rc) {
		if (rc < 0)
			usage(stdout);
		return rc < 0 ? EXIT_SUCCESS : rc;
	}
	delivery.left = options.count ? options.count : UINT64_MAX;
	catch_signals();
	if (sink_open(&sink, options.kind, options.to) < 0)
		return EXIT_FAILURE;
	rc = run(&delivery);
	free(batch.lines);
	return rc < 0 || delivery.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
