/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* engine.c - connections are opened, reports sent when they are due, answers counted */
#include "peers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 1024
#define DRAIN (20 * NANOSECONDS) /* for what is outstanding when a trial ends */
#define GREETED_WITHIN (60 * NANOSECONDS)
#define FIRES_PER_TURN 256 /* answers are looked at in between, whatever is due */

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

int fail(struct run *run, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(run->error, sizeof(run->error), format, arguments);
	va_end(arguments);
	return error;
}

/* ---- reports ---- */

static void rest(struct run *run, struct connection *connection)
{
	uint32_t at = (run->idle_first + run->idle_count++) % run->options.connections;

	run->idle[at] = connection->index;
}

/* The next report of the connection's next device: connections share out the devices. */
static int send_report(struct run *run, struct connection *connection, uint64_t due)
{
	uint8_t message[MESSAGE_MOST];
	uint32_t device = connection->device + run->options.connections;
	size_t length;

	connection->device = device < run->options.devices ? device : connection->index;
	connection->due = due;
	connection->waits = true;
	run->counts.sent++;
	length = run->options.protocol->report(
		run, connection, ++run->sent[connection->device], message);
	return connection_send(run, connection, message, length);
}

void engine_consumed(struct run *run, uint32_t device, uint32_t number)
{
	uint32_t last = run->consumed[device];

	if (number <= last) {
		run->counts.doubled++;
		return;
	}
	run->counts.missing += number - last - 1;
	run->consumed[device] = number;
	run->counts.consumed++;
}

int engine_answered(struct run *run, struct connection *connection, bool refused)
{
	uint64_t now = clock_ns();

	if (!connection->waits)
		return fail(run, -EPROTO, "an answer that nothing was asked for");
	connection->waits = false;
	if (refused) {
		run->counts.refused++;
	} else {
		run->counts.acknowledged++;
		/* where nobody subscribes, what is acknowledged is where it was to go */
		if (!run->options.protocol->subscribes)
			engine_consumed(run, connection->device, run->sent[connection->device]);
	}
	if (connection->due >= run->measure_from && connection->due < run->measure_to)
		histogram_add(&run->latency, now - connection->due);
	if (run->closed_loop && run->sending)
		return send_report(run, connection, now);
	rest(run, connection);
	return 0;
}

/* ---- connections ---- */

void engine_ready(struct run *run, struct connection *connection)
{
	connection->state = READY;
	run->ready++;
	if (!connection->subscriber)
		rest(run, connection);
}

/* Return: events handled, or -errno. */
static int poll_once(struct run *run, int timeout)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(run->epoll, events, EVENTS, timeout), error;

	if (n < 0)
		return errno == EINTR ? 0 : fail(run, -errno, "epoll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		error = connection_event(run, events[i].data.ptr, events[i].events);
		if (error)
			return error;
	}
	return n;
}

static int allocate(struct run *run)
{
	const struct options *options = &run->options;

	run->connection_count = options->connections + options->protocol->subscribes;
	run->connections = calloc(run->connection_count, sizeof(*run->connections));
	run->idle = calloc(options->connections, sizeof(*run->idle));
	run->sent = calloc(options->devices, sizeof(*run->sent));
	run->consumed = calloc(options->devices, sizeof(*run->consumed));
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!run->connections || !run->idle || !run->sent || !run->consumed || run->epoll < 0)
		return fail(run, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < run->connection_count; i++) {
		struct connection *connection = &run->connections[i];

		connection->fd = -1;
		connection->index = connection->device = i;
		connection->subscriber = i == options->connections;
	}
	return 0;
}

int engine_start(struct run *run)
{
	uint64_t last = clock_ns();
	uint32_t before = 0;
	int error = allocate(run);

	while (!error && run->ready < run->connection_count) {
		/* the subscriber is the last: it is there before anything is published */
		while (!error && run->opened < run->connection_count &&
			run->opened - run->ready < run->options.at_once)
			error = connection_open(run, &run->connections[run->opened++]);
		if (error)
			break;
		error = poll_once(run, 1000);
		error = error < 0 ? error : 0;
		if (run->ready != before)
			last = clock_ns();
		before = run->ready;
		if (!error && clock_ns() - last > GREETED_WITHIN)
			error = fail(run, -ETIMEDOUT, "connections are not answered: %u of %u",
				run->ready, run->connection_count);
	}
	return error;
}

int engine_hold(struct run *run)
{
	struct epoll_event event = {.events = EPOLLIN}, one;
	int error = 0, n;
	char byte;

	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event))
		return fail(run, -errno, "standard input cannot be waited for");
	printf("held %u\n", run->ready);
	fflush(stdout);
	while (!error) {
		n = epoll_wait(run->epoll, &one, 1, -1);
		if (n == 1 && one.data.ptr)
			error = connection_event(run, one.data.ptr, one.events);
		else if (n == 1 && read(STDIN_FILENO, &byte, 1) <= 0)
			break;
	}
	return error;
}

void engine_stop(struct run *run)
{
	for (uint32_t i = 0; run->connections && i < run->connection_count; i++)
		connection_close(&run->connections[i]);
	if (run->epoll >= 0)
		close(run->epoll);
	free(run->connections);
	free(run->idle);
	free(run->sent);
	free(run->consumed);
}

/* ---- trials ---- */

/* struct pace - when what is due; shares of time in which there was nothing to do */
struct pace {
	uint64_t began, end, issued;
	double per_report; /* ns; 0 in a closed loop */
	uint64_t idle;
};

static uint64_t due_at(const struct pace *pace, uint64_t i)
{
	return pace->began + (uint64_t)((double)i * pace->per_report);
}

/* What is due by now, as long as connections are free. Return: reports sent, or -errno. */
static int fire(struct run *run, struct pace *pace, uint64_t now)
{
	int fired = 0, error;

	while (run->idle_count && fired < FIRES_PER_TURN) {
		uint64_t due = pace->per_report > 0 ? due_at(pace, pace->issued) : now;
		uint32_t index = run->idle[run->idle_first];

		if (due > now || due >= pace->end)
			break;
		run->idle_first = (run->idle_first + 1) % run->options.connections;
		run->idle_count--;
		pace->issued++;
		error = send_report(run, &run->connections[index], due);
		if (error)
			return error;
		fired++;
	}
	return fired;
}

/* Poll and send until @until; a turn without work counts as idle. */
static int go_on(struct run *run, struct pace *pace, uint64_t until)
{
	uint64_t before = clock_ns(), now;
	int handled, fired;

	while (before < until) {
		handled = poll_once(run, 0);
		if (handled < 0)
			return handled;
		fired = fire(run, pace, clock_ns());
		if (fired < 0)
			return fired;
		now = clock_ns();
		if (!handled && !fired)
			pace->idle += now - before;
		before = now;
	}
	return 0;
}

static bool all_there(const struct run *run)
{
	return run->idle_count == run->options.connections &&
	       run->counts.consumed + run->counts.refused >= run->counts.sent;
}

static int drain(struct run *run)
{
	uint64_t until = clock_ns() + DRAIN;
	int n;

	run->sending = false;
	while (!all_there(run) && clock_ns() < until) {
		n = poll_once(run, 10);
		if (n < 0)
			return n;
	}
	return 0;
}

/* CPU time that the server has used, in seconds; -1: not known. */
static double server_time(const struct run *run)
{
	char path[64], line[1024], *at;
	unsigned long user = 0, system = 0;
	FILE *file;

	if (!run->options.server_pid)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/stat", run->options.server_pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	/* the 14th and 15th field, counted from the 3rd behind the name */
	if (!at || sscanf(at + 2, "%*s %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			   &system) != 2)
		return -1;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static struct counts since(const struct counts *now, const struct counts *before)
{
	return (struct counts){
		.sent = now->sent - before->sent,
		.acknowledged = now->acknowledged - before->acknowledged,
		.consumed = now->consumed - before->consumed,
		.refused = now->refused - before->refused,
		.doubled = now->doubled - before->doubled,
		.missing = now->missing - before->missing,
		.wrong = now->wrong - before->wrong,
	};
}

/* An open loop kept its rate if all but a two-hundredth was answered in its own time: a queue that
 * grows shows there, the few that are under way at both ends do not. */
static void judge(struct result *result)
{
	const struct counts *counts = &result->counts;

	result->lost = counts->sent - counts->refused > counts->consumed
			       ? counts->sent - counts->refused - counts->consumed
			       : 0;
	if (counts->sent - counts->refused > counts->acknowledged &&
		counts->sent - counts->refused - counts->acknowledged > result->lost)
		result->lost = counts->sent - counts->refused - counts->acknowledged;
	result->kept = !result->lost && !counts->refused && !counts->doubled && !counts->missing &&
		       !counts->wrong && result->consumed >= 0.995 * result->trial.rate &&
		       result->acknowledged >= 0.995 * result->trial.rate;
}

int engine_trial(struct run *run, const struct trial *trial, struct result *result)
{
	const struct counts first = run->counts;
	struct pace pace = {.began = clock_ns()};
	struct counts window;
	double server, elapsed;
	uint64_t from = pace.began + (uint64_t)(trial->warmup * (double)NANOSECONDS), now;
	int error;

	memset(result, 0, sizeof(*result));
	result->trial = *trial;
	pace.end = from + (uint64_t)(trial->seconds * (double)NANOSECONDS);
	pace.per_report = trial->rate > 0 ? (double)NANOSECONDS / trial->rate : 0;
	run->closed_loop = trial->rate <= 0;
	run->sending = true;
	run->measure_from = from;
	run->measure_to = pace.end;
	histogram_reset(&run->latency);
	/* the first are due now, however late we come to it */
	error = fire(run, &pace, pace.began);
	if (error >= 0)
		error = go_on(run, &pace, from);
	if (error)
		return error;
	now = clock_ns();
	server = server_time(run);
	window = run->counts;
	pace.idle = 0;
	error = go_on(run, &pace, pace.end);
	if (error)
		return error;
	elapsed = (double)(clock_ns() - now) / (double)NANOSECONDS;
	window = since(&run->counts, &window);
	result->acknowledged = (double)window.acknowledged / elapsed;
	result->consumed = (double)window.consumed / elapsed;
	result->busy = 1 - (double)pace.idle / (elapsed * (double)NANOSECONDS);
	result->server_busy = server < 0 ? -1 : (server_time(run) - server) / elapsed;
	while (trial->rate > 0 && due_at(&pace, pace.issued + result->behind) < pace.end)
		result->behind++;
	error = drain(run);
	result->counts = since(&run->counts, &first);
	result->latency = run->latency;
	judge(result);
	return error;
}
