/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.c - a link on a TAP device or packet socket, whose frames fare as on a bad network */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX 64
#define DELAYED_MAX 4096
#define HEADERS 14

/** struct delayed - a frame under way */
struct delayed {
	uint64_t due;
	uint16_t length;
	uint8_t data[LINK_FRAME_MAX];
};

/** struct lane - one direction: what is under way, in no order */
struct lane {
	unsigned count;
	struct delayed frames[DELAYED_MAX];
};

struct wire {
	struct link link; /* first: a link is cast to its wire */
	int fd;
	struct weather weather;
	uint64_t random;
	struct lane in, out;
	unsigned held, reserved;
	struct delayed holding[HELD_MAX];
	uint8_t buffers[LINK_RESERVED_MAX][LINK_FRAME_MAX];
};

uint64_t wire_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t draw(struct wire *wire)
{
	wire->random ^= wire->random << 13;
	wire->random ^= wire->random >> 7;
	wire->random ^= wire->random << 17;
	return wire->random >> 11;
}

static bool happens(struct wire *wire, uint32_t share)
{
	return draw(wire) % 1000000 < share;
}

static void put(struct wire *wire, struct lane *lane, const uint8_t *data, size_t length)
{
	const struct weather *weather = &wire->weather;
	struct delayed *frame;

	if (lane->count == DELAYED_MAX)
		return;
	frame = &lane->frames[lane->count++];
	frame->due = wire_now() + weather->delay_us;
	if (weather->jitter_us)
		frame->due += draw(wire) % weather->jitter_us;
	/* One that waits a little longer than those behind it. */
	if (happens(wire, weather->reorder))
		frame->due += 2000;
	frame->length = (uint16_t)length;
	memcpy(frame->data, data, length);
	/* Behind the Ethernet header, which has no checksum that we see. */
	if (length > HEADERS && happens(wire, weather->corrupt))
		frame->data[HEADERS + draw(wire) % (length - HEADERS)] ^= 1 << draw(wire) % 8;
}

/* ARP and neighbour discovery have no retransmission worth waiting for: they pass unharmed. */
static bool is_spared(const uint8_t *data, size_t length)
{
	return length < HEADERS || (data[12] == 0x08 && data[13] == 0x06) ||
	       (data[12] == 0x86 && data[13] == 0xdd && length > 20 && data[20] == 58);
}

static void travel(struct wire *wire, struct lane *lane, const uint8_t *data, size_t length)
{
	struct weather weather = wire->weather;

	if (is_spared(data, length)) {
		wire->weather = (struct weather){.delay_us = weather.delay_us};
		put(wire, lane, data, length);
		wire->weather = weather;
		return;
	}
	if (happens(wire, weather.loss))
		return;
	put(wire, lane, data, length);
	if (happens(wire, weather.duplicate))
		put(wire, lane, data, length);
}

/* The frame that is due first, if one is due; it leaves the lane. */
static bool take(struct lane *lane, uint64_t now, struct delayed *frame)
{
	unsigned first = 0;

	if (lane->count == 0)
		return false;
	for (unsigned i = 1; i < lane->count; i++)
		if (lane->frames[i].due < lane->frames[first].due)
			first = i;
	if (lane->frames[first].due > now)
		return false;
	*frame = lane->frames[first];
	/* The others keep their order, which is what decides between equals. */
	lane->count--;
	memmove(&lane->frames[first], &lane->frames[first + 1],
		(lane->count - first) * sizeof(lane->frames[0]));
	return true;
}

static void pump_in(struct wire *wire)
{
	uint8_t data[LINK_FRAME_MAX + 1];
	ssize_t length;

	while ((length = read(wire->fd, data, sizeof(data))) > 0)
		if ((size_t)length <= LINK_FRAME_MAX)
			travel(wire, &wire->in, data, (size_t)length);
}

static void pump_out(struct wire *wire, uint64_t now)
{
	struct delayed frame;

	while (take(&wire->out, now, &frame))
		if (write(wire->fd, frame.data, frame.length) < 0 && errno != EAGAIN &&
			errno != ENOBUFS && errno != EIO && errno != ENETDOWN)
			abort();
}

static unsigned wire_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct wire *wire = (struct wire *)link;
	uint64_t now = wire_now();
	unsigned count = 0;

	pump_in(wire);
	pump_out(wire, now);
	while (count < max && wire->held < HELD_MAX &&
		take(&wire->in, now, &wire->holding[wire->held])) {
		frames[count++] = (struct frame){.data = wire->holding[wire->held].data,
			.length = wire->holding[wire->held].length};
		wire->held++;
	}
	return count;
}

static void wire_release(struct link *link)
{
	((struct wire *)link)->held = 0;
}

static unsigned wire_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct wire *wire = (struct wire *)link;
	unsigned i;

	for (i = 0; i < count && wire->reserved < LINK_RESERVED_MAX; i++)
		frames[i] = (struct frame){.data = wire->buffers[wire->reserved++]};
	return i;
}

static unsigned wire_send(struct link *link, struct frame *frames, unsigned count)
{
	struct wire *wire = (struct wire *)link;
	unsigned sent = 0;

	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length == 0)
			continue;
		travel(wire, &wire->out, frames[i].data, frames[i].length);
		sent++;
	}
	wire->reserved = 0;
	pump_out(wire, wire_now());
	return sent;
}

static int open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	close(fd);
	return -1;
}

static int open_packet(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq promiscuous = {
		.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int bytes = 4 << 20, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));

	if (fd < 0)
		return -1;
	/* A burst must find room: losses are the weather's business. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (address.sll_ifindex && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
			sizeof(promiscuous)) == 0)
		return fd;
	close(fd);
	return -1;
}

struct wire *wire_open(const char *name, bool tap, const struct weather *weather)
{
	static const uint8_t mac[6] = {0x02, 0x48, 0x54, 0, 0, 1};
	struct wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return NULL;
	wire->fd = tap ? open_tap(name) : open_packet(name);
	if (wire->fd < 0) {
		free(wire);
		return NULL;
	}
	wire->weather = *weather;
	wire->random = weather->seed * 2654435761u + 88172645463325252u;
	memcpy(wire->link.mac, mac, sizeof(mac));
	wire->link.mtu = LINK_MTU_MAX;
	wire->link.receive = wire_receive;
	wire->link.release = wire_release;
	wire->link.reserve = wire_reserve;
	wire->link.send = wire_send;
	return wire;
}

struct link *wire_link(struct wire *wire)
{
	return &wire->link;
}

static uint64_t next_due(const struct lane *lane, uint64_t before)
{
	for (unsigned i = 0; i < lane->count; i++)
		if (lane->frames[i].due < before)
			before = lane->frames[i].due;
	return before;
}

void wire_wait(struct wire *wire, uint64_t us)
{
	struct pollfd poll_fd = {.fd = wire->fd, .events = POLLIN};
	uint64_t now = wire_now();
	uint64_t until = next_due(&wire->out, next_due(&wire->in, now + us));
	struct timespec wait = {0};

	if (until > now)
		wait.tv_nsec = (long)(until - now) * 1000;
	ppoll(&poll_fd, 1, &wait, NULL);
}
