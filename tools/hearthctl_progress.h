/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_progress.h - how far a file is read, on standard error */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * struct ctl_progress
 * @file: its offset moves, whoever reads it; -1: nobody is told anything
 * @name: what it is called
 * @bytes: that it has
 * @terminal: standard error is one: a line that is written over, and is gone in the end
 */
struct ctl_progress {
	int file;
	const char *name;
	off_t bytes;
	bool terminal, ended;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t end;
};

/**
 * ctl_progress_begin() - tell how far @file is read from now on, until ctl_progress_end()
 * @file: a plain file, read by this process or by whoever was given its descriptor; -1: tell nothing
 *
 * On a terminal at once and five times a second, else a line every five seconds.
 */
void ctl_progress_begin(struct ctl_progress *progress, int file, const char *name);

/** ctl_progress_end() - say no more; what stands on a terminal is wiped. */
void ctl_progress_end(struct ctl_progress *progress);
