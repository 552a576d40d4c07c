/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* problems.h - from the document of figures to what is wrong, in words, with what to do */
#pragma once

#include <jansson.h>
#include <stddef.h>

enum problems_language { PROBLEMS_ENGLISH, PROBLEMS_CHINESE, PROBLEMS_LANGUAGES };

/** Figures of a moment, as much of status as problems_find() compares with. */
json_t *problems_sample(const json_t *status, double seconds);

/**
 * problems_find() - what a person should know
 * @status: as the verb of that name answers
 * @lately, @before: samples of some seconds and of about a minute ago; NULL: there is none, and
 *	nothing is said of what has grown
 * @now: seconds, on the clock of the samples
 *
 * Return: [{"id", "severity": "critical"|"warning"|"notice", "about": [..], "text", "remedy"}], the
 * worst first; text and remedy are English. Owned by the caller.
 */
json_t *problems_find(const json_t *status, const json_t *lately, const json_t *before, double now);

/** problems_loss() - {"total", "minute"}: what devices sent and the broker could not keep: frames
 * that a port had no room for, requests that found none in the ring. */
json_t *problems_loss(const json_t *status, const json_t *before);

/** problems_state() - "good", "attention" or "trouble", by the worst of them */
const char *problems_state(const json_t *problems);

/** problems_words() - one problem's text and remedy in a language */
void problems_words(const json_t *problem, enum problems_language language, char *text,
	size_t text_size, char *remedy, size_t remedy_size);
