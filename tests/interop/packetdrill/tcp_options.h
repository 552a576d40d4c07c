/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_options.h - Linux's names of TCP's socket options, kept away from our own header of TCP */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** enum tcp_option - what a TCP_* option means here */
enum tcp_option {
	TCP_OPTION_UNKNOWN,
	TCP_OPTION_HARMLESS, /* asks for what is always so, or for nothing that a packet shows */
	TCP_OPTION_MAXSEG,
	TCP_OPTION_INFO,
	TCP_OPTION_KEEP_IDLE,
	TCP_OPTION_USER_TIMEOUT
};

/** struct tcp_picture - what TCP_INFO is filled from */
struct tcp_picture {
	uint32_t cwnd, mss, rto_us, rtt_us, unacked;
	bool timestamps, sack;
	uint8_t snd_scale, rcv_scale;
};

/** tcp_option_kind() - what option @name of level IPPROTO_TCP is. */
enum tcp_option tcp_option_kind(int name);

/** tcp_option_info() - a struct tcp_info as Linux has it. Return: bytes written of @length. */
socklen_t tcp_option_info(const struct tcp_picture *picture, void *out, socklen_t length);
