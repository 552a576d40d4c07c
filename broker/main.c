/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - hearthd: arguments, signals, exit codes */
#include "broker.h"
#include "config.h"
#include "log/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile bool stopping, hangup;

static const char help[] =
	"hearthd - a kernel-bypass connection broker for smart-home devices\n"
	"\n"
	"usage: hearthd CONFIG.yaml [-- EAL-WORD...]\n"
	"       hearthd --check CONFIG.yaml\n"
	"\n"
	"  --check    read and check the configuration, start nothing\n"
	"  --version  print the version\n"
	"  --help     this text\n"
	"\n"
	"Stays in the foreground. SIGTERM or SIGINT ends it for a restart: sessions and the event\n"
	"ring stay, and the next start attaches to them. SIGHUP reads the configuration again, as\n"
	"hearthctl reload does; what came of it is in the log. Words after -- go to DPDK's EAL as "
	"they\n"
	"are; none are needed.\n"
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

static void log_start(enum config_log_format format, enum config_log_level level)
{
	const struct log_setup setup = {
		.format = format, .level = level, .out = STDOUT_FILENO, .err = STDERR_FILENO};

	log_open(&setup);
}

/* Keys and PINs are in memory: no core dump, no ptrace by others. */
static void keep_secrets(void)
{
	prctl(PR_SET_DUMPABLE, 0);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int run(const char *file, char **eal_words, bool check)
{
	char error[1024] = "";
	struct config *config = config_load(file, warn, error, sizeof(error));
	struct broker *broker;

	if (!config)
		return refuse(error);
	if (check) {
		printf("%s: good\n", file);
		config_free(config);
		return 0;
	}
	log_start(config->log.format, config->log.level);
	keep_secrets();
	catch_signals();
	broker = broker_start(config, eal_words, error, sizeof(error));
	if (!broker) {
		config_free(config);
		return refuse(error);
	}
	broker_run(broker, &stopping, &hangup);
	log_info("ending: sessions and ring stay for the next start");
	broker_stop(broker);
	log_close();
	config_free(config);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"check", no_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	const char *file;
	bool check = false;
	int option;

	signal(SIGPIPE, SIG_IGN);
	log_start(LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			check = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'v':
			puts("hearthd " HEARTH_VERSION);
			return 0;
		default:
			return refuse("see hearthd --help");
		}
	}
	if (optind >= argc)
		return refuse("no configuration file given; see hearthd --help");
	file = argv[optind++];
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	else if (optind < argc)
		return refuse("one configuration file, then -- before words for EAL; see hearthd "
			      "--help");
	return run(file, argv + optind, check);
}
