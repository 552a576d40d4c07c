/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* log.c - lines to the operator: levels, formats, how many of a kind, and an output that fails */
#include "log/log.h"

#include "log/log_private.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US 1000000ull

/** struct log - @sites: those that have logged */
static struct log {
	pthread_mutex_t lock;
	const char *program;
	enum config_log_format format;
	enum config_log_level level;
	uint64_t (*clock_us)(void);
	struct log_output out, err;
	struct log_site *sites;
	struct log_counts counts;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER,
	.format = LOG_FORMAT_TEXT,
	.level = LOG_LEVEL_INFO,
	.out = {.fd = STDOUT_FILENO, .own = -1},
	.err = {.fd = STDERR_FILENO, .own = -1}};

static const struct {
	const char *name, *priority, *word;
} levels[] = {
	/* of sd-daemon(3): SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG */
	[LOG_LEVEL_ERROR] = {"error", "<3>", ""},
	[LOG_LEVEL_WARNING] = {"warning", "<4>", "warning: "},
	[LOG_LEVEL_INFO] = {"info", "<6>", ""},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>", "debug: "},
};

static uint64_t system_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t clock_us(void)
{
	return state.clock_us ? state.clock_us() : system_clock_us();
}

static long long unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* JOURNAL_STREAM is "DEVICE:INODE" of the stream that leads to the journal; who redirected its
 * standard error has inherited the variable all the same. */
static bool leads_to_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat about;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(fd, &about) == 0 && about.st_dev == device && about.st_ino == inode;
}

void log_open(const struct log_setup *setup)
{
	pthread_mutex_lock(&state.lock);
	log_output_close(&state.out);
	log_output_close(&state.err);
	log_output_open(&state.out, setup->out);
	log_output_open(&state.err, setup->err);
	state.program = setup->program;
	state.clock_us = setup->clock_us;
	state.level = setup->level;
	state.format = setup->format;
	if (state.format == LOG_FORMAT_AUTO)
		state.format = leads_to_journal(setup->err) ? LOG_FORMAT_JOURNALD : LOG_FORMAT_TEXT;
	pthread_mutex_unlock(&state.lock);
}

void log_set_level(enum config_log_level level)
{
	__atomic_store_n(&state.level, level, __ATOMIC_RELAXED);
}

struct log_counts log_counts(void)
{
	struct log_counts counts;

	pthread_mutex_lock(&state.lock);
	counts = state.counts;
	pthread_mutex_unlock(&state.lock);
	return counts;
}

/* ---- a line ---- */

static void put_text_line(struct log_line *line, enum config_log_level level, const char *message,
	const struct log_field *fields, unsigned count)
{
	if (state.format == LOG_FORMAT_JOURNALD)
		log_put(line, levels[level].priority);
	log_put(line, state.program ? state.program : "hearthd");
	log_put(line, ": ");
	log_put(line, levels[level].word);
	log_put_text(line, message, LOG_MESSAGE_MAX);
	for (unsigned i = 0; i < count; i++) {
		log_put(line, i ? ", " : " (");
		log_put_text(line, fields[i].name, LOG_FIELD_NAME_MAX);
		log_put(line, " ");
		log_put_text(line, fields[i].text, LOG_FIELD_MAX);
	}
	if (count)
		log_put(line, ")");
}

static void put_json_line(struct log_line *line, const struct log_site *site,
	enum config_log_level level, const char *message, const struct log_field *fields,
	unsigned count)
{
	char time_text[32];

	snprintf(time_text, sizeof(time_text), "{\"time\":%lld", unix_ms());
	log_put(line, time_text);
	log_put(line, ",\"level\":\"");
	log_put(line, levels[level].name);
	log_put(line, "\",\"site\":\"");
	log_put(line, site->name);
	log_put(line, "\",\"message\":\"");
	log_put_text(line, message, LOG_MESSAGE_MAX);
	log_put(line, "\"");
	for (unsigned i = 0; i < count; i++) {
		log_put(line, i ? ",\"" : ",\"fields\":{\"");
		log_put_text(line, fields[i].name, LOG_FIELD_NAME_MAX);
		log_put(line, "\":\"");
		log_put_text(line, fields[i].text, LOG_FIELD_MAX);
		log_put(line, "\"");
	}
	log_put(line, count ? "}}" : "}");
}

static struct log_output *output_of(enum config_log_level level)
{
	switch (state.format) {
	case LOG_FORMAT_JSON:
		return &state.out;
	case LOG_FORMAT_JOURNALD:
		return &state.err;
	case LOG_FORMAT_AUTO:
	case LOG_FORMAT_TEXT:
		break;
	}
	return level <= LOG_LEVEL_WARNING ? &state.err : &state.out;
}

/* Return: did the output take it? */
static bool put(struct log_output *output, const struct log_site *site, enum config_log_level level,
	const char *message, const struct log_field *fields, unsigned count)
{
	struct log_line line = {.json = state.format == LOG_FORMAT_JSON};

	if (line.json)
		put_json_line(&line, site, level, message, fields, count);
	else
		put_text_line(&line, level, message, fields, count);
	log_line_end(&line);
	return log_output_write(output, line.text, line.used);
}

/* First of all that lines are missing, if there are any. Return: may others follow? */
static bool say_lost(struct log_output *output)
{
	static const struct log_site here = {.name = LOG_SITE_NAME(__LINE__)};
	char message[128];

	if (!output->lost)
		return true;
	snprintf(message, sizeof(message),
		"%llu lines of this log are missing here: its output did not take them (%s)",
		(unsigned long long)output->lost, strerror(output->error));
	if (!put(output, &here, LOG_LEVEL_WARNING, message, NULL, 0))
		return false;
	output->lost = 0;
	return true;
}

static void say(const struct log_site *site, enum config_log_level level, const char *message,
	const struct log_field *fields, unsigned count)
{
	struct log_output *output = output_of(level);

	if (say_lost(output) && put(output, site, level, message, fields, count)) {
		state.counts.said++;
	} else {
		output->lost++;
		state.counts.lost++;
	}
}

/* ---- how many of a kind ---- */

static void refill(struct log_site *site)
{
	uint64_t now = clock_us();

	if (!site->known) {
		site->known = true;
		site->next = state.sites;
		state.sites = site;
		site->credit = LOG_BURST * SECOND_US;
	} else if (now > site->refilled) {
		site->credit += now - site->refilled;
	}
	if (site->credit > LOG_BURST * SECOND_US)
		site->credit = LOG_BURST * SECOND_US;
	site->refilled = now;
}

/* Return: may this site say a line? */
static bool may_say(struct log_site *site)
{
	refill(site);
	if (site->credit < SECOND_US)
		return false;
	site->credit -= SECOND_US;
	return true;
}

static void say_held(struct log_site *site)
{
	char message[64];

	if (!site->held)
		return;
	snprintf(message, sizeof(message), "%llu lines like the last one of %s were held back",
		(unsigned long long)site->held, site->name);
	site->held = 0;
	say(site, site->level, message, NULL, 0);
}

void log_tick(void)
{
	pthread_mutex_lock(&state.lock);
	for (struct log_site *site = state.sites; site; site = site->next) {
		if (site->held && may_say(site))
			say_held(site);
	}
	say_lost(&state.out);
	say_lost(&state.err);
	pthread_mutex_unlock(&state.lock);
}

void log_close(void)
{
	pthread_mutex_lock(&state.lock);
	for (struct log_site *site = state.sites; site; site = site->next)
		say_held(site);
	say_lost(&state.out);
	say_lost(&state.err);
	log_output_close(&state.out);
	log_output_close(&state.err);
	state.out.fd = STDOUT_FILENO;
	state.err.fd = STDERR_FILENO;
	state.format = LOG_FORMAT_TEXT;
	state.clock_us = NULL;
	pthread_mutex_unlock(&state.lock);
}

void log_write(struct log_site *site, enum config_log_level level, const struct log_field *fields,
	unsigned count, const char *format, ...)
{
	char message[LOG_MESSAGE_MAX + 1];
	va_list arguments;
	int length;

	if (level > __atomic_load_n(&state.level, __ATOMIC_RELAXED))
		return;
	va_start(arguments, format);
	length = vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(message))
		strcpy(message + sizeof(message) - 4, "...");
	if (count > LOG_FIELDS_MAX)
		count = LOG_FIELDS_MAX;
	pthread_mutex_lock(&state.lock);
	if (may_say(site)) {
		say_held(site);
		say(site, level, message, fields, count);
	} else {
		site->held++;
		site->level = level;
		state.counts.held++;
	}
	pthread_mutex_unlock(&state.lock);
}
