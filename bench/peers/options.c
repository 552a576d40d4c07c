/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* options.c - the command line of hearth-peers */
#include "payload.h"
#include "peers.h"
#include "tls.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"hearth-peers - reports to a packaged server, as fast as it answers and hands them on\n"
	"\n"
	"  hearth-peers redis|mosquitto --server ADDRESS:PORT [OPTION...]\n"
	"\n"
	"redis: SET of a report under its device's id, one outstanding per connection; then keys\n"
	"are read back. mosquitto: publishers of QoS 1, one message outstanding each, and one\n"
	"subscriber that every message must reach, once.\n"
	"\n"
	"  --connections N     (64) each with one report outstanding\n"
	"  --devices N         (100000) whose ids are the keys or topics\n"
	"  --bytes N           (300) of a report, 192..8192\n"
	"  --seconds S         (2) measured in each trial, after --warmup S (0.5)\n"
	"  --rate R            open loop: R reports/s, times taken from when each was due;\n"
	"                      may be given several times. Left out: a closed loop\n"
	"  --search            closed loop, then the highest rate that an open loop keeps, then\n"
	"                      times at 50 % and 90 % of it\n"
	"  --hold              only open the connections, say so, and keep them until standard\n"
	"                      input ends: for looking at memory\n"
	"  --at-once N         (64) connections being opened at a time\n"
	"  --source ADDRESS    connections come from it and the addresses behind it, 20,000 each\n"
	"  --psk IDENTITY:HEX  TLS 1.2 with this pre-shared key\n"
	"  --subscriber-qos Q  (1) of mosquitto's subscriber\n"
	"  --server-pid PID    say how much CPU time that process took\n"
	"  --beside CPU        the server's: what fails while a host has it and ours on two "
	"caches,\n"
	"                      or on one core, is made again; waits 12 s for that in all\n"
	"  --json FILE         everything, for programs (-: standard output)\n"
	"  --quiet             no lines for people\n";

enum {
	OPTION_SERVER = 256,
	OPTION_CONNECTIONS,
	OPTION_DEVICES,
	OPTION_BYTES,
	OPTION_SECONDS,
	OPTION_WARMUP,
	OPTION_RATE,
	OPTION_SEARCH,
	OPTION_HOLD,
	OPTION_AT_ONCE,
	OPTION_SOURCE,
	OPTION_PSK,
	OPTION_SUBSCRIBER_QOS,
	OPTION_SERVER_PID,
	OPTION_BESIDE,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"server", required_argument, NULL, OPTION_SERVER},
	{"connections", required_argument, NULL, OPTION_CONNECTIONS},
	{"devices", required_argument, NULL, OPTION_DEVICES},
	{"bytes", required_argument, NULL, OPTION_BYTES},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"warmup", required_argument, NULL, OPTION_WARMUP},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"search", no_argument, NULL, OPTION_SEARCH},
	{"hold", no_argument, NULL, OPTION_HOLD},
	{"at-once", required_argument, NULL, OPTION_AT_ONCE},
	{"source", required_argument, NULL, OPTION_SOURCE},
	{"psk", required_argument, NULL, OPTION_PSK},
	{"subscriber-qos", required_argument, NULL, OPTION_SUBSCRIBER_QOS},
	{"server-pid", required_argument, NULL, OPTION_SERVER_PID},
	{"beside", required_argument, NULL, OPTION_BESIDE},
	{"json", required_argument, NULL, OPTION_JSON},
	{"quiet", no_argument, NULL, OPTION_QUIET},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static void __attribute__((noreturn)) wrong(const char *what, const char *value)
{
	fprintf(stderr, "hearth-peers: %s: '%s'; see --help\n", what, value);
	exit(2);
}

static double number(const char *name, const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= most))
		wrong(name, text);
	return value;
}

static void read_server(struct options *options, const char *text)
{
	char address[32];
	const char *colon = strrchr(text, ':');

	if (!colon || (size_t)(colon - text) >= sizeof(address))
		wrong("no ADDRESS:PORT", text);
	memcpy(address, text, (size_t)(colon - text));
	address[colon - text] = 0;
	options->server.sin_family = AF_INET;
	options->server.sin_port = htons((uint16_t)number("no port", colon + 1, 1, 65535));
	if (inet_pton(AF_INET, address, &options->server.sin_addr) != 1)
		wrong("no address", address);
}

/* The text is not shown again: it holds a key. */
static void read_psk(struct options *options, char *text)
{
	char *hex = strchr(text, ':');
	unsigned byte;
	int n = 0;

	if (hex)
		*hex++ = 0;
	while (hex && *hex && options->key_length < TLS_KEY_MOST && hex[1] &&
		sscanf(hex, "%2x%n", &byte, &n) == 1 && n == 2) {
		options->key[options->key_length++] = (uint8_t)byte;
		hex += 2;
	}
	if (!hex || *hex || !options->key_length || !*text)
		wrong("no IDENTITY:HEX of at most 32 bytes", "--psk");
	options->identity = text;
}

static void read_option(struct options *options, int option, char *text)
{
	switch (option) {
	case OPTION_SERVER:
		read_server(options, text);
		return;
	case OPTION_CONNECTIONS:
		options->connections = (uint32_t)number("--connections", text, 1, 1e6);
		return;
	case OPTION_DEVICES:
		options->devices = (uint32_t)number("--devices", text, 1, 1e8);
		return;
	case OPTION_BYTES:
		options->bytes = (uint32_t)number("--bytes", text, PAYLOAD_LEAST, PAYLOAD_MOST);
		return;
	case OPTION_SECONDS:
		options->seconds = number("--seconds", text, 0.01, 3600);
		return;
	case OPTION_WARMUP:
		options->warmup = number("--warmup", text, 0, 3600);
		return;
	case OPTION_RATE:
		if (options->rate_count == RATES_MOST)
			wrong("too many", "--rate");
		options->rates[options->rate_count++] = number("--rate", text, 1, 1e8);
		return;
	case OPTION_SEARCH:
		options->search = true;
		return;
	case OPTION_HOLD:
		options->hold = true;
		return;
	case OPTION_AT_ONCE:
		options->at_once = (unsigned)number("--at-once", text, 1, 1e5);
		return;
	case OPTION_SOURCE:
		if (inet_pton(AF_INET, text, &options->source) != 1)
			wrong("no address", text);
		return;
	case OPTION_PSK:
		read_psk(options, text);
		return;
	case OPTION_SUBSCRIBER_QOS:
		options->subscriber_qos = (uint8_t)number("--subscriber-qos", text, 0, 1);
		return;
	case OPTION_SERVER_PID:
		options->server_pid = (int)number("--server-pid", text, 1, 1e9);
		return;
	case OPTION_BESIDE:
		options->beside = (int)number("--beside", text, 0, 1023);
		return;
	case OPTION_JSON:
		options->json = text;
		return;
	case OPTION_QUIET:
		options->quiet = true;
		return;
	case OPTION_HELP:
		fputs(usage_text, stdout);
		exit(0);
	default:
		exit(2);
	}
}

void options_read(struct options *options, int argc, char **argv)
{
	const struct protocol *const protocols[] = {&protocol_redis, &protocol_mosquitto};
	int option;

	*options = (struct options){.connections = 64,
		.devices = 100000,
		.bytes = 300,
		.at_once = 64,
		.seconds = 2,
		.warmup = 0.5,
		.subscriber_qos = 1,
		.beside = -1};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		read_option(options, option, optarg);
	if (optind != argc - 1)
		wrong("which server: redis or mosquitto", optind < argc ? argv[optind] : "");
	for (unsigned i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		if (strcmp(argv[optind], protocols[i]->name) == 0)
			options->protocol = protocols[i];
	}
	if (!options->protocol)
		wrong("no server that is known", argv[optind]);
	if (!options->server.sin_port)
		wrong("--server is missing", "");
	if (options->connections > options->devices)
		wrong("fewer devices than connections", "--devices");
}
