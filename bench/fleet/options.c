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

static const char usage[] =
	"hearth-fleet - a simulated fleet of Mc devices: load and correctness at once\n"
	"\n"
	"  hearth-fleet --login HOST:PORT --devices FILE.csv [OPTIONS]\n"
	"  hearth-fleet --generate N --csv FILE.csv [--subdevices N] [--like firmware]\n"
	"\n"
	"Devices\n"
	"  --generate N          write N devices with random PINs to --csv, mode 0600\n"
	"  --subdevices N        with --generate: N more, spread over the devices as gateways\n"
	"  --csv FILE            where --generate writes; without --login nothing else is done\n"
	"  --devices FILE        columns device_id,pin,bind_password,model,gateway\n"
	"  --like text|firmware  behave by the text, or like public firmware: numbers for\n"
	"                        sequence and values, one frame per read of 1,024 bytes, no\n"
	"                        repeats (text)\n"
	"Traffic\n"
	"  --via sockets         kernel sockets, the default\n"
	"  --via dpdk:DEVICE     Hearth's own stack on a DPDK port: a vdev string or PCI address,\n"
	"                        as dpdk:net_memif0,role=client,socket=/run/m.sock\n"
	"  --address ADDRESS/N   dpdk: its first address; every 12,288 devices take one more\n"
	"  --gateway ADDRESS     dpdk: next hop, where the platform is not in that subnet\n"
	"  --cpu N               dpdk: the CPU of its loop (the first it may use)\n"
	"  --queues N            dpdk: queue pairs of the port, driven by that loop (1)\n"
	"  --memory MB           dpdk: DPDK's memory (256)\n"
	"  --pages auto|huge|no-huge  dpdk: where that comes from (auto)\n"
	"  --login HOST:PORT     the login port\n"
	"  --tcp-share 0..100    percent of the devices that use TCP from the start; the rest\n"
	"                        follow the text: UDP until their third login\n"
	"  --interval S          seconds between a device's reports, 0 for none (10)\n"
	"  --rate R              instead: reports/s of the whole fleet\n"
	"  --reports N           stop after N reports per device\n"
	"  --seconds N           stop after N seconds\n"
	"  --steady N            stop N seconds after all devices were connected\n"
	"  --heartbeat S         instead of the platform's heartBeat\n"
	"  --login-rate R        logins/s at the start (500); --ramp is the same\n"
	"  --logins-at-once N    logins under way at most; what is due then waits (2000)\n"
	"  --bytes N             pad status reports to about N bytes of JSON\n"
	"  --merge N             TCP: N reports in one write (1)\n"
	"  --split N             TCP: write frames in pieces of 1 to N bytes\n"
	"  --reconnect login|token  what a TCP device does that lost its connection (login)\n"
	"  --time-scale X        factor on the device's own waits of 10 s, 60 s, authInterval (1)\n"
	"  --seed N              repeat a run's random choices\n"
	"Results\n"
	"  --acknowledged FILE   a line 'device number code' per acknowledged report; the "
	"report's\n"
	"                        payload carries the number as \"n\"\n"
	"  --sent FILE           likewise per report sent, repeats not counted\n"
	"  --control SOCKET      ask this broker for its cycles and memory, before and after\n"
	"  --json FILE           the final summary as JSON ('-': standard output)\n"
	"  --refusals            results of 999999 are expected\n"
	"  --strict              losses fail the run too: a connection lost, a login repeated or\n"
	"                        refused, a report without answer\n"
	"  --quiet               no line per second\n"
	"\n"
	"Exit: 0 all answers were right, 1 a wrong answer or nothing connected, 2 wrong usage.\n"
	"SIGTERM and SIGINT end a run in good order; a second one at once.\n";

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
	OPTION_JSON,
	OPTION_REFUSALS,
	OPTION_STRICT,
	OPTION_QUIET,
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
	{"json", required_argument, NULL, OPTION_JSON},
	{"refusals", no_argument, NULL, OPTION_REFUSALS},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"quiet", no_argument, NULL, OPTION_QUIET},
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

static int take_number(struct options *options, int option, const char *name)
{
	static const struct {
		int option;
		double least, most;
	} ranges[] = {
		{OPTION_GENERATE, 1, 10000000},
		{OPTION_SUBDEVICES, 0, 10000000},
		{OPTION_TCP_SHARE, 0, 100},
		{OPTION_RATE, 0, 1e7},
		{OPTION_INTERVAL, 0, 1e6},
		{OPTION_REPORTS, 1, 1e12},
		{OPTION_SECONDS, 0.1, 1e9},
		{OPTION_STEADY, 0.1, 1e9},
		{OPTION_HEARTBEAT, 1, 3600},
		{OPTION_RAMP, 0.1, 1e6},
		{OPTION_LOGINS_AT_ONCE, 1, 1e7},
		{OPTION_BYTES, 0, 40000},
		{OPTION_MERGE, 1, WINDOW_MAX},
		{OPTION_SPLIT, 1, FRAME_MAX},
		{OPTION_TIME_SCALE, 0.001, 1000},
		{OPTION_SEED, 0, 4294967295.0},
		{OPTION_CPU, 0, 1023},
		{OPTION_QUEUES, 1, QUEUES_MAX},
		{OPTION_MEMORY, 32, 1 << 20},
	};
	double least = 0, most = 0, value;
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		if (ranges[i].option == option) {
			least = ranges[i].least;
			most = ranges[i].most;
		}
	}
	if (!number(name, optarg, least, most, &value))
		return -EINVAL;
	switch (option) {
	case OPTION_GENERATE:
		options->generate = (unsigned)value;
		break;
	case OPTION_SUBDEVICES:
		options->subdevices = (unsigned)value;
		break;
	case OPTION_TCP_SHARE:
		options->tcp_share = (int)value;
		break;
	case OPTION_RATE:
		options->rate = value;
		break;
	case OPTION_INTERVAL:
		options->interval = value;
		break;
	case OPTION_REPORTS:
		options->reports = (uint64_t)value;
		break;
	case OPTION_SECONDS:
		options->seconds = value;
		break;
	case OPTION_STEADY:
		options->steady = value;
		break;
	case OPTION_HEARTBEAT:
		options->heartbeat = (unsigned)value;
		break;
	case OPTION_RAMP:
		options->ramp = value;
		break;
	case OPTION_LOGINS_AT_ONCE:
		options->logins_at_once = (unsigned)value;
		break;
	case OPTION_BYTES:
		options->bytes = (unsigned)value;
		break;
	case OPTION_MERGE:
		options->merge = (unsigned)value;
		break;
	case OPTION_SPLIT:
		options->split = (unsigned)value;
		break;
	case OPTION_TIME_SCALE:
		options->time_scale = value;
		break;
	case OPTION_SEED:
		options->seed = (uint64_t)value;
		break;
	case OPTION_CPU:
		options->cpu = (int)value;
		break;
	case OPTION_QUEUES:
		options->queues = (unsigned)value;
		break;
	case OPTION_MEMORY:
		options->megabytes = (unsigned)value;
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
	case OPTION_JSON:
		options->json = optarg;
		return 0;
	case OPTION_REFUSALS:
		options->refusals = true;
		return 0;
	case OPTION_STRICT:
		options->strict = true;
		return 0;
	case OPTION_QUIET:
		options->quiet = true;
		return 0;
	default:
		return take_number(options, option, name);
	}
}

int options_parse(struct options *options, int argc, char **argv)
{
	int option, index = 0;

	*options = (struct options){.tcp_share = -1,
		.interval = 10,
		.ramp = 500,
		.logins_at_once = 2000,
		.time_scale = 1,
		.merge = 1,
		.cpu = -1,
		.queues = 1,
		.megabytes = 256};
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == OPTION_HELP) {
			fputs(usage, stdout);
			return 1;
		}
		if (option == '?' || take(options, option, long_options[index].name))
			return -EINVAL;
	}
	if (optind < argc) {
		fprintf(stderr, "hearth-fleet: '%s' is no option; see --help\n", argv[optind]);
		return -EINVAL;
	}
	if (!options->csv || (!options->generate && !options->login)) {
		fputs("hearth-fleet: --login and --devices, or --generate and --csv, are needed; "
		      "see "
		      "--help\n",
			stderr);
		return -EINVAL;
	}
	if (options->login && !!options->device != options->has_address) {
		fputs("hearth-fleet: --via dpdk:DEVICE and --address go together\n", stderr);
		return -EINVAL;
	}
	if (options->login && options->device &&
		ip_is_v4(&options->address) != (options->login[0] != '[')) {
		fputs("hearth-fleet: --login and --address are of one family, IPv4 or IPv6\n",
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
