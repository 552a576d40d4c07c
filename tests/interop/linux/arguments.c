/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* arguments.c - hearth-peer's command line */
#include "arguments.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *out)
{
	fprintf(out,
		"usage: hearth-peer --tap NAME | --packet INTERFACE --address ADDRESS/PREFIX...\n"
		"       [--gateway ADDRESS] [--piece BYTES] [--window BYTES] [--seed N]\n"
		"       [--loss N] [--duplicate N] [--corrupt N] [--reorder N]   parts of a "
		"million\n"
		"       [--delay US] [--jitter US]\n"
		"Hearth's stack as a host beside Linux kernels, for interoperation tests. It "
		"echoes\n"
		"on TCP and UDP port 7, discards on TCP port 9, sends 1 MiB of a pattern on port "
		"19.\n"
		"Commands on standard input: \"counters\" prints all counters, end of file ends "
		"it.\n");
}

bool arguments_address(const char *text, struct ip_address *address)
{
	uint32_t v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*address = ip_from_v4(v4);
		return true;
	}
	return inet_pton(AF_INET6, text, address) == 1;
}

static bool add_address(struct stack_link *link, char *text)
{
	struct stack_address *address = &link->addresses[link->address_count];
	char *slash = strchr(text, '/');

	if (!slash || link->address_count == STACK_ADDRESSES_MAX)
		return false;
	*slash = '\0';
	address->prefix = (uint8_t)atoi(slash + 1);
	link->address_count++;
	return arguments_address(text, &address->address);
}

enum {
	OPTION_TAP = 1,
	OPTION_PACKET,
	OPTION_ADDRESS,
	OPTION_GATEWAY,
	OPTION_PIECE,
	OPTION_WINDOW,
	OPTION_SEED,
	OPTION_LOSS,
	OPTION_DUPLICATE,
	OPTION_CORRUPT,
	OPTION_REORDER,
	OPTION_DELAY,
	OPTION_JITTER,
	OPTION_HELP
};

static const struct option options[] = {
	{"tap", required_argument, NULL, OPTION_TAP},
	{"packet", required_argument, NULL, OPTION_PACKET},
	{"address", required_argument, NULL, OPTION_ADDRESS},
	{"gateway", required_argument, NULL, OPTION_GATEWAY},
	{"piece", required_argument, NULL, OPTION_PIECE},
	{"window", required_argument, NULL, OPTION_WINDOW},
	{"seed", required_argument, NULL, OPTION_SEED},
	{"loss", required_argument, NULL, OPTION_LOSS},
	{"duplicate", required_argument, NULL, OPTION_DUPLICATE},
	{"corrupt", required_argument, NULL, OPTION_CORRUPT},
	{"reorder", required_argument, NULL, OPTION_REORDER},
	{"delay", required_argument, NULL, OPTION_DELAY},
	{"jitter", required_argument, NULL, OPTION_JITTER},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

static bool take_option(struct arguments *arguments, int option, char *value)
{
	struct stack_link *link = &arguments->link;
	struct weather *weather = &arguments->weather;
	uint32_t number = value ? (uint32_t)strtoul(value, NULL, 0) : 0;

	switch (option) {
	case OPTION_TAP:
	case OPTION_PACKET:
		arguments->interface = value;
		arguments->tap = option == OPTION_TAP;
		return true;
	case OPTION_ADDRESS:
		return add_address(link, value);
	case OPTION_GATEWAY:
		return link->gateway_count < STACK_GATEWAYS_MAX &&
		       arguments_address(value, &link->gateways[link->gateway_count++]);
	case OPTION_PIECE:
		arguments->piece = number;
		return number > 0;
	case OPTION_WINDOW:
		arguments->window = number;
		return true;
	case OPTION_SEED:
		weather->seed = number;
		return true;
	case OPTION_LOSS:
		weather->loss = number;
		return true;
	case OPTION_DUPLICATE:
		weather->duplicate = number;
		return true;
	case OPTION_CORRUPT:
		weather->corrupt = number;
		return true;
	case OPTION_REORDER:
		weather->reorder = number;
		return true;
	case OPTION_DELAY:
		weather->delay_us = number;
		return true;
	case OPTION_JITTER:
		weather->jitter_us = number;
		return true;
	default:
		return false;
	}
}

int arguments_read(struct arguments *arguments, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == OPTION_HELP) {
			usage(stdout);
			return 0;
		}
		if (!take_option(arguments, option, optarg)) {
			usage(stderr);
			return 2;
		}
	}
	if (arguments->interface && arguments->link.address_count > 0)
		return -1;
	usage(stderr);
	return 2;
}
