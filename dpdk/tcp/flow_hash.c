/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flow_hash.c - SipHash-2-4 of the flows of a burst, several of them at a time */

#include "tcp_state.h"

/* So many are hashed before the first slot is asked for: as many as siphash_16_many() does at
 * once. */
#define GROUP 8

void tcp_locate_flows(struct tcp *tcp, const struct tcp_segment *segments, struct tcp_place *places,
	unsigned count)
{
	for (unsigned from = 0; from < count; from += GROUP) {
		const unsigned some = count - from < GROUP ? count - from : GROUP;
		uint64_t word0[GROUP] = {0}, word1[GROUP] = {0}, hash[GROUP];

		for (unsigned i = 0; i < some; i++) {
			const struct tcp_tuple *tuple = &segments[from + i].tuple;

			word0[i] = (uint64_t)ip_v4(&tuple->remote) | (uint64_t)ip_v4(&tuple->local)
									     << 32;
			word1[i] = (uint64_t)tuple->remote_port | (uint64_t)tuple->local_port << 16;
		}
		/* a whole group is quicker than a part of one */
		siphash_16_many(&tcp->config.flow_key, word0, word1, hash, GROUP);
		for (unsigned i = 0; i < some; i++) {
			const struct tcp_tuple *tuple = &segments[from + i].tuple;

			places[from + i].hash =
				ip_is_v4(&tuple->remote) ? hash[i] : tcp_hash(tcp, tuple);
			flow_prefetch(&tcp->flows, places[from + i].hash);
		}
	}
}
