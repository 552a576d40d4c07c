/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_import.c - device import: the file to the broker, and how far it is */
#include "hearthctl.h"
#include "hearthctl_progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMPORT_SECONDS 1800 /* 10 M rows take half a minute; disks may be slow */

/* The broker takes plain files only: what comes out of a pipe is copied into one in memory. */
static int as_plain_file(int file)
{
	struct stat about;
	char bytes[65536];
	ssize_t n;
	int copy;

	if (fstat(file, &about) == 0 && S_ISREG(about.st_mode))
		return file;
	copy = memfd_create("devices", MFD_CLOEXEC);
	while (copy >= 0 && (n = read(file, bytes, sizeof(bytes))) != 0) {
		if (n < 0 || write(copy, bytes, (size_t)n) != n) {
			close(copy);
			copy = -1;
		}
	}
	explicit_bzero(bytes, sizeof(bytes));
	close(file);
	if (copy >= 0)
		lseek(copy, 0, SEEK_SET);
	return copy;
}

json_t *ctl_run_import(const struct ctl_command *command)
{
	const char *name = command->operands[0];
	struct ctl_progress progress;
	json_t *request, *answer;
	bool silent = command->options[OPTION_QUIET] || command->options[OPTION_JSON];
	int file;

	file = open(strcmp(name, "-") ? name : "/dev/stdin", O_RDONLY | O_CLOEXEC);
	if (file >= 0)
		file = as_plain_file(file);
	if (file < 0)
		return ctl_refuse("name a file that you can read", "%s cannot be read: %s", name,
			strerror(errno));
	request = json_pack("{s:s, s:s}", "verb", "device import", "name", name);
	ctl_progress_begin(&progress, silent ? -1 : file, name);
	answer = request ? ctl_request(&command->target, request, file, IMPORT_SECONDS)
			 : ctl_refuse("rename it", "the file's name is not UTF-8 text");
	ctl_progress_end(&progress);
	json_decref(request);
	close(file);
	return answer;
}
