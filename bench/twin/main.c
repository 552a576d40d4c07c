/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - hearth-twin: hearthd on the kernel's network, to measure what bypassing it brings */
#include "broker.h"
#include "config.h"
#include "kernel.h"
#include "log/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

struct kernel_options kernel_options;

static volatile bool stopping, hangup;

static const char help[] =
	"hearth-twin - hearthd on kernel sockets and epoll, for comparison\n"
	"\n"
	"usage: hearth-twin [--level] [--spin] CONFIG.yaml\n"
	"\n"
	"  --level  level-triggered epoll instead of edge-triggered\n"
	"  --spin   idle turns poll instead of waiting in the kernel\n"
	"  --help   this text\n"
	"\n"
	"Takes hearthd's configuration, with one worker; the ports' devices are ignored, their\n"
	"addresses are listened on and have to be the host's (the network namespace's). Protocol,\n"
	"sessions, registry, crypto, rings and control socket are hearthd's own.\n"
	"\n"
	"Exit status: 0 ended by a signal, 2 refused to start (one line on stderr says why).\n";

static void on_signal(int signal)
{
	if (signal == SIGHUP)
		hangup = true;
	else
		stopping = true;
}

static void warn(const char *line)
{
	log_warning("%s", line);
}

static int refuse(const char *line)
{
	log_error("%s", line);
	return 2;
}

static void log_start(void)
{
	const struct log_setup setup = {.program = "hearth-twin",
		.format = LOG_FORMAT_TEXT,
		.level = LOG_LEVEL_INFO,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO};

	log_open(&setup);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static int run(const char *file)
{
	char *no_words[] = {NULL};
	char error[1024] = "";
	struct config *config = config_load(file, warn, error, sizeof(error));
	struct broker *broker;

	if (!config)
		return refuse(error);
	prctl(PR_SET_DUMPABLE, 0); /* keys and PINs are in memory, here too */
	catch_signals();
	broker = broker_start(config, no_words, error, sizeof(error));
	if (!broker) {
		config_free(config);
		return refuse(error);
	}
	broker_run(broker, &stopping, &hangup);
	log_info("ending: sessions and ring stay for the next start");
	broker_stop(broker);
	config_free(config);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"level", no_argument, NULL, 'l'},
		{"spin", no_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {0}};
	int option;

	log_start();
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			kernel_options.level = true;
			break;
		case 's':
			kernel_options.spin = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return refuse("see hearth-twin --help");
		}
	}
	if (optind + 1 != argc)
		return refuse("one configuration file; see hearth-twin --help");
	return run(argv[optind]);
}
