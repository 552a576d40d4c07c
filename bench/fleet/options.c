/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* options.c - the command line of hearth-fleet */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* JSON that still fits a datagram of 1,472 bytes, encrypted, in Base64 with its slashes escaped */
#define UDP_BYTES_MAX 1000

enum {
	OPTION_VIA = 256,
	OPTION_ADDRESS,
	OPTION_GATEWAY,
	OPTION_CPU,
	OPTION_MEMORY,
	OPTION_PAGES,
	OPTION_QUEUES,
	OPTION_CONTROL,
	OPTION_LOGIN,
	OPTION_DEVICES,
	OPTION_CSV,
	OPTION_GENERATE,
	OPTION_SUBDEVICES,
	OPTION_LIKE,
	OPTION_TCP_SHARE,
	OPTION_RATE,
	OPTION_INTERVAL,
	OPTION_REPORTS,
	OPTION_SECONDS,
	OPTION_STEADY,
	OPTION_HEARTBEAT,
	OPTION_RAMP,
	OPTION_LOGINS_AT_ONCE,
	OPTION_BYTES,
	OPTION_MERGE,
	OPTION_SPLIT,
	OPTION_RECONNECT,
	OPTION_TIME_SCALE,
	OPTION_SEED,
	OPTION_ACKNOWLEDGED,
	OPTION_SENT,
	OPTION_JOURNAL,
	OPTION_GATEWAYS,
	OPTION_VOICE,
	OPTION_REBIND,
	OPTION_COMMANDS_SILENT,
	OPTION_COMMANDS_LATE,
	OPTION_COMMANDS_WRONG,
	OPTION_COMMANDS_REFUSED,
	OPTION_COMMANDS_LATE_BY,
	OPTION_JSON,
	OPTION_REFUSALS,
	OPTION_TWICE,
	OPTION_STRICT,
	OPTION_QUIET,
	OPTION_SCENARIO,
	OPTION_SET,
	OPTION_FEED,
	OPTION_BESIDE,
	OPTION_HISTOGRAMS,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"via", required_argument, NULL, OPTION_VIA},
	{"address", required_argument, NULL, OPTION_ADDRESS},
	{"gateway", required_argument, NULL, OPTION_GATEWAY},
	{"cpu", required_argument, NULL, OPTION_CPU},
	{"queues", required_argument, NULL, OPTION_QUEUES},
	{"memory", required_argument, NULL, OPTION_MEMORY},
	{"pages", required_argument, NULL, OPTION_PAGES},
	{"control", required_argument, NULL, OPTION_CONTROL},
	{"login", required_argument, NULL, OPTION_LOGIN},
	{"devices", required_argument, NULL, OPTION_DEVICES},
	{"csv", required_argument, NULL, OPTION_CSV},
	{"generate", required_argument, NULL, OPTION_GENERATE},
	{"subdevices", required_argument, NULL, OPTION_SUBDEVICES},
	{"like", required_argument, NULL, OPTION_LIKE},
	{"tcp-share", required_argument, NULL, OPTION_TCP_SHARE},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"interval", required_argument, NULL, OPTION_INTERVAL},
	{"reports", required_argument, NULL, OPTION_REPORTS},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"steady", required_argument, NULL, OPTION_STEADY},
	{"heartbeat", required_argument, NULL, OPTION_HEARTBEAT},
	{"login-rate", required_argument, NULL, OPTION_RAMP},
	{"logins-at-once", required_argument, NULL, OPTION_LOGINS_AT_ONCE},
	{"ramp", required_argument, NULL, OPTION_RAMP},
	{"bytes", required_argument, NULL, OPTION_BYTES},
	{"merge", required_argument, NULL, OPTION_MERGE},
	{"split", required_argument, NULL, OPTION_SPLIT},
	{"reconnect", required_argument, NULL, OPTION_RECONNECT},
	{"time-scale", required_argument, NULL, OPTION_TIME_SCALE},
	{"seed", required_argument, NULL, OPTION_SEED},
	{"acknowledged", required_argument, NULL, OPTION_ACKNOWLEDGED},
	{"sent", required_argument, NULL, OPTION_SENT},
	{"journal", required_argument, NULL, OPTION_JOURNAL},
	{"gateways", required_argument, NULL, OPTION_GATEWAYS},
	{"voice", required_argument, NULL, OPTION_VOICE},
	{"rebind", required_argument, NULL, OPTION_REBIND},
	{"commands-silent", required_argument, NULL, OPTION_COMMANDS_SILENT},
	{"commands-late", required_argument, NULL, OPTION_COMMANDS_LATE},
	{"commands-wrong", required_argument, NULL, OPTION_COMMANDS_WRONG},
	{"commands-refused", required_argument, NULL, OPTION_COMMANDS_REFUSED},
	{"commands-late-by", required_argument, NULL, OPTION_COMMANDS_LATE_BY},
	{"json", required_argument, NULL, OPTION_JSON},
	{"refusals", no_argument, NULL, OPTION_REFUSALS},
	{"twice", no_argument, NULL, OPTION_TWICE},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"quiet", no_argument, NULL, OPTION_QUIET},
	{"scenario", required_argument, NULL, OPTION_SCENARIO},
	{"set", required_argument, NULL, OPTION_SET},
	{"feed", required_argument, NULL, OPTION_FEED},
	{"beside", required_argument, NULL, OPTION_BESIDE},
	{"histograms", required_argument, NULL, OPTION_HISTOGRAMS},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

/* A number of @least..@most, or NAN-free refusal with a line that names the option. */
static bool number(const char *name, const char *text, double least, double most, double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (end != text && *end == '\0' && *value >= least && *value <= most)
		return true;
	fprintf(stderr, "hearth-fleet: --%s is a number of %.15g to %.15g, not '%s'\n", name, least,
		most, text);
	return false;
}

static bool choice(const char *name, const char *text, const char *no, const char *yes, bool *value)
{
	*value = strcmp(text, yes) == 0;
	if (*value || strcmp(text, no) == 0)
		return true;
	fprintf(stderr, "hearth-fleet: --%s is %s or %s, not '%s'\n", name, no, yes, text);
	return false;
}

/** struct setting - an option that is a number, and the member of struct options that takes it */
struct setting {
	int option;
	enum { REAL, SIGNED, UNSIGNED, LONG } kind;
	size_t member;
	double least, most;
};

#define SETTING(option, kind, member, least, most)                                                 \
	{                                                                                          \
		option, kind, offsetof(struct options, member), least, most                        \
	}

static const struct setting settings[] = {
	SETTING(OPTION_GENERATE, UNSIGNED, generate, 1, 10000000),
	SETTING(OPTION_SUBDEVICES, UNSIGNED, subdevices, 0, 10000000),
	SETTING(OPTION_GATEWAYS, UNSIGNED, gateways, 1, 10000000),
	SETTING(OPTION_TCP_SHARE, SIGNED, tcp_share, 0, 100),
	SETTING(OPTION_RATE, REAL, rate, 0, 1e7),
	SETTING(OPTION_INTERVAL, REAL, interval, 0, 1e6),
	SETTING(OPTION_REPORTS, LONG, reports, 1, 1e12),
	SETTING(OPTION_SECONDS, REAL, seconds, 0.1, 1e9),
	SETTING(OPTION_STEADY, REAL, steady, 0.1, 1e9),
	SETTING(OPTION_HEARTBEAT, UNSIGNED, heartbeat, 1, 3600),
	SETTING(OPTION_RAMP, REAL, ramp, 0.1, 1e6),
	SETTING(OPTION_LOGINS_AT_ONCE, UNSIGNED, logins_at_once, 1, 1e7),
	SETTING(OPTION_BYTES, UNSIGNED, bytes, 0, 40000),
	SETTING(OPTION_MERGE, UNSIGNED, merge, 1, WINDOW_MAX),
	SETTING(OPTION_SPLIT, UNSIGNED, split, 1, FRAME_MAX),
	SETTING(OPTION_TIME_SCALE, REAL, time_scale, 0.001, 1000),
	SETTING(OPTION_SEED, LONG, seed, 0, 4294967295.0),
	SETTING(OPTION_CPU, SIGNED, cpu, 0, 1023),
	SETTING(OPTION_BESIDE, SIGNED, instrument.beside, 0, 1023),
	SETTING(OPTION_QUEUES, UNSIGNED, queues, 1, QUEUES_MAX),
	SETTING(OPTION_MEMORY, UNSIGNED, megabytes, 32, 1 << 20),
	SETTING(OPTION_VOICE, UNSIGNED, voice, 0, 100),
	SETTING(OPTION_REBIND, UNSIGNED, rebind, 0, 100),
	SETTING(OPTION_COMMANDS_SILENT, UNSIGNED, commands.silent, 0, 100),
	SETTING(OPTION_COMMANDS_LATE, UNSIGNED, commands.late, 0, 100),
	SETTING(OPTION_COMMANDS_WRONG, UNSIGNED, commands.wrong, 0, 100),
	SETTING(OPTION_COMMANDS_REFUSED, UNSIGNED, commands.refused, 0, 100),
	SETTING(OPTION_COMMANDS_LATE_BY, REAL, commands.late_by, 0, 3600),
};

static int take_number(struct options *options, int option, const char *name)
{
	const struct setting *setting = settings;
	double value;
	void *member;

	while (setting->option != option)
		setting++;
	if (!number(name, optarg, setting->least, setting->most, &value))
		return -EINVAL;
	member = (char *)options + setting->member;
	switch (setting->kind) {
	case REAL:
		*(double *)member = value;
		break;
	case SIGNED:
		*(int *)member = (int)value;
		break;
	case UNSIGNED:
		*(unsigned *)member = (unsigned)value;
		break;
	case LONG:
		*(uint64_t *)member = (uint64_t)value;
		break;
	}
	return 0;
}

static int take(struct options *options, int option, const char *name)
{
	struct endpoint login;
	bool yes;

	switch (option) {
	case OPTION_VIA:
		return options_via(options, optarg);
	case OPTION_ADDRESS:
		return options_address(options, optarg);
	case OPTION_GATEWAY:
		return options_gateway(options, optarg);
	case OPTION_PAGES:
		return options_pages(options, optarg);
	case OPTION_CONTROL:
		options->control = optarg;
		return 0;
	case OPTION_LOGIN:
		options->login = optarg;
		if (peer_address(optarg, &login))
			return 0;
		fprintf(stderr,
			"hearth-fleet: --login is an address and port, as 198.18.0.1:7700 or "
			"[fd77::1]:7700, not '%s'\n",
			optarg);
		return -EINVAL;
	case OPTION_DEVICES:
	case OPTION_CSV:
		options->csv = optarg;
		return 0;
	case OPTION_LIKE:
		if (!choice(name, optarg, "text", "firmware", &yes))
			return -EINVAL;
		options->like = yes ? LIKE_FIRMWARE : LIKE_TEXT;
		return 0;
	case OPTION_RECONNECT:
		return choice(name, optarg, "login", "token", &options->use_token) ? 0 : -EINVAL;
	case OPTION_ACKNOWLEDGED:
		options->acknowledged = optarg;
		return 0;
	case OPTION_SENT:
		options->sent = optarg;
		return 0;
	case OPTION_JOURNAL:
		options->journal = optarg;
		return 0;
	case OPTION_JSON:
		options->json = optarg;
		return 0;
	case OPTION_REFUSALS:
		options->refusals = true;
		return 0;
	case OPTION_TWICE:
		options->twice = true;
		return 0;
	case OPTION_STRICT:
		options->strict = true;
		return 0;
	case OPTION_QUIET:
		options->quiet = true;
		return 0;
	case OPTION_SCENARIO:
		options->instrument.scenario = optarg;
		return 0;
	case OPTION_SET:
		return options_set(options, optarg);
	case OPTION_FEED:
		options->instrument.feed = optarg;
		return 0;
	case OPTION_HISTOGRAMS:
		options->instrument.histograms = optarg;
		return 0;
	default:
		return take_number(options, option, name);
	}
}

/* Does it say something to a scenario? The rest is the fleet's own. */
static bool is_scenarios(int option)
{
	static const int known[] = {OPTION_VIA, OPTION_ADDRESS, OPTION_GATEWAY, OPTION_CPU,
		OPTION_MEMORY, OPTION_PAGES, OPTION_CONTROL, OPTION_LOGIN, OPTION_CSV, OPTION_JSON,
		OPTION_QUIET, OPTION_SCENARIO, OPTION_SET, OPTION_FEED, OPTION_BESIDE,
		OPTION_HISTOGRAMS};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i] == option)
			return true;
	}
	return false;
}

/* How the platform is reached, for the fleet and the instrument alike. */
static int check_way(const struct options *options)
{
	/* on kernel sockets an instrument's devices may have addresses of their own */
	if (options->login &&
		(options->device ? !options->has_address
				 : options->has_address && !options->instrument.scenario)) {
		fputs("hearth-fleet: --via dpdk:DEVICE and --address go together\n", stderr);
		return -EINVAL;
	}
	if (options->login && options->device &&
		ip_is_v4(&options->address) != (options->login[0] != '[')) {
		fputs("hearth-fleet: --login and --address are of one family, IPv4 or IPv6\n",
			stderr);
		return -EINVAL;
	}
	return 0;
}

static int check_fleet(const struct options *options)
{
	if (!options->csv || (!options->generate && !options->login)) {
		fputs("hearth-fleet: --login and --devices, or --generate and --csv, are needed; "
		      "see "
		      "--help\n",
			stderr);
		return -EINVAL;
	}
	if (options->commands.silent + options->commands.late + options->commands.wrong +
			options->commands.refused >
		100) {
		fputs("hearth-fleet: what is done with commands is more than 100 percent\n",
			stderr);
		return -EINVAL;
	}
	if (options->like == LIKE_FIRMWARE && options->merge > 1) {
		fputs("hearth-fleet: --merge needs --like text: firmware waits for each answer\n",
			stderr);
		return -EINVAL;
	}
	if (options->bytes > UDP_BYTES_MAX && options->tcp_share != 100) {
		fprintf(stderr,
			"hearth-fleet: more than %d --bytes need --tcp-share 100: a datagram "
			"holds no more\n",
			UDP_BYTES_MAX);
		return -EINVAL;
	}
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	const char *other = NULL;
	int option, index = 0;

	*options = (struct options){.tcp_share = -1,
		.interval = 10,
		.ramp = 500,
		.logins_at_once = 2000,
		.time_scale = 1,
		.merge = 1,
		.cpu = -1,
		.instrument.beside = -1,
		.queues = 1,
		.commands.late_by = 12,
		.megabytes = 256};
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == OPTION_HELP) {
			fputs(options_usage, stdout);
			return 1;
		}
		if (option == '?' || take(options, option, long_options[index].name))
			return -EINVAL;
		if (!is_scenarios(option))
			other = long_options[index].name;
	}
	if (optind < argc) {
		fprintf(stderr, "hearth-fleet: '%s' is no option; see --help\n", argv[optind]);
		return -EINVAL;
	}
	if (check_way(options) || options_scenario(options, other))
		return -EINVAL;
	return options->instrument.scenario ? 0 : check_fleet(options);
}
