/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - hearth-peers: packaged servers under the load that Hearth gets */
#include "payload.h"
#include "peers.h"
#include "tls.h"

#include <stdio.h>
#include <sys/resource.h>

/* A connection is a file; the rest is what any process has. What was given already may do. */
static int raise_files(uint32_t connections)
{
	struct rlimit limit, wanted = {connections + 64, connections + 64};

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted.rlim_cur)
		return 0;
	if (limit.rlim_max > wanted.rlim_max)
		wanted.rlim_max = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &wanted);
}

int main(int argc, char **argv)
{
	static struct run run = {.epoll = -1};
	int error;

	options_read(&run.options, argc, argv);
	payload_init(run.options.bytes);
	if (raise_files(run.options.connections)) {
		perror("hearth-peers: files for so many connections");
		return 2;
	}
	if (run.options.identity &&
		tls_init(run.options.identity, run.options.key, run.options.key_length)) {
		fputs("hearth-peers: the key cannot be used\n", stderr);
		return 2;
	}
	error = engine_start(&run);
	if (!error)
		error = run.options.hold ? engine_hold(&run) : plan_run(&run);
	if (error)
		fprintf(stderr, "hearth-peers: %s\n", run.error);
	engine_stop(&run);
	return error ? 1 : 0;
}
