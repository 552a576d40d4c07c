/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_ask.c - requests of other threads, served between those of the socket's clients */
#include "control/control_ask.h"
#include "control/control_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Requests carried out before the socket's clients have their turn. */
#define ASKS_AT_ONCE 8

enum ask_state { ASK_WAITS, ASK_RUNS, ASK_DONE };

/**
 * struct ask - one request; freed by who leaves it last
 * @abandoned: who asked has gone; set and read under the lock
 */
struct ask {
	struct ask *next;
	struct control_actor actor;
	json_t *request, *answer;
	enum ask_state state;
	bool abandoned;
	pthread_cond_t done;
};

/** struct control_asks - the queue, first in, first out
 * @inside: threads that are in control_ask() */
struct control_asks {
	pthread_mutex_t lock;
	pthread_cond_t left;
	struct ask *first, **last;
	unsigned count, inside;
	bool ended;
	int event;
};

static json_t *busy(const char *remedy, const char *error)
{
	return control_why("busy", control_refuse(remedy, "%s", error));
}

struct control_asks *control_asks_new(void)
{
	struct control_asks *asks = calloc(1, sizeof(*asks));

	if (!asks)
		return NULL;
	asks->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (asks->event < 0) {
		free(asks);
		return NULL;
	}
	asks->last = &asks->first;
	pthread_mutex_init(&asks->lock, NULL);
	pthread_cond_init(&asks->left, NULL);
	return asks;
}

int control_asks_event(const struct control_asks *asks)
{
	return asks->event;
}

static struct ask *ask_new(const struct control_actor *actor, json_t *request)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	pthread_condattr_t monotonic;

	if (!ask)
		return NULL;
	ask->actor = *actor;
	ask->request = request;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ask->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return ask;
}

static void ask_free(struct ask *ask)
{
	json_decref(ask->request);
	json_decref(ask->answer);
	pthread_cond_destroy(&ask->done);
	free(ask);
}

static struct ask *take_first(struct control_asks *asks)
{
	struct ask *ask = asks->first;

	if (!ask)
		return NULL;
	asks->first = ask->next;
	if (!asks->first)
		asks->last = &asks->first;
	asks->count--;
	ask->next = NULL;
	return ask;
}

/* Out of the queue's middle, where it still waits. */
static void take_out(struct control_asks *asks, struct ask *ask)
{
	struct ask **at = &asks->first;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	if (asks->last == &ask->next)
		asks->last = at;
	asks->count--;
}

/* The answer once it is there; with the lock held. */
static json_t *wait_answer(struct control_asks *asks, struct ask *ask, unsigned timeout_ms)
{
	struct timespec until;
	json_t *answer;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (ask->state != ASK_DONE && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&ask->done, &asks->lock, &until);
	if (ask->state == ASK_RUNS) {
		ask->abandoned = true; /* the control thread frees it */
		return busy(
			"look whether it has happened, and try again", "the broker is still at it");
	}
	if (ask->state == ASK_WAITS) {
		take_out(asks, ask);
		answer = busy("try again in a moment; nothing was done",
			"the broker is busy with other requests");
	} else {
		answer = ask->answer;
		ask->answer = NULL;
	}
	ask_free(ask);
	return answer;
}

json_t *control_ask(struct control *control, const struct control_actor *actor, json_t *request,
	unsigned timeout_ms)
{
	struct control_asks *asks = control->asks;
	const uint64_t one = 1;
	struct ask *ask = NULL;
	json_t *answer;

	pthread_mutex_lock(&asks->lock);
	asks->inside++;
	if (asks->ended) {
		answer = busy("ask again when it has started", "the broker is ending");
	} else if (asks->count == CONTROL_ASKS_MAX) {
		answer = busy("try again in a moment; nothing was done", "too many requests wait");
	} else if (!(ask = ask_new(actor, request))) {
		answer = NULL;
	} else {
		*asks->last = ask;
		asks->last = &ask->next;
		asks->count++;
		/* a counter that is full says as well that something is there */
		(void)!write(asks->event, &one, sizeof(one));
		answer = wait_answer(asks, ask, timeout_ms);
	}
	asks->inside--;
	if (asks->ended && !asks->inside)
		pthread_cond_signal(&asks->left);
	pthread_mutex_unlock(&asks->lock);
	if (!ask)
		json_decref(request);
	return answer;
}

void control_asks_serve(struct control *control)
{
	struct control_asks *asks = control->asks;
	const uint64_t one = 1;
	struct ask *ask;
	uint64_t count;

	(void)!read(asks->event, &count, sizeof(count));
	pthread_mutex_lock(&asks->lock);
	for (unsigned i = 0; i < ASKS_AT_ONCE && (ask = take_first(asks)); i++) {
		json_t *answer;

		ask->state = ASK_RUNS;
		pthread_mutex_unlock(&asks->lock);
		answer = control_answer_object(control, ask->request, &ask->actor);
		pthread_mutex_lock(&asks->lock);
		ask->answer = answer;
		ask->state = ASK_DONE;
		if (ask->abandoned)
			ask_free(ask);
		else
			pthread_cond_signal(&ask->done);
	}
	if (asks->first)
		(void)!write(asks->event, &one, sizeof(one));
	pthread_mutex_unlock(&asks->lock);
}

void control_ask_end(struct control *control)
{
	struct control_asks *asks = control->asks;
	struct ask *ask;

	pthread_mutex_lock(&asks->lock);
	asks->ended = true;
	while ((ask = take_first(asks))) {
		ask->answer = busy("ask again when it has started", "the broker is ending");
		ask->state = ASK_DONE;
		pthread_cond_signal(&ask->done);
	}
	while (asks->inside)
		pthread_cond_wait(&asks->left, &asks->lock);
	pthread_mutex_unlock(&asks->lock);
}

void control_asks_free(struct control_asks *asks)
{
	if (!asks)
		return;
	close(asks->event);
	pthread_cond_destroy(&asks->left);
	pthread_mutex_destroy(&asks->lock);
	free(asks);
}
