/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_sockets_tcp.c - the instrument's TCP connections on kernel sockets */
#include "wire_sockets_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define MESSAGES 64 /* of one connection in one call */

static struct wire_sockets *of(struct load_wire *wire)
{
	return (struct wire_sockets *)wire;
}

static struct sockets_connection *find(struct wire_sockets *sockets, uint32_t connection)
{
	const uint32_t fd = connection & 0xffffff;
	struct sockets_connection *c = sockets->connections + fd;

	return fd < sockets->size && c->state != SOCKET_FREE && c->generation == connection >> 24
		       ? c
		       : NULL;
}

static int fd_of(const struct wire_sockets *sockets, const struct sockets_connection *c)
{
	return (int)(c - sockets->connections);
}

static uint32_t name_of(const struct wire_sockets *sockets, const struct sockets_connection *c)
{
	return (uint32_t)c->generation << 24 | (uint32_t)fd_of(sockets, c);
}

static void forget(struct wire_sockets *sockets, struct sockets_connection *c, bool abort)
{
	const struct linger none = {.l_onoff = 1};

	if (abort)
		setsockopt(fd_of(sockets, c), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd_of(sockets, c));
	free(c->out);
	free(c->in);
	c->out = c->in = NULL;
	c->first = c->last = 0;
	c->state = SOCKET_FREE;
}

/* It ended without us; its name is void before the engine hears of it. */
static void ended(struct wire_sockets *sockets, struct sockets_connection *c)
{
	const uint32_t name = name_of(sockets, c), device = c->device;

	forget(sockets, c, false);
	sockets->wire.up->ended(sockets->wire.load, device, name);
}

/* ---- begin and end ---- */

static bool begin(struct wire_sockets *sockets, int fd, uint32_t device, enum load_peer peer)
{
	const struct sockaddr_in own = {
		.sin_family = AF_INET, .sin_addr.s_addr = sockets_address(sockets, device)};
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (own.sin_addr.s_addr) {
		/* its port is chosen where the peer is known: the same one may serve many peers */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		if (bind(fd, (const struct sockaddr *)&own, sizeof(own)))
			return false;
	}
	return !connect(fd, (const struct sockaddr *)&sockets->peers[peer],
		       sizeof(sockets->peers[peer])) ||
	       errno == EINPROGRESS;
}

uint32_t sockets_open(struct load_wire *wire, uint32_t device, enum load_peer peer)
{
	struct wire_sockets *sockets = of(wire);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockets_connection *c = sockets->connections + (fd < 0 ? 0 : fd);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};

	if (fd < 0 || (uint32_t)fd >= sockets->size || !begin(sockets, fd, device, peer)) {
		sockets->refused++;
		if (fd >= 0)
			close(fd);
		return 0;
	}
	*c = (struct sockets_connection){.device = device,
		.state = SOCKET_OPENING,
		.generation = (uint8_t)(c->generation + 1)};
	event.data.u64 = name_of(sockets, c);
	if (epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, fd, &event)) {
		forget(sockets, c, true);
		return 0;
	}
	return name_of(sockets, c);
}

static unsigned send_all(struct wire_sockets *sockets, struct sockets_connection *c);

void sockets_close(struct load_wire *wire, uint32_t connection, bool abort)
{
	struct wire_sockets *sockets = of(wire);
	struct sockets_connection *c = find(sockets, connection);

	if (!c)
		return;
	if (!abort && c->first)
		send_all(sockets, c);
	/* what the kernel does not take now would need its own record: the peer reads no more */
	forget(sockets, c, abort || c->out);
}

void sockets_stop_tcp(struct wire_sockets *sockets)
{
	for (uint32_t fd = 0; sockets->connections && fd < sockets->size; fd++) {
		if (sockets->connections[fd].state != SOCKET_FREE)
			forget(sockets, &sockets->connections[fd], true);
	}
}

/* ---- out ---- */

uint8_t *sockets_reserve(struct load_wire *wire, uint32_t connection, uint32_t length)
{
	struct wire_sockets *sockets = of(wire);
	struct sockets_connection *c = find(sockets, connection);
	const unsigned number = sockets->slot_count + 1;
	uint8_t *room = sockets->out + sockets->out_used;

	if (!c || c->state != SOCKET_OPEN || c->out || c->open || number == SOCKETS_SLOTS ||
		sockets->out_used + length > SOCKETS_OUT_BYTES)
		return NULL;
	sockets->slots[number] = (struct sockets_slot){.at = sockets->out_used};
	sockets->slot_count = number;
	sockets->out_used += (length + 63) & ~63u;
	if (c->last)
		sockets->slots[c->last].next = (uint16_t)number;
	else
		c->first = (uint16_t)number;
	c->last = (uint16_t)number;
	c->open = true;
	if (!c->dirty)
		sockets->dirty[sockets->dirty_count++] = (uint32_t)fd_of(sockets, c);
	c->dirty = true;
	return room;
}

void sockets_commit(struct load_wire *wire, uint32_t connection, uint32_t length)
{
	struct wire_sockets *sockets = of(wire);
	struct sockets_connection *c = find(sockets, connection);

	if (!c || !c->open)
		return; /* it ended meanwhile */
	c->open = false;
	sockets->slots[c->last].length = length;
}

static bool keep_rest(
	struct sockets_rest **rest, const struct iovec *at, unsigned count, size_t skip)
{
	size_t length = 0, all = 0;

	for (unsigned i = 0; i < count; i++)
		all += at[i].iov_len;
	*rest = malloc(sizeof(**rest) + all - skip);
	if (!*rest)
		return false;
	for (unsigned i = 0; i < count; i++) {
		size_t from = skip < at[i].iov_len ? skip : at[i].iov_len;

		memcpy((*rest)->bytes + length, (uint8_t *)at[i].iov_base + from,
			at[i].iov_len - from);
		length += at[i].iov_len - from;
		skip -= from;
	}
	(*rest)->length = (uint32_t)length;
	(*rest)->at = 0;
	return true;
}

/* A connection that is broken is read from, too: there its end is found. What the kernel does not
 * take, of up to MESSAGES messages, is kept; others behind it are lost with the connection's
 * pace. */
static unsigned send_all(struct wire_sockets *sockets, struct sockets_connection *c)
{
	struct iovec at[MESSAGES];
	unsigned count = 0, messages = 0;
	uint16_t slot = c->first;

	while (slot) {
		struct msghdr message = {.msg_iov = at};
		size_t bytes = 0;
		ssize_t sent;

		for (count = 0; slot && count < MESSAGES; slot = sockets->slots[slot].next) {
			const struct sockets_slot *s = &sockets->slots[slot];

			if (!s->length)
				continue;
			at[count++] = (struct iovec){sockets->out + s->at, s->length};
			bytes += s->length;
		}
		if (!count)
			break;
		message.msg_iovlen = count;
		messages += count;
		sent = c->out ? 0
			      : sendmsg(fd_of(sockets, c), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		sockets->writes++;
		if (sent < 0 && errno != EAGAIN)
			break;
		sent = sent < 0 ? 0 : sent;
		if (c->out ||
			((size_t)sent < bytes && !keep_rest(&c->out, at, count, (size_t)sent)))
			sockets->drops += count;
	}
	c->first = c->last = 0;
	return messages;
}

/* The kernel has room again. */
static void send_rest(struct wire_sockets *sockets, struct sockets_connection *c)
{
	struct sockets_rest *rest = c->out;
	ssize_t sent = send(fd_of(sockets, c), rest->bytes + rest->at, rest->length - rest->at,
		MSG_DONTWAIT | MSG_NOSIGNAL);

	sockets->writes++;
	if (sent <= 0)
		return;
	rest->at += (uint32_t)sent;
	if (rest->at < rest->length)
		return;
	free(rest);
	c->out = NULL;
}

unsigned sockets_transmit(struct wire_sockets *sockets)
{
	unsigned messages = 0;

	for (uint32_t i = 0; i < sockets->dirty_count; i++) {
		struct sockets_connection *c = &sockets->connections[sockets->dirty[i]];

		c->dirty = false;
		if (c->state != SOCKET_FREE && c->first)
			messages += send_all(sockets, c);
	}
	sockets->dirty_count = 0;
	sockets->slot_count = 0;
	sockets->out_used = 0;
	return messages;
}

/* ---- in ---- */

static void offer_later(struct wire_sockets *sockets, struct sockets_connection *c)
{
	if (!c->again)
		sockets->again[sockets->again_count++] = (uint32_t)fd_of(sockets, c);
	c->again = true;
}

/* Read until the socket is empty or its share of this poll is used up. */
static void read_stream(struct wire_sockets *sockets, struct sockets_connection *c)
{
	const uint32_t name = name_of(sockets, c);
	uint8_t *data = sockets->in + sockets->in_used;
	ssize_t got;

	if (c->in) { /* it is not read from: to be looked at later */
		offer_later(sockets, c);
		return;
	}
	got = recv(fd_of(sockets, c), data, SOCKETS_READ, MSG_DONTWAIT);
	sockets->reads++;
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		sockets->empty_reads++;
		return;
	}
	if (got <= 0) {
		ended(sockets, c);
		return;
	}
	sockets->in_used += ((uint32_t)got + 63) & ~63u;
	if (!sockets->wire.up->bytes(sockets->wire.load, c->device, name, data, (uint32_t)got)) {
		const struct iovec at = {data, (size_t)got};

		c = find(sockets, name);
		if (c && keep_rest(&c->in, &at, 1, 0))
			offer_later(sockets, c);
		return;
	}
	/* An edge is told once: a read that was cut short, and a FIN behind the bytes, are not. */
	c = find(sockets, name);
	if (c && (got == SOCKETS_READ || c->ending)) {
		offer_later(sockets, c);
		sockets->again_at = 0; /* with the next poll */
	}
}

/* Offer what is kept; then read on. */
static void again(struct wire_sockets *sockets, struct sockets_connection *c)
{
	const uint32_t name = name_of(sockets, c);
	struct sockets_rest *rest = c->in;
	uint8_t *data = sockets->in + sockets->in_used;

	if (rest) {
		memcpy(data, rest->bytes, rest->length);
		if (!sockets->wire.up->bytes(
			    sockets->wire.load, c->device, name, data, rest->length)) {
			offer_later(sockets, c);
			return;
		}
		sockets->in_used += (rest->length + 63) & ~63u;
		c = find(sockets, name);
		if (!c)
			return;
		free(c->in);
		c->in = NULL;
	}
	if (sockets->in_used + SOCKETS_READ <= SOCKETS_IN_BYTES)
		read_stream(sockets, c);
	else
		offer_later(sockets, c);
}

unsigned sockets_again(struct wire_sockets *sockets, uint64_t now)
{
	const uint32_t count = sockets->again_count;
	uint32_t done = 0;

	if (now < sockets->again_at)
		return 0;
	sockets->again_at = now + SOCKETS_AGAIN_NS;
	sockets->again_count = 0;
	for (; done < count; done++) {
		struct sockets_connection *c = &sockets->connections[sockets->again[done]];

		if (sockets->in_used + 2 * SOCKETS_READ > SOCKETS_IN_BYTES)
			break;
		if (!c->again)
			continue;
		c->again = false;
		if (c->state == SOCKET_OPEN)
			again(sockets, c);
	}
	/* those that there was no room for; what was put off again stands before them */
	if (done < count) {
		memmove(&sockets->again[sockets->again_count], &sockets->again[done],
			(count - done) * sizeof(*sockets->again));
		sockets->again_count += count - done;
		sockets->again_at = now;
	}
	return done;
}

void sockets_event(struct wire_sockets *sockets, uint32_t connection, uint32_t events)
{
	struct sockets_connection *c = find(sockets, connection);

	if (!c)
		return;
	if (c->state == SOCKET_OPENING) {
		if (events & (EPOLLERR | EPOLLHUP)) {
			ended(sockets, c);
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		c->state = SOCKET_OPEN;
		sockets->wire.up->opened(sockets->wire.load, c->device, connection);
		c = find(sockets, connection);
		if (!c)
			return;
	}
	if ((events & EPOLLOUT) && c->out)
		send_rest(sockets, c);
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->ending = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		read_stream(sockets, c);
}
