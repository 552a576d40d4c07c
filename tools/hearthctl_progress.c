/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_progress.c - how far a file is read, on standard error */
#include "hearthctl_progress.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_MS 200
#define LINE_MS 5000

static void tell(const struct ctl_progress *progress, time_t began)
{
	const off_t at = lseek(progress->file, 0, SEEK_CUR);
	const long long seconds = (long long)(time(NULL) - began);
	const char *begin = progress->terminal ? "\r\033[K" : "";
	const char *end = progress->terminal ? "" : "\n";

	if (at < progress->bytes)
		fprintf(stderr, "%shearthctl: %s: %d %% read, %lld s%s", begin, progress->name,
			(int)(at * 100 / progress->bytes), seconds, end);
	else
		fprintf(stderr, "%shearthctl: %s: all read, going to the disk, %lld s%s", begin,
			progress->name, seconds, end);
	fflush(stderr);
}

static void *run(void *context)
{
	struct ctl_progress *progress = context;
	const long step = progress->terminal ? TERMINAL_MS : LINE_MS;
	const time_t began = time(NULL);
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&progress->lock);
	if (progress->terminal)
		tell(progress, began);
	while (!progress->ended) {
		next.tv_nsec += step % 1000 * 1000000;
		next.tv_sec += step / 1000 + next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		while (!progress->ended &&
			pthread_cond_timedwait(&progress->end, &progress->lock, &next) == 0)
			;
		if (!progress->ended)
			tell(progress, began);
	}
	pthread_mutex_unlock(&progress->lock);
	return NULL;
}

void ctl_progress_begin(struct ctl_progress *progress, int file, const char *name)
{
	pthread_condattr_t monotonic;
	struct stat about;

	*progress = (struct ctl_progress){.file = file, .name = name};
	if (file < 0 || fstat(file, &about) < 0)
		goto none;
	progress->bytes = about.st_size;
	progress->terminal = isatty(STDERR_FILENO);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&progress->lock, NULL);
	pthread_cond_init(&progress->end, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&progress->thread, NULL, run, progress) == 0)
		return;
none:
	progress->file = -1;
}

void ctl_progress_end(struct ctl_progress *progress)
{
	if (progress->file < 0)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->ended = true;
	pthread_cond_signal(&progress->end);
	pthread_mutex_unlock(&progress->lock);
	pthread_join(progress->thread, NULL);
	if (progress->terminal)
		fprintf(stderr, "\r\033[K");
	pthread_cond_destroy(&progress->end);
	pthread_mutex_destroy(&progress->lock);
}
