/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_options.c - Linux's names of TCP's socket options */
#include "tcp_options.h"

#include <linux/tcp.h>
#include <string.h>

enum tcp_option tcp_option_kind(int name)
{
	switch (name) {
	case TCP_MAXSEG:
		return TCP_OPTION_MAXSEG;
	case TCP_INFO:
		return TCP_OPTION_INFO;
	case TCP_KEEPIDLE:
		return TCP_OPTION_KEEP_IDLE;
	case TCP_USER_TIMEOUT:
		return TCP_OPTION_USER_TIMEOUT;
	case TCP_NODELAY:
	case TCP_QUICKACK:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
	case TCP_DEFER_ACCEPT:
	case TCP_WINDOW_CLAMP:
		return TCP_OPTION_HARMLESS;
	default:
		return TCP_OPTION_UNKNOWN;
	}
}

socklen_t tcp_option_info(const struct tcp_picture *picture, void *out, socklen_t length)
{
	struct tcp_info info;
	socklen_t bytes = length < sizeof(info) ? length : sizeof(info);

	memset(&info, 0, sizeof(info));
	info.tcpi_options =
		(uint8_t)((picture->timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
			  (picture->sack ? TCPI_OPT_SACK : 0) |
			  (picture->snd_scale || picture->rcv_scale ? TCPI_OPT_WSCALE : 0));
	info.tcpi_snd_wscale = picture->snd_scale & 15;
	info.tcpi_rcv_wscale = picture->rcv_scale & 15;
	info.tcpi_snd_cwnd = picture->cwnd;
	info.tcpi_snd_mss = picture->mss;
	info.tcpi_rto = picture->rto_us;
	info.tcpi_rtt = picture->rtt_us;
	info.tcpi_unacked = picture->unacked;
	memcpy(out, &info, bytes);
	return bytes;
}
