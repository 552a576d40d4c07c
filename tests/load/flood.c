/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flood.c - hostile hosts on an interface of this network namespace, as many packets as it takes */
#include "flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	ended = 1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int open_socket(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface)};
	int bytes = 8 << 20, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	if (address.sll_ifindex && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Frames that the victim sent to the hosts we play: ARP is answered, handshakes are completed. */
static unsigned listen_to(int fd, struct flood *flood, struct flood_frame *replies)
{
	uint8_t data[2048];
	unsigned count = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t length = recv(fd, data, sizeof(data), MSG_DONTWAIT);

		if (length <= 0)
			break;
		flood->received++;
		count += flood_answer(flood, data, (size_t)length, &replies[count]);
	}
	return count;
}

static unsigned send_all(int fd, const struct flood_frame *frames, unsigned count)
{
	struct mmsghdr messages[2 * BATCH];
	struct iovec parts[2 * BATCH];
	int sent;

	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){(void *)frames[i].data, frames[i].length};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(fd, messages, count, 0);
	return sent > 0 ? (unsigned)sent : 0;
}

static void run(int fd, struct flood *flood, uint64_t rate, uint64_t seconds)
{
	static struct flood_frame frames[2 * BATCH];
	uint64_t start = now_us(), sent = 0, elapsed = 0;

	while (!ended && elapsed < seconds * 1000000) {
		unsigned count = listen_to(fd, flood, frames);

		elapsed = now_us() - start;
		for (unsigned i = 0;
			i < BATCH && (rate == 0 || sent + i < rate * elapsed / 1000000); i++)
			count += flood_next(flood, &frames[count]);
		if (count == 0) {
			usleep(100);
			continue;
		}
		sent += send_all(fd, frames, count);
	}
	printf("{\"sent\": %llu, \"received\": %llu, \"connections\": %u, \"seconds\": %.3f}\n",
		(unsigned long long)sent, (unsigned long long)flood->received, flood->opened,
		(double)(now_us() - start) / 1e6);
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: hearth-flood KIND --interface NAME --target ADDRESS --target-mac MAC\n"
		"       [--port N] [--rate PACKETS/S] [--seconds N] [--hosts N] [--seed N]\n"
		"Plays hostile hosts 198.18.128.0 and up on an interface of a test's own network\n"
		"namespace. KIND is one of:\n");
	for (unsigned i = 0; i < flood_kind_count; i++)
		fprintf(out, "  %-12s %s\n", flood_kinds[i].name, flood_kinds[i].help);
}

static const struct option options[] = {
	{"interface", required_argument, NULL, 'i'},
	{"target", required_argument, NULL, 't'},
	{"target-mac", required_argument, NULL, 'm'},
	{"port", required_argument, NULL, 'p'},
	{"rate", required_argument, NULL, 'r'},
	{"seconds", required_argument, NULL, 's'},
	{"hosts", required_argument, NULL, 'n'},
	{"seed", required_argument, NULL, 'e'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

int main(int argc, char **argv)
{
	struct flood flood = {.port = 7701, .hosts = 4096, .random = 1};
	uint64_t rate = 0, seconds = 5;
	const char *interface = NULL;
	uint8_t *mac = flood.target_mac;
	int option, fd;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			interface = optarg;
			break;
		case 't':
			flood.target = inet_addr(optarg);
			break;
		case 'm':
			if (sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1],
				    &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
				interface = NULL;
			break;
		case 'p':
			flood.port = (uint16_t)atoi(optarg);
			break;
		case 'r':
			rate = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seconds = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			flood.hosts = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'e':
			flood.random = strtoull(optarg, NULL, 0) | 1;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind + 1 != argc || !interface || !flood.target || !flood.hosts ||
		!flood_start(&flood, argv[optind])) {
		usage(stderr);
		return 2;
	}
	fd = open_socket(interface);
	if (fd < 0) {
		fprintf(stderr, "hearth-flood: %s: %s\n", interface, strerror(errno));
		return 1;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	run(fd, &flood, rate, seconds);
	return 0;
}
