/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_reply.c - answers that belong to no connection: SYN-ACK, RST, ACK of TIME-WAIT */

#include "tcp_state.h"

#define OPTION_MSS 2
#define OPTION_MSS_LENGTH 4

bool tcp_reply(struct tcp *tcp, const struct tcp_tuple *tuple, uint8_t link, uint8_t flags,
	uint32_t seq, uint32_t ack)
{
	struct tcp_reply *reply;

	if (tcp->reply_count == TCP_REPLIES) {
		tcp_count(tcp, TCP_DROP_REPLY);
		return false;
	}
	reply = &tcp->replies[(tcp->reply_head + tcp->reply_count++) % TCP_REPLIES];
	reply->tuple = *tuple;
	reply->seq = seq;
	reply->ack = ack;
	reply->window = flags & TCP_RST ? 0 : (uint16_t)tcp->config.receive_window;
	reply->flags = flags;
	reply->link = link;
	return true;
}

void tcp_reply_out(struct tcp *tcp, struct tcp_out *out)
{
	const struct tcp_reply *reply = &tcp->replies[tcp->reply_head];

	tcp->reply_head = (tcp->reply_head + 1) % TCP_REPLIES;
	tcp->reply_count--;
	out->tuple = reply->tuple;
	out->seq = reply->seq;
	out->ack = reply->ack;
	out->window = reply->window;
	out->flags = reply->flags;
	out->link = reply->link;
	out->options_length = 0;
	out->payload = NULL;
	out->length = 0;
	if (reply->flags & TCP_SYN) {
		out->options[0] = OPTION_MSS;
		out->options[1] = OPTION_MSS_LENGTH;
		out->options[2] = (uint8_t)(tcp->config.mss >> 8);
		out->options[3] = (uint8_t)tcp->config.mss;
		out->options_length = OPTION_MSS_LENGTH;
	}
}
