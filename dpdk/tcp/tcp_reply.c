/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_reply.c - answers that belong to no connection: SYN-ACK, RST, ACK of TIME-WAIT */

#include "tcp_state.h"

struct tcp_reply *tcp_reply(struct tcp *tcp, const struct tcp_tuple *tuple, uint8_t link,
	uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct tcp_reply *reply;

	if (tcp->reply_count == TCP_REPLIES) {
		tcp_count(tcp, TCP_DROP_REPLY);
		return NULL;
	}
	reply = &tcp->replies[(tcp->reply_head + tcp->reply_count++) % TCP_REPLIES];
	reply->tuple = *tuple;
	reply->seq = seq;
	reply->ack = ack;
	reply->window = flags & TCP_RST ? 0 : tcp_window_field(tcp, 0);
	reply->flags = flags;
	reply->link = link;
	reply->options_length = 0;
	return reply;
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
	out->options_length = reply->options_length;
	memcpy(out->options, reply->options, sizeof(reply->options));
	out->payload = NULL;
	out->length = 0;
}
