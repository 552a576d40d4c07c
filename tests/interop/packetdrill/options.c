/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* options.c - socket options, fcntl, ioctl */
#include "socket.h"

#include "tcp_options.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#define LEVEL_TCP IPPROTO_TCP
#define RX_MAX (8 << 20)

/* Where the value of an option that is only remembered stands; -1: an option we know nothing of. */
static int remembered(int level, int name)
{
	if (level == SOL_SOCKET && name >= 0 && name < 64)
		return name;
	return -1;
}

static int is_harmless(int level, int name)
{
	return remembered(level, name) >= 0 || level == IPPROTO_IP || level == IPPROTO_IPV6 ||
	       (level == LEVEL_TCP && tcp_option_kind(name) == TCP_OPTION_HARMLESS);
}

static int value_out(void *value, socklen_t *length, int result)
{
	if (*length > sizeof(result))
		*length = sizeof(result);
	memcpy(value, &result, *length);
	return 0;
}

static int info_out(
	struct adapter *adapter, struct tool_socket *socket, void *value, socklen_t *length)
{
	struct tcp_info from = {0};
	struct tcp_picture picture = {0};

	if (socket->id && tcp_info(stack_tcp(world_stack(adapter->world)), socket->id, &from)) {
		picture.cwnd = from.mss ? from.cwnd / from.mss : 0;
		picture.mss = from.mss;
		picture.rto_us = from.rto_ms * 1000U;
		picture.rtt_us = from.srtt_ms * 1000U;
		picture.unacked =
			from.mss ? (from.snd_nxt - from.snd_una + from.mss - 1) / from.mss : 0;
		picture.timestamps = from.timestamps;
		picture.sack = from.sack;
		picture.snd_scale = from.snd_scale;
		picture.rcv_scale = from.rcv_scale;
	}
	*length = tcp_option_info(&picture, value, *length);
	return 0;
}

static int maxseg(struct adapter *adapter, const struct tool_socket *socket)
{
	struct tcp_info info;

	if (socket->id && tcp_info(stack_tcp(world_stack(adapter->world)), socket->id, &info))
		return (int)info.mss;
	return socket->maxseg ? (int)socket->maxseg : 536;
}

int option_get(struct adapter *adapter, int fd, int level, int name, void *value, socklen_t *length)
{
	struct tool_socket *socket = socket_at(adapter, fd);
	int error;

	if (!socket)
		return -1;
	if (level == SOL_SOCKET && name == SO_ERROR) {
		error = socket->error;
		socket->error = 0;
		return value_out(value, length, error);
	}
	if (level == SOL_SOCKET && name == SO_RCVBUF)
		return value_out(value, length, (int)socket->rx_size);
	if (level == SOL_SOCKET && name == SO_SNDBUF)
		return value_out(value, length, (int)socket->tx_size);
	if (level == SOL_SOCKET && name == SO_LINGER) {
		if (*length > sizeof(socket->linger))
			*length = sizeof(socket->linger);
		memcpy(value, &socket->linger, *length);
		return 0;
	}
	if (level == LEVEL_TCP && tcp_option_kind(name) == TCP_OPTION_MAXSEG)
		return value_out(value, length, maxseg(adapter, socket));
	if (level == LEVEL_TCP && tcp_option_kind(name) == TCP_OPTION_INFO)
		return info_out(adapter, socket, value, length);
	if (is_harmless(level, name))
		return value_out(value, length,
			remembered(level, name) < 0 ? 0 : socket->options[remembered(level, name)]);
	errno = ENOPROTOOPT;
	return -1;
}

/* Options of TCP that are the whole stack's here: those of a socket that nothing came of yet. */
static int stack_option(
	struct adapter *adapter, struct tool_socket *socket, enum tcp_option kind, uint32_t value)
{
	switch (kind) {
	case TCP_OPTION_MAXSEG:
		if (value < 536 || value > 1460) {
			errno = EINVAL;
			return -1;
		}
		socket->maxseg = value;
		return 0;
	case TCP_OPTION_KEEP_IDLE:
		adapter->settings.keepalive_ms = value * 1000;
		return 0;
	case TCP_OPTION_USER_TIMEOUT:
		adapter->settings.user_timeout_ms = value;
		return 0;
	default:
		return 0;
	}
}

static int set_one(
	struct adapter *adapter, int fd, int level, int name, const void *value, socklen_t length)
{
	struct tool_socket *socket = socket_at(adapter, fd);
	int number = 0;

	if (!socket)
		return -1;
	memcpy(&number, value, length < sizeof(number) ? length : sizeof(number));
	if (level == SOL_SOCKET && name == SO_LINGER) {
		memcpy(&socket->linger, value,
			length < sizeof(socket->linger) ? length : sizeof(socket->linger));
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_RCVBUF && number > 0 && number <= RX_MAX &&
		!socket->rx) {
		socket->rx_size = (uint32_t)number;
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_SNDBUF && number > 0) {
		socket->tx_size = (uint32_t)number;
		return 0;
	}
	if (level == LEVEL_TCP && tcp_option_kind(name) > TCP_OPTION_HARMLESS)
		return stack_option(adapter, socket, tcp_option_kind(name), (uint32_t)number);
	if (!is_harmless(level, name)) {
		errno = ENOPROTOOPT;
		return -1;
	}
	if (remembered(level, name) >= 0)
		socket->options[remembered(level, name)] = number;
	return 0;
}

/* A listening socket's options may still shape the stack as long as nothing has come to it. */
int option_set(
	struct adapter *adapter, int fd, int level, int name, const void *value, socklen_t length)
{
	struct tool_socket *socket = socket_at(adapter, fd);

	if (!socket || set_one(adapter, fd, level, name, value, length) < 0)
		return -1;
	adapter->world_stale = true;
	return socket->kind == SOCKET_LISTENING && !socket_world(adapter, socket) ? -1 : 0;
}

int option_fcntl(struct adapter *adapter, int fd, int command, long argument)
{
	struct tool_socket *socket = socket_at(adapter, fd);

	if (!socket)
		return -1;
	if (command == F_GETFL)
		return O_RDWR | socket->flags;
	if (command != F_SETFL) {
		errno = EINVAL;
		return -1;
	}
	socket->flags = (int)argument & O_NONBLOCK;
	return 0;
}

int option_ioctl(struct adapter *adapter, int fd, unsigned long request, int *value)
{
	struct tool_socket *socket = socket_at(adapter, fd);

	if (!socket)
		return -1;
	if (request == SIOCINQ) {
		*value = (int)socket->rx_count;
	} else if (request == SIOCOUTQ) {
		*value = (int)socket_outstanding(adapter, socket);
	} else if (request == FIONBIO) {
		socket->flags = *value ? O_NONBLOCK : 0;
	} else {
		errno = EINVAL;
		return -1;
	}
	return 0;
}
