# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""defects - known classes of bugs in network stacks, as replacements of text in this one

Each once stood in somebody's stack, as a published flaw or in a bug tracker. .old must stand exactly
once in .file; .first names the tests that should notice, so that the run is short.
"""

import collections

Defect = collections.namedtuple("Defect", "name file old new first")

DEFECTS = []


def defect(name, file, old, new, *first):
    DEFECTS.append(Defect(name, "dpdk/" + file, old, new, first))


# Segment arrival: numbers.

defect("window-check-missing", "tcp/tcp_in.c",
       "	if (!acceptable(tcp, c, segment)) {", "	if (0) {", "tcp_data", "tcp_close")
defect("window-check-of-first-byte-only", "tcp/tcp_in.c",
       "	return first < window + !length || (length > 0 && first + length - 1 < window);",
       "	return first < window + !length;", "tcp_data", "tcp_reassembly")
defect("window-check-one-too-many", "tcp/tcp_in.c",
       "	return first < window + !length ||", "	return first < window + 1 ||",
       "tcp_data")
defect("acks-at-the-edge-refused", "tcp/tcp_in.c",
       "	return first < window + !length ||", "	return first < window ||",
       "tcp_challenge", "tcp_data")
defect("text-beyond-window-kept", "tcp/tcp_in.c",
       "		length = ahead < window ? window - ahead : 0;\n		fin = false;\n", "",
       "tcp_data", "tcp_reassembly")
defect("fin-of-cut-text-taken", "tcp/tcp_in.c",
       "		length = ahead < window ? window - ahead : 0;\n		fin = false;\n",
       "		length = ahead < window ? window - ahead : 0;\n", "tcp_data", "tcp_window")
defect("old-bytes-delivered-again", "tcp/tcp_in.c",
       "		data += old;\n		length -= old;\n", "", "tcp_data")
defect("old-bytes-cut-at-wrong-end", "tcp/tcp_in.c",
       "		data += old;\n", "", "tcp_data")
defect("compare-without-wrap", "tcp/tcp_record.h",
       "	return (int32_t)(a - b) < 0;\n", "	return a < b;\n", "tcp_window", "tcp_sack_send",
       "tcp_reassembly", "tcp_sim")
defect("ack-of-unsent-data-believed", "tcp/tcp_ack.c",
       "	if (seq_lt(c->snd_nxt, segment->ack) ||\n		seq_lt(", "	if (seq_lt(",
       "tcp_close", "tcp_challenge")
defect("ack-too-old-believed", "tcp/tcp_ack.c",
       "	if (seq_lt(c->snd_nxt, segment->ack) ||\n"
       "		seq_lt(segment->ack, c->snd_una - tcp_max_window(c))) {",
       "	if (seq_lt(c->snd_nxt, segment->ack)) {", "tcp_close", "tcp_challenge")
defect("segment-without-ack-taken", "tcp/tcp_in.c",
       "	if (!(segment->flags & TCP_ACK)) {\n		tcp_count(tcp, TCP_DROP_FLAGS);\n"
       "		return false;\n	}\n	/* RFC 7323",
       "	/* RFC 7323", "tcp_close", "tcp_data")
defect("handshake-ack-unchecked", "tcp/tcp_listen.c",
       "	if (segment->ack != e->iss + 1) {", "	if (0) {", "tcp_open")

# Resets and SYNs from strangers (RFC 5961).

defect("reset-anywhere-in-window", "tcp/tcp_in.c",
       "	if (offset == 0) {\n		tcp_tell_closed",
       "	if (offset < tcp_receive_window(tcp, c->shift)) {\n		tcp_tell_closed",
       "tcp_close")
defect("reset-anywhere", "tcp/tcp_in.c",
       "	if (offset == 0) {\n		tcp_tell_closed", "	if (1) {\n		tcp_tell_closed",
       "tcp_close")
defect("reset-never", "tcp/tcp_in.c",
       "	if (offset == 0) {\n		tcp_tell_closed", "	if (0) {\n		tcp_tell_closed",
       "tcp_close")
defect("reset-in-window-unchallenged", "tcp/tcp_in.c",
       "	if (offset < tcp_receive_window(tcp, c->shift))\n		tcp_challenge(tcp, c);\n}",
       "}", "tcp_close")
defect("reset-ends-handshake-anywhere", "tcp/tcp_listen.c",
       "	if (segment->seq == e->irs + 1) {",
       "	if (segment->seq - (e->irs + 1) < tcp_receive_window(tcp, e->shift)) {",
       "tcp_open")
defect("syn-in-window-resets", "tcp/tcp_in.c",
       "		tcp_count(tcp, TCP_DROP_FLAGS);\n		tcp_challenge(tcp, c);\n		return;",
       "		tcp_tell_closed(tcp, c, up, TCP_REASON_RESET);\n"
       "		tcp_connection_reset(tcp, c);\n		return;", "tcp_close")
defect("challenge-without-limit", "tcp/tcp_challenge.c",
       "	if (c->challenges == 0)\n		return;\n	c->challenges--;\n", "",
       "tcp_close", "tcp_challenge")
defect("challenge-limit-never-renewed", "tcp/tcp_challenge.c",
       "	if (c->challenge_second != 1 + second % 31) {", "	if (c->challenge_second == 0) {",
       "tcp_close", "tcp_challenge")
defect("challenge-without-jitter", "tcp/tcp_challenge.c",
       "hash_of(tcp, &c->flow, second) % CHALLENGES_MORE", "0u", "tcp_challenge")
defect("reset-ration-tells-of-connections", "tcp/tcp_in.c",
       "	if (!segment_in(tcp, c, segment, up))\n		tcp_reset_charge(tcp, segment);",
       "	segment_in(tcp, c, segment, up);", "tcp_challenge")
defect("reset-of-reset", "tcp/tcp_challenge.c",
       "	if (segment->flags & TCP_RST)\n		return;\n	if (!rate_limit_take",
       "	if (!rate_limit_take", "tcp_open")
defect("resets-without-limit", "tcp/tcp_challenge.c",
       "	if (!rate_limit_take(&tcp->resets, tcp->now, RESET_INTERVAL_US, RESET_BURST)) {\n"
       "		tcp_count(tcp, TCP_DROP_RESET_LIMIT);\n		return;\n	}\n", "",
       "tcp_challenge", "tcp_open")
defect("reset-with-wrong-number", "tcp/tcp_challenge.c",
       "	length += !!(segment->flags & TCP_SYN) + !!(segment->flags & TCP_FIN);\n", "",
       "tcp_open")
defect("syn-fin-opens", "tcp/tcp_listen.c",
       "	if (!(segment->flags & TCP_SYN) || segment->flags & TCP_FIN) {",
       "	if (!(segment->flags & TCP_SYN)) {", "tcp_open", "tcp_close")

# Reassembly.

defect("fin-ahead-taken-at-once", "tcp/tcp_in.c",
       "	if (seq != c->rcv_nxt) {\n		ahead_in(",
       "	if (seq != c->rcv_nxt && !(fin && length == 0)) {\n		ahead_in(",
       "tcp_reassembly", "tcp_close")
defect("fin-ahead-forgotten", "tcp/tcp_reassembly.c",
       "		in->has_fin = true;\n		in->fin", "		in->fin", "tcp_reassembly")
defect("text-behind-early-fin-taken", "tcp/tcp_reassembly.c",
       "	if (in->has_fin && seq_lt(in->fin, seq + length)) {", "	if (0) {",
       "tcp_reassembly")
defect("second-copy-of-bytes-wins", "tcp/tcp_in.c",
       "		if (c->side)\n			length = beside_kept(tcp, c, data, length, &fin);\n",
       "		if (c->side)\n			tcp_reassembly_forget(tcp, c);\n",
       "tcp_reassembly")
defect("overlap-stored-twice", "tcp/tcp_reassembly.c",
       "			stop = in->arrived[i].start;\n		if (!gap_add",
       "			stop = end;\n		if (!gap_add", "tcp_reassembly")
defect("retract-leaves-block-reported", "tcp/tcp_reassembly.c",
       "	uint32_t from = in->arrived[--in->count].start;",
       "	uint32_t from = in->arrived[in->count - 1].start;\n	static unsigned once;\n\n"
       "	if (once++ % 2 == 0)\n		in->count--;", "tcp_reassembly")
defect("retract-leaves-bytes", "tcp/tcp_reassembly.c",
       "		chunk_put(tcp->config.chunks, id);\n		in->piece_count--;",
       "		in->piece_count--;", "tcp_reassembly")
defect("pieces-without-limit", "tcp/tcp_reassembly.c",
       "	if (in->piece_count >= pieces_max(tcp))\n		return 0;\n", "",
       "tcp_reassembly")
defect("reassembly-eats-the-reserve", "tcp/tcp_reassembly.c",
       "	if (chunk_free_count(pool, class) <= chunk_count(pool, class) / 4)\n"
       "		return 0;\n", "", "tcp_reassembly")
defect("sack-blocks-in-wrong-order", "tcp/tcp_reassembly.c",
       "		blocks[count++] = in->arrived[order_at(in, i)];",
       "		blocks[count++] = in->arrived[i];", "tcp_reassembly")
defect("sack-unasked", "tcp/tcp_options.c",
       "	if (!c->side || !(c->flags & TCP_SACK))", "	if (!c->side)", "tcp_reassembly")
defect("gap-unanswered", "tcp/tcp_in.c",
       "	tcp_owe_duplicate(tcp, c);\n", "", "tcp_reassembly", "tcp_data")
defect("chunk-leaked-by-reassembly", "tcp/tcp_reassembly.c",
       "	piece->next = tcp->abandoned;\n	tcp->abandoned = id;\n", "", "tcp_reassembly")

# Handshake, numbers, options.

defect("isn-constant", "tcp/tcp_listen.c",
       "	return (uint32_t)f + (uint32_t)(tcp->now / 4);", "	return 1;", "tcp")
defect("isn-without-clock", "tcp/tcp_listen.c",
       "	return (uint32_t)f + (uint32_t)(tcp->now / 4);", "	return (uint32_t)f;", "tcp")
defect("isn-without-key", "tcp/tcp_listen.c",
       "	return (uint32_t)f + (uint32_t)(tcp->now / 4);",
       "	(void)f;\n	return (uint32_t)(tcp->now / 4);", "tcp")
defect("isn-without-ports", "tcp/tcp_listen.c",
       "		(uint64_t)flow->remote_port | (uint64_t)flow->local_port << 16);\n\n"
       "	return (uint32_t)f +",
       "		0);\n\n	return (uint32_t)f +", "tcp")
defect("syn-ack-retried-for-ever", "tcp/tcp_listen.c",
       "	if (e->retries == TCP_SYN_RETRIES) {", "	if (0) {", "tcp_open")
defect("syn-ack-without-backoff", "tcp/tcp_listen.c",
       "tcp->now + (SECOND << e->retries)", "tcp->now + SECOND", "tcp_open")
defect("scale-beyond-14", "tcp/tcp_options.c",
       "at[2] < TCP_SCALE_MAX ? at[2] : TCP_SCALE_MAX;", "at[2];", "tcp_options")
defect("scale-applied-to-syn-ack", "tcp/tcp_listen.c",
       "	if (e->timestamps)\n		options.value = tcp_timestamp(tcp, &e->flow);\n",
       "	reply->window = tcp_window_field(tcp, e->shift);\n"
       "	if (e->timestamps)\n		options.value = tcp_timestamp(tcp, &e->flow);\n",
       "tcp_options", "tcp_window")
defect("scale-from-any-segment", "tcp/tcp_in.c",
       "		seen = &options;\n",
       "		seen = &options;\n		if (options.has_scale)\n"
       "			c->shift = (uint8_t)((c->shift & 0xf0) | options.scale);\n",
       "tcp_options")
defect("scale-unasked", "tcp/tcp_listen.c",
       "	e->scale = options.has_scale && !tcp->config.no_scale;",
       "	e->scale = !tcp->config.no_scale;", "tcp_options")
defect("window-offered-unscaled", "tcp/tcp_record.h",
       "	return (uint16_t)(tcp_receive_window(tcp, shift) >> (shift >> 4));",
       "	return (uint16_t)tcp_receive_window(tcp, shift);", "tcp_window")
defect("mss-floor-missing", "tcp/tcp_options.c",
       "	if (peer < TCP_MSS_DEFAULT)\n		peer = TCP_MSS_DEFAULT;\n", "", "tcp_open")
defect("mss-beyond-the-link", "tcp/tcp_options.c",
       "	return peer < most ? peer : most;", "	return peer;", "tcp_open", "tcp_options")
defect("option-of-length-0-walked-on", "tcp/tcp_options.c",
       "		if (option_length < 2 || option_length > length - at)\n			return;\n",
       "		if (option_length > length - at)\n			return;\n"
       "		if (option_length < 2)\n			option_length = 1;\n", "tcp_options")
defect("option-past-the-end-read", "tcp/tcp_options.c",
       "		if (option_length < 2 || option_length > length - at)",
       "		if (option_length < 2)", "tcp_options", "tcp_open")
defect("option-length-unchecked", "tcp/tcp_options.c",
       "		if (length != LENGTH_TIMESTAMPS)\n			return false;\n", "",
       "tcp_options")

# Cookies (RFC 4987).

defect("cookie-unchecked", "tcp/tcp_cookie.c",
       "	if (cookie_of(tcp, &flow, irs, epoch, cookie >> 28 & 7, code) != cookie) {",
       "	if (0) {", "tcp_cookie")
defect("cookie-good-for-ever", "tcp/tcp_cookie.c",
       "	} input = {*flow, irs, epoch, place << 8 | options};",
       "	} input = {*flow, irs, epoch & 1, place << 8 | options};", "tcp_cookie")
defect("cookie-of-one-epoch-only", "tcp/tcp_cookie.c",
       "	epoch -= (epoch ^ cookie >> 31) & 1;\n", "", "tcp_cookie")
defect("cookie-without-the-peers-number", "tcp/tcp_cookie.c",
       "	} input = {*flow, irs, epoch,", "	} input = {*flow, 0, epoch,", "tcp_cookie")
defect("cookie-without-the-options", "tcp/tcp_cookie.c",
       "place << 8 | options};", "place << 8};", "tcp_cookie")
defect("cookie-options-not-restored", "tcp/tcp_cookie.c",
       "		e.sack = !!(code & OPTION_SACK);\n", "", "tcp_cookie")
defect("cookie-scale-not-restored", "tcp/tcp_cookie.c",
       "			e.shift = (uint8_t)(tcp_scale(tcp) << 4 | (code & NO_SCALE));",
       "			e.shift = 0;", "tcp_cookie")
defect("cookie-mss-not-restored", "tcp/tcp_cookie.c",
       "sizes[cookie >> 28 & 7]);", "1460);", "tcp_cookie")
defect("cookie-sack-without-timestamps", "tcp/tcp_cookie.c",
       "	answer.mss = tcp_mss(tcp, ipv6, UINT16_MAX);\n",
       "	answer.mss = tcp_mss(tcp, ipv6, UINT16_MAX);\n	answer.sack = options.sack_permitted;\n",
       "tcp_cookie")
defect("cookie-clock-ahead", "tcp/tcp_cookie.c",
       "			answer.value -= OPTION_MASK + 1;", "			answer.value -= 0;",
       "tcp_cookie")
defect("cookies-looked-for-always", "tcp/tcp_cookie.c",
       "	if (!cookies_about(tcp) || segment->flags", "	if (segment->flags", "tcp_cookie")
defect("cookies-never-sent", "tcp/tcp_cookie.c",
       "	return tcp->embryonic_slab.used >= above;", "	return false;", "tcp_cookie")

# Timestamps (RFC 7323).

defect("paws-missing", "tcp/tcp_options.c",
       "	if (tcp_timestamp_old(options->value, recent) && age < PAWS_AGE_MAX)\n"
       "		return TCP_PAWS_OLD;\n", "", "tcp_timestamps")
defect("paws-for-ever", "tcp/tcp_options.c",
       " && age < PAWS_AGE_MAX)", ")", "tcp_timestamps")
defect("paws-of-resets", "tcp/tcp_in.c",
       "	if (segment->flags & TCP_RST) {\n		reset_in(",
       "	if (segment->flags & TCP_RST && c->flags & TCP_TIMESTAMPS) {\n"
       "		struct tcp_options options;\n\n"
       "		tcp_options_read(segment->options, segment->options_length, &options);\n"
       "		if (!timestamps_in(tcp, c, segment, &options))\n			return;\n	}\n"
       "	if (segment->flags & TCP_RST) {\n		reset_in(", "tcp_timestamps")
defect("recent-from-out-of-order-segment", "tcp/tcp_in.c",
       "	newest = c->flags & TCP_TIMESTAMPS && seq_leq(segment->seq, c->rcv_nxt) &&",
       "	newest = c->flags & TCP_TIMESTAMPS &&", "tcp_timestamps")
defect("recent-before-the-ack-check", "tcp/tcp_in.c",
       "	if (!tcp_ack_in(tcp, c, segment, seen))\n		return false;\n",
       "	if (newest)\n		c->ts_recent = options.value;\n"
       "	if (!tcp_ack_in(tcp, c, segment, seen))\n		return false;\n",
       "tcp_challenge", "tcp_timestamps")
defect("recent-of-latest-in-burst", "tcp/tcp_in.c",
       "seq_leq(segment->seq, c->rcv_nxt) &&\n		 !(c->flags & TCP_ACK_OWED);",
       "seq_leq(segment->seq, c->rcv_nxt);", "tcp_timestamps")
defect("missing-timestamps-accepted", "tcp/tcp_options.c",
       "	if (!options->has_timestamps)\n		return TCP_PAWS_ABSENT;\n",
       "	if (!options->has_timestamps)\n		return TCP_PAWS_GOOD;\n",
       "tcp_timestamps")
defect("timestamp-clock-shows-uptime", "tcp/tcp_options.c",
       "	return (uint32_t)start + tcp_ms(tcp->now);",
       "	(void)start;\n	return tcp_ms(tcp->now);", "tcp_timestamps")
defect("echo-of-the-future-measured", "tcp/tcp_ack.c",
       "		if (ms <= TCP_RTO_MAX_MS)\n			tcp_rtt_sample(c, ms);",
       "		tcp_rtt_sample(c, ms);", "tcp_rto")

# Windows.

defect("window-from-old-segment", "tcp/tcp_ack.c",
       "	if (seq_lt(segment->seq, c->snd_wl1))\n		return;\n", "", "tcp_loss")
defect("window-order-moved-by-refused-bytes", "tcp/tcp_ack.c",
       "	c->snd_wl1 = seq_lt(c->rcv_nxt, segment->seq) ? c->rcv_nxt : segment->seq;",
       "	c->snd_wl1 = segment->seq;", "tcp_loss", "tcp_window", "tcp_sim")
defect("sent-beyond-the-window", "tcp/tcp_out.c",
       "	if (piece <= window)\n		return piece <= congestion_room(tcp, c) ? piece : 0;",
       "	if (1)\n		return piece <= congestion_room(tcp, c) ? piece : 0;", "tcp_loss")
defect("silly-window-sender", "tcp/tcp_out.c",
       "	if (c->snd_ptr != c->snd_una || window == 0)\n		return 0;",
       "	if (window > 0)\n		return window;", "tcp_loss")
defect("silly-window-receiver", "tcp/tcp_reassembly.c",
       "	if ((int32_t)(edge - in->edge) < (int32_t)step)", 
       "	(void)step;\n	if ((int32_t)(edge - in->edge) <= 0)", "tcp_window", "tcp_reassembly")
defect("window-taken-back", "tcp/tcp_reassembly.c",
       "	if ((int32_t)(edge - in->edge) < (int32_t)step)",
       "	(void)step;\n	if (edge == in->edge)", "tcp_reassembly", "tcp_window")
defect("persist-timer-missing", "tcp/tcp_out.c",
       "		if (c->snd_ptr == c->snd_una && !timer_armed(&c->timer))\n"
       "			tcp_timer_start(tcp, c);\n", "", "tcp_loss")
defect("persist-without-backoff", "tcp/tcp_timer.c",
       "			return;\n		if (c->backoff < 15)\n			c->backoff++;",
       "			return;", "tcp_loss", "tcp_persist")
defect("answered-probes-end-the-connection", "tcp/tcp_timer.c",
       "	if (stalled < limit || tcp_persist_patient(tcp, c))", "	if (stalled < limit)",
       "tcp_persist")
defect("shut-window-kept-for-ever", "tcp/tcp_persist.c",
       "	return tcp->shut_limit && waits >= tcp->shut_limit;", "	return false;",
       "tcp_persist")
defect("window-update-missing", "tcp/tcp_sweep.c",
       "		c->flags &= (uint16_t)~TCP_WINDOW_CLOSED;\n		tcp_owe_ack(tcp, c);",
       "		c->flags &= (uint16_t)~TCP_WINDOW_CLOSED;", "tcp_loss")

# Retransmission, congestion.

defect("karn-forgotten", "tcp/tcp_out.c",
       "		if (!(c->flags & (TCP_TIMING | TCP_RECOVERY | TCP_LOSS))) {",
       "		if (!(c->flags & TCP_TIMING)) {", "tcp_loss", "tcp_rto", "tcp_recovery")
defect("karn-forgotten-at-timeout", "tcp/tcp_congestion.c",
       "	c->flags &= (uint16_t) ~(TCP_RECOVERY | TCP_SEND_AGAIN | TCP_TIMING);\n"
       "	c->flags |= TCP_LOSS;\n	if (c->backoff",
       "	c->flags &= (uint16_t) ~(TCP_RECOVERY | TCP_SEND_AGAIN);\n"
       "	c->flags |= TCP_LOSS;\n	if (c->backoff", "tcp_loss", "tcp_rto")
defect("backoff-missing", "tcp/tcp_congestion.c",
       "	if (c->backoff < BACKOFF_MAX)\n		c->backoff++;\n", "", "tcp_loss")
defect("backoff-never-ends", "tcp/tcp_ack.c",
       "	if (c->backoff > TCP_BACKOFF_PROGRESS)\n		c->backoff = TCP_BACKOFF_PROGRESS;\n",
       "", "tcp_rto")
defect("rto-without-minimum", "tcp/tcp_congestion.c",
       "max_u32(c->srtt + 4u * c->rttvar, TCP_RTO_MIN_MS)", "c->srtt + 4u * c->rttvar",
       "tcp_timer")
defect("rto-without-variance", "tcp/tcp_congestion.c",
       "max_u32(c->srtt + 4u * c->rttvar, TCP_RTO_MIN_MS)",
       "max_u32(c->srtt, TCP_RTO_MIN_MS)", "tcp_timer")
defect("rto-without-maximum", "tcp/tcp_congestion.c",
       "	return (ms < TCP_RTO_MAX_MS ? ms : TCP_RTO_MAX_MS) * MS;", "	return ms * MS;",
       "tcp_timer", "tcp_loss")
defect("timer-not-rearmed-after-timeout", "tcp/tcp_timer.c",
       "	tcp_timer_start(tcp, c);\n	tcp_pend(tcp, c);\n}\n\nstatic unsigned time_wait_due",
       "	tcp_pend(tcp, c);\n}\n\nstatic unsigned time_wait_due", "tcp_loss", "tcp_close")
defect("timer-not-restarted-by-acks", "tcp/tcp_ack.c",
       "	if (c->snd_una != c->snd_nxt) {\n		tcp_timer_start(tcp, c);\n		return true;",
       "	if (c->snd_una != c->snd_nxt) {\n		return true;", "tcp_loss", "tcp_rto")
defect("timer-runs-on-with-nothing-in-flight", "tcp/tcp_ack.c",
       "	timer_stop(&c->timer);\n	if (!tcp_fin_sent(c))", "	if (!tcp_fin_sent(c))",
       "tcp_loss", "tcp_data")
defect("lone-fin-not-sent-again", "tcp/tcp_timer.c",
       "	if (c->snd_ptr != c->snd_una) {\n		/* RFC 6298",
       "	if (c->snd_ptr != c->snd_una && c->tail) {\n		/* RFC 6298", "tcp_close",
       "tcp_recovery")
defect("gives-up-by-the-clock-alone", "tcp/tcp_timer.c",
       "		return c->backoff >= TCP_RETRIES_MIN;", "		return true;", "tcp_loss")
defect("heard-peer-not-waited-for", "tcp/tcp_timer.c",
       "	return stalled >= TCP_HEARD_WAIT * limit &&", "	return stalled >= limit &&", "tcp_loss")
defect("heard-peer-waited-for-without-end", "tcp/tcp_timer.c",
       "	return stalled >= TCP_HEARD_WAIT * limit &&", "	return false && stalled >= limit &&",
       "tcp_loss")
defect("own-wait-measured", "tcp/tcp_congestion.c",
       "		ms = min_u32(ms, (uint32_t)SAMPLE_CAP * tcp_rto_base(c));\n", "", "tcp_rto")
defect("never-gives-up", "tcp/tcp_timer.c",
       "	if (hopeless(tcp, c)) {", "	if (0) {", "tcp_loss", "tcp_close")
defect("fast-retransmit-missing", "tcp/tcp_congestion.c",
       "(++c->duplicates < 3 && !lost)", "(++c->duplicates < 4 && !lost)", "tcp_loss")
defect("limited-transmit-missing", "tcp/tcp_out.c",
       "		window += (uint32_t)c->duplicates * c->mss;\n	return usable(c, window);",
       "		window += 0;\n	return usable(c, window);", "tcp_recovery", "tcp_loss")
defect("window-grows-by-acks-not-bytes", "tcp/tcp_congestion.c",
       "		c->cwnd += min_u32(bytes, (c->flags & TCP_LOSS ? 1u : 2u) * c->mss);",
       "		c->cwnd += c->mss;", "tcp_recovery", "tcp_timer", "tcp_loss")
defect("window-grows-unused", "tcp/tcp_congestion.c",
       "	if (flight < c->cwnd / 2)\n		return;\n", "", "tcp_timer", "tcp_loss")
defect("window-not-halved", "tcp/tcp_congestion.c",
       "(c->snd_nxt - c->snd_una) / 2 / c->mss;", "(c->snd_nxt - c->snd_una) / c->mss;",
       "tcp_loss", "tcp_timer")
defect("duplicates-inflate-without-limit", "tcp/tcp_congestion.c",
       "		if (c->cwnd < limit)\n			c->cwnd = min_u32(c->cwnd + c->mss, limit);",
       "		(void)limit;\n		c->cwnd += c->mss;", "tcp_recovery")
defect("partial-ack-ends-recovery", "tcp/tcp_congestion.c",
       "	if (c->flags & (TCP_RECOVERY | TCP_LOSS) && !seq_lt(c->snd_una, c->mark)) {",
       "	if (c->flags & (TCP_RECOVERY | TCP_LOSS)) {", "tcp_loss", "tcp_recovery")
defect("spoofed-duplicates-after-timeout", "tcp/tcp_recovery.c",
       "		if (c->flags & TCP_CAREFUL)\n			return;\n", "", "tcp_recovery")
defect("idle-burst", "tcp/tcp_queue.c",
       "				tcp_congestion_idle(c);", "				(void)0;",
       "tcp_timer", "tcp_loss")

# The scoreboard (RFC 2018, 6675).

defect("sack-block-beyond-what-was-sent", "tcp/tcp_sack.c",
       " &&\n	       seq_leq(block.end, c->snd_nxt);", ";", "tcp_sack_send")
defect("sack-block-inverted", "tcp/tcp_sack.c",
       " && seq_lt(block.start, block.end) &&", " &&", "tcp_sack_send")
defect("sack-block-below-una", "tcp/tcp_sack.c",
       "	return seq_lt(c->snd_una, block.start) && seq_lt(", "	return seq_lt(",
       "tcp_sack_send")
defect("scoreboard-kept-over-timeout", "tcp/tcp_timer.c",
       "		if (c->side)\n			tcp_sack_forget(tcp, c);\n", "", "tcp_recovery")
defect("sacked-bytes-sent-again", "tcp/tcp_sack.c",
       "		if (seq_lt(at, board->sacked[i].end))\n			at = board->sacked[i].end;\n"
       "	}\n	return false;",
       "	}\n	return false;", "tcp_recovery", "tcp_sack_send")
defect("rescue-without-end", "tcp/tcp_sack.c",
       "	if (!seq_lt(board->rescue, c->snd_una))\n		return false;\n", "",
       "tcp_sack_send", "tcp_recovery")
defect("scoreboard-forgets-the-nearest", "tcp/tcp_sack.c",
       "	if (first == TCP_SACKED)\n		return 0;\n",
       "	if (count == TCP_SACKED && first == last)\n		return 0;\n", "tcp_sack_send")

# Closing, TIME-WAIT, what must be given back.

defect("time-wait-reused-by-lower-number", "tcp/tcp_time_wait.c",
       "	return seq_lt(w->rcv_nxt, segment->seq);", "	return true;", "tcp_close")
defect("time-wait-never-reused", "tcp/tcp_time_wait.c",
       "	return seq_lt(w->rcv_nxt, segment->seq);", "	return false;", "tcp_close")
defect("reset-ends-time-wait", "tcp/tcp_time_wait.c",
       "		tcp_count(tcp, TCP_DROP_FLAGS);\n		return;\n	}\n	if (reopen",
       "		tcp_count(tcp, TCP_DROP_FLAGS);\n		tcp_time_wait_free(tcp, w, true);\n"
       "		return;\n	}\n	if (reopen", "tcp_close")
defect("time-wait-answers-bare-acks", "tcp/tcp_time_wait.c",
       "	if (segment->length > 0 || segment->flags & (TCP_FIN | TCP_SYN))\n", "",
       "tcp_close")
defect("time-wait-without-end", "tcp/tcp_timer.c",
       "		if ((int32_t)(tick - w->expires) < 0)\n			break;\n",
       "		break;\n", "tcp_close")
defect("new-incarnation-below-the-old", "tcp/tcp_time_wait.c",
       "	if (seq_leq(e->iss, w->snd_nxt))\n		e->iss = w->snd_nxt + ISN_GAP;\n", "",
       "tcp_close")
defect("fin-wait-2-for-ever", "tcp/tcp_ack.c",
       "		if (c->flags & TCP_ORPHAN)\n			timer_arm(", "		if (0)\n			timer_arm(",
       "tcp_close")
defect("data-after-close-swallowed", "tcp/tcp_in.c",
       "	if (c->flags & TCP_ORPHAN && length > 0) {", "	if (0) {", "tcp_close")
defect("data-behind-fin-delivered", "tcp/tcp_in.c",
       "	if (c->state == TCP_CLOSE_WAIT || c->state == TCP_CLOSING || c->state == TCP_LAST_ACK) {",
       "	if (0) {", "tcp_close")
defect("orphan-hears-more", "tcp/tcp_in.c",
       "	if (!(c->flags & TCP_ORPHAN))\n		up->events |= events;", "	up->events |= events;",
       "tcp_close")
defect("chunk-leaked-on-close", "tcp/tcp_queue.c",
       "		c->head = tcp_message_at(tcp, id)->next;\n		chunk_put(tcp->config.chunks, id);",
       "		c->head = tcp_message_at(tcp, id)->next;", "tcp_close")
defect("chunk-freed-before-acknowledged", "tcp/tcp_queue.c",
       "		if (seq_lt(c->snd_una, message->seq + message->length))",
       "		if (seq_lt(c->snd_una, message->seq + message->length / 2))", "tcp_loss")
defect("side-record-leaked", "tcp/tcp_record.c",
       "	if (c->side)\n		slab_put(&tcp->side_slab, c->side - 1u);\n	c->side = 0;\n"
       "	timer_unlink", "	c->side = 0;\n	timer_unlink", "tcp_reassembly")
defect("flow-slot-leaked", "tcp/tcp_record.c",
       "	flow_remove(&tcp->flows, tcp_hash_at(tcp, tcp_ref_of(tcp, c)), tcp_ref_of(tcp, c));\n"
       "	connection_free(tcp, c);", "	connection_free(tcp, c);", "tcp_close")
defect("timer-left-on-the-wheel", "tcp/tcp_record.c",
       "	timer_unlink(&tcp->wheel, tcp_ref_of(tcp, c));\n	if (c->state >=",
       "	if (c->state >=", "tcp_close")
defect("id-used-again", "tcp/tcp_record.c",
       "	c->generation = c->generation == UINT8_MAX ? 1 : c->generation + 1;\n", "",
       "tcp")
defect("handshake-record-leaked", "tcp/tcp_record.c",
       "	slab_put(&tcp->embryonic_slab, flow_ref_index(ref));\n}",
       "}", "tcp_open", "tcp")
defect("idle-never-ends", "tcp/tcp_sweep.c",
       "	if (silent >= tcp->config.idle_us / MS) {", "	if (0) {", "tcp")
defect("one-keepalive-unanswered-is-death", "tcp/tcp_keepalive.c",
       "TCP_KEEPALIVE_PROBES * interval(tcp)", "1 * interval(tcp)", "tcp_keepalive")
defect("timer-fires-early", "tcp/timer_wheel.c",
       "	uint32_t due = wheel_tick(at + (1u << WHEEL_TICK_SHIFT) - 1);",
       "	uint32_t due = wheel_tick(at);", "tcp_timer")
defect("timer-lost-when-rearmed", "tcp/timer_wheel.c",
       "			if (armed)\n				wheel_file(wheel, ref, node);\n", "",
       "tcp_timer")
defect("flow-lost-behind-a-removed-one", "tcp/flow_table.c",
       "			line_set_passed(line, passed - 1);", "			line_set_passed(line, 0);",
       "tcp_flow_table")

# ICMP about TCP (RFC 5927).

defect("icmp-number-unchecked", "tcp/tcp_path.c",
       "	if (seq_lt(seq, c->snd_una) || !seq_lt(seq, c->snd_nxt))\n",
       "	if (0)\n", "tcp_path")
defect("too-big-raises-the-mss", "tcp/tcp_path.c",
       " || payload(c, mtu) >= c->mss) {", ") {", "tcp_path")
defect("too-big-below-the-floor", "tcp/tcp_path.c",
       "		mtu = MTU_LEAST_IPV4;\n", "		mtu += 0;\n", "tcp_path")
defect("too-big-believed-at-once", "tcp/tcp_path.c",
       "	if (c->flags & (TCP_RECOVERY | TCP_LOSS) && is_first(c, seq)) {", "	if (1) {",
       "tcp_path")
defect("unreachable-ends-the-connection", "tcp/tcp_path.c",
       "		too_big(tcp, c, seq, mtu);\n	else\n		tcp_count(tcp, TCP_ICMP_SOFT);",
       "		too_big(tcp, c, seq, mtu);\n	else\n		tcp_connection_free(tcp, c);",
       "tcp_path")

# IPv4, IPv6, UDP, TCP headers.

defect("ip-version-unchecked", "net/ipv4.c",
       "	if (length < sizeof(*header) || header->version_length >> 4 != 4)\n",
       "	if (length < sizeof(*header))\n", "stack_ipv4")
defect("ip-header-length-unchecked", "net/ipv4.c",
       "	if (header_length < sizeof(*header) || total < header_length || total > length)",
       "	if (total < header_length || total > length)", "stack_ipv4")
defect("ip-total-length-unchecked", "net/ipv4.c",
       "total < header_length || total > length)", "total < header_length)", "stack_ipv4")
defect("padding-delivered-as-data", "net/ipv4.c",
       "	packet->length = (uint16_t)(total - header_length);",
       "	packet->length = (uint16_t)(length - header_length);", "stack_udp", "stack_ipv4")
defect("ip-checksum-unchecked", "net/ipv4.c",
       "	if (!checksum_good && checksum_fold(", "	if (0 && checksum_fold(", "stack_ipv4")
defect("source-route-taken", "net/ipv4.c",
       "		if (options[0] == OPTION_LOOSE_ROUTE || options[0] == OPTION_STRICT_ROUTE)\n"
       "			return false;\n", "", "stack_ipv4")
defect("fragment-accepted", "net/ipv4.c",
       "	if (fragment & (IPV4_FLAG_MF | IPV4_OFFSET_MASK))\n		return IPV4_FRAGMENT;\n", "",
       "stack_ipv4")
defect("first-fragment-accepted", "net/ipv4.c",
       "	if (fragment & (IPV4_FLAG_MF | IPV4_OFFSET_MASK))", "	if (fragment & IPV4_OFFSET_MASK)",
       "stack_ipv4")
defect("land-accepted", "stack_input.c",
       "	if (!ip_is_unicast(&packet.source) || stack_owns_anywhere(stack, &packet.source) ||\n"
       "		stack_is_broadcast(",
       "	if (!ip_is_unicast(&packet.source) ||\n		stack_is_broadcast(", "stack_ipv4")
defect("broadcast-source-accepted", "stack_input.c",
       " ||\n		stack_is_broadcast(interface, &packet.source))", ")", "stack_ipv4")
defect("others-packets-taken", "stack_input.c",
       "	if (!stack_owns(interface, &packet.destination))\n		return STACK_DROP_IPV4_NOT_OURS;\n",
       "", "stack_ipv4")
defect("ipv6-group-source-accepted", "stack_input.c",
       "	if (ip_is_v4(&packet.source) || !ipv6_is_unicast(&packet.source) ||",
       "	if (ip_is_v4(&packet.source) ||",
       "stack_ipv6")
defect("ipv6-payload-length-unchecked", "net/ipv6.c",
       "	if (walk.left > length - sizeof(*header))\n		return IPV6_MALFORMED;\n", "",
       "stack_ipv6")
defect("extension-length-unchecked", "net/ipv6.c",
       "	if (length > walk->left || walk->chain > IPV6_CHAIN_MAX)", "	if (0)", "stack_ipv6")
defect("extensions-without-limit", "net/ipv6.c",
       "	if (walk->left < 8 || ++walk->headers > IPV6_EXTENSIONS_MAX)",
       "	if (walk->left < 8)", "stack_ipv6")
defect("extension-option-past-the-end", "net/ipv6.c",
       " || length < 2 || options[1] + 2U > length)", ")", "stack_ipv6")
defect("routing-header-0-accepted", "net/ipv6.c",
       "		if (extension->type == 0 || extension->segments_left != 0)",
       "		if (0)", "stack_ipv6")
defect("ipv6-fragment-accepted", "net/ipv6.c",
       "	if (walk->fragment || (ntohs(fragment->offset) & FRAGMENT_OFFSET_OR_MORE))",
       "	if (0)", "stack_ipv6")
defect("second-fragment-header-accepted", "net/ipv6.c",
       "	if (walk->fragment || (ntohs", "	if ((ntohs", "stack_ipv6")
defect("udp-length-unchecked", "net/udp.c",
       "	if (length < sizeof(*header) || length > packet->length)\n		return UDP_MALFORMED;\n",
       "", "stack_udp")
defect("udp-padding-delivered", "net/udp.c",
       "	datagram->length = (uint16_t)(length - sizeof(*header));",
       "	datagram->length = (uint16_t)(packet->length - sizeof(*header));", "stack_udp")
defect("udp-checksum-unchecked", "net/udp.c",
       "	if (!checksum_good && header->checksum != 0) {", "	if (0) {", "stack_udp")
defect("udp-without-checksum-over-ipv6", "net/udp.c",
       "	if (header->checksum == 0 && !ip_is_v4(&packet->source))\n		return UDP_CHECKSUM;\n",
       "", "stack_ipv6")
defect("udp-sends-checksum-0", "net/udp.c",
       "	if (header->checksum == 0)\n		header->checksum = 0xffff;\n", "", "stack_udp")
defect("echo-ports-answered", "stack_private.h",
       " && !udp_is_echo_like(source_port);", ";", "stack_udp")
defect("port-0-accepted", "net/segment.c",
       "	if (header->source_port == 0 || header->destination_port == 0)\n"
       "		return SEGMENT_MALFORMED;\n", "", "stack_tcp")
defect("tcp-offset-unchecked", "net/segment.c",
       "	if (header_length < sizeof(*header) || header_length > packet->length)",
       "	if (header_length < sizeof(*header))", "stack_tcp")
defect("tcp-checksum-unchecked", "net/segment.c",
       "	if (!checksum_good) {", "	if (0) {", "stack_tcp")
defect("tcp-checksum-without-addresses", "net/segment.c",
       "		sum = checksum_pseudo(\n			&packet->source, &packet->destination, "
       "PROTOCOL_TCP, packet->length);",
       "		sum = checksum_pseudo(\n			&packet->source, &packet->source, "
       "PROTOCOL_TCP, packet->length);", "stack_tcp")
defect("checksum-loses-odd-byte", "net/checksum.c",
       "		memcpy(&last, bytes, 1);\n", "", "checksum")

# Ethernet, VLAN, ARP, neighbour discovery, ICMP.

defect("others-frames-taken", "stack_input.c",
       "			return STACK_DROP_ETHER_NOT_OURS;\n		from.group = true;",
       "			from.group = false;\n		from.group = true;", "stack_ether")
defect("group-source-taken", "stack_input.c",
       "	if (header->source[0] & 1)\n		return STACK_DROP_ETHER_SOURCE;\n", "",
       "stack_ether")
defect("short-frame-read", "stack_input.c",
       "	if (frame->length < sizeof(*header))\n		return STACK_DROP_ETHER_SHORT;\n", "",
       "stack_ether")
defect("vlan-of-others-taken", "stack_input.c",
       "	if (!walk_tags(&ether, frame) || ether.vlan != interface->vlan)",
       "	if (!walk_tags(&ether, frame))", "stack_vlan")
defect("vlan-tags-without-limit", "stack_input.c",
       "++tags > VLAN_TAGS_MAX ||", "++tags > 100 ||", "stack_vlan")
defect("second-vlan-wins", "stack_input.c",
       "	if (ether->vlan != 0)\n		return false;\n", "", "stack_vlan")
defect("arp-lengths-unchecked", "net/arp.c",
       " || arp->hardware_length != 6 ||\n		arp->protocol_length != 4)", ")", "stack_arp")
defect("unsolicited-arp-learned", "net/neighbour.c",
       "	if (!entry || entry->tries == 0)\n		return false;\n"
       "	if (!mac && entry->state",
       "	if (!entry)\n		return false;\n	if (!mac && entry->state", "stack_arp")
defect("neighbour-made-for-any-answer", "net/neighbour.c",
       "	if (!entry || entry->tries == 0)\n		return false;\n"
       "	if (!mac && entry->state",
       "	if (!entry)\n		entry = insert(table, link, address, now);\n"
       "	if (!entry)\n		return false;\n	if (!mac && entry->state", "stack_arp")
defect("neighbour-taken-over-by-claim", "net/neighbour.c",
       "	if (entry->state == NEIGHBOUR_REACHABLE)\n		start_probe(entry);",
       "	if (entry->state == NEIGHBOUR_REACHABLE)\n		memcpy(entry->mac, mac, 6);",
       "stack_arp")
defect("fixed-gateway-claimed", "net/neighbour.c",
       "	if (!entry || entry->state == NEIGHBOUR_FIXED)\n		return;",
       "	if (!entry)\n		return;", "stack_arp")
defect("neighbours-in-use-evicted", "net/neighbour.c",
       "		return now - entry->used > NEIGHBOUR_IN_USE_US ? 1 : 0;", "		return 1;",
       "stack_neighbour")
defect("arp-storm", "net/neighbour.c",
       "	if (!rate_limit_take(&table->requests, now, REQUEST_INTERVAL_US, REQUEST_BURST))\n"
       "		return 0;\n", "", "stack_neighbour")
defect("asks-for-ever", "net/neighbour.c",
       "	if (entry->tries >= NEIGHBOUR_TRIES)\n		give_up(entry, now);\n", "",
       "stack_neighbour")
defect("off-link-sender-learned", "stack_arp.c",
       "	if (stack_is_on_link(interface, &sender))\n", "", "stack_neighbour", "stack_arp")
defect("arp-answers-without-limit", "stack_arp.c",
       "	if (!rate_limit_take(&interface->answers, stack->now, ANSWER_INTERVAL_US, ANSWER_BURST))\n"
       "		return STACK_DROP_ARP_LIMIT;\n", "", "stack_arp", "stack_neighbour")
defect("own-address-learned", "stack_arp.c",
       "	if (stack_owns(interface, &sender)) {", "	if (0) {", "stack_arp")
defect("nd-hop-limit-unchecked", "net/nd.c",
       " || packet->hops != ND_HOPS ||\n", " ||\n", "stack_nd")
defect("nd-fragment-accepted", "net/nd.c",
       "		packet->fragment ||\n", "", "stack_nd")
defect("nd-option-of-length-0", "net/nd.c",
       "		if (length == 0 || length > left)\n			return false;\n",
       "		if (length > left)\n			return false;\n		if (length == 0)\n"
       "			break;\n", "stack_nd")
defect("nd-unsolicited-learned", "stack_nd.c",
       "	if (message->solicited && !from->group && stack_owns(interface, &packet->destination) &&",
       "	if (stack_owns(interface, &packet->destination) &&", "stack_nd")
defect("nd-duplicate-address-used", "stack_nd.c",
       "		subnet->state = SUBNET_DUPLICATE;\n", "		subnet->state = SUBNET_VALID;\n",
       "stack_nd")
defect("mld-query-from-off-the-link", "net/mld.c",
       "packet->hops != MLD_HOPS || !packet->alert ||\n		!ipv6_is_link_local(&packet->source) ||",
       "!packet->alert ||", "stack_mld")
defect("mld-without-router-alert", "net/mld.c",
       "packet->hops != MLD_HOPS || !packet->alert ||", "packet->hops != MLD_HOPS ||", "stack_mld")
defect("mld-sources-past-the-end", "net/mld.c",
       "		(beyond < sizeof(*tail) ||\n			ntohs(tail->sources) * sizeof(struct ip_address) > "
       "beyond - sizeof(*tail)))",
       "		beyond < sizeof(*tail))", "stack_mld")
defect("ping-without-limit", "stack_icmp.c",
       "	if (!rate_limit_take(&interface->echo_answers, stack->now, ECHO_INTERVAL_US, ECHO_BURST))\n"
       "		return STACK_DROP_ICMP_LIMIT;\n", "", "stack_icmp")
defect("icmp-checksum-unchecked", "stack_icmp.c",
       "	if (packet->length == 0 || !icmp_checksum_good(packet))", "	if (packet->length == 0)",
       "stack_icmp")
defect("icmp-quote-length-unchecked", "net/icmp_error.c",
       "		header_length + sizeof(struct quoted_transport) > length ||\n", "",
       "icmp_error")
defect("icmp-about-icmp-error", "net/icmp_error.c",
       "		return is_nested(error->protocol, data[0]) ? ICMP_MALFORMED : ICMP_IGNORED;",
       "		return ICMP_IGNORED;", "icmp_error")
defect("too-big-below-1280-believed", "net/icmp_error.c",
       "		return error->too_big && error->mtu < IPV6_MTU_MIN ? ICMP_IGNORED : ICMP_ERROR;",
       "		return ICMP_ERROR;", "icmp_error")

# Several workers, routes, the queue to the port.

defect("rss-ports-swapped", "rss.c",
       "htonl((uint32_t)ntohs(source_port) << 16 | ntohs(destination_port));",
       "htonl((uint32_t)ntohs(destination_port) << 16 | ntohs(source_port));", "rss")
defect("rss-addresses-swapped", "rss.c",
       "		return hash_words(rss, &source->word[3], 1, 0) ^\n"
       "		       hash_words(rss, &destination->word[3], 1, 1) ^",
       "		return hash_words(rss, &source->word[3], 1, 1) ^\n"
       "		       hash_words(rss, &destination->word[3], 1, 0) ^", "rss")
defect("rss-key-unchecked", "rss.c",
       "	if (index_rank(random, 64) < 7 || index_rank(random, 16) < 7 ||\n"
       "		index_rank(random, 256) < 7 || index_rank(random, 112) < 7)\n"
       "		return -EINVAL;\n", "	(void)index_rank;\n", "rss")
defect("forwarded-to-the-wrong-worker", "stack_forward.c",
       "	if (!put_frame(stack, link, owner, FORWARD_PACKET,",
       "	if (!put_frame(stack, link, (owner + 1) % stack->rss->workers == stack->worker ? owner :\n"
       "		    (owner + 1) % stack->rss->workers, FORWARD_PACKET,", "stack_forward")
defect("wrong-worker-keeps-the-packet", "stack_private.h",
       "		*owner = rss_worker(stack->rss, frame->hash);\n		return *owner != stack->worker;",
       "		*owner = rss_worker(stack->rss, frame->hash);\n		return false;",
       "stack_forward")
defect("forward-ring-overrun", "forward.c",
       "		if (ring->head - ring->seen == forward->slots)\n			return NULL;\n", "",
       "forward", "stack_forward")
defect("forwarded-slots-freed-too-soon", "stack_receive.c",
       "	stack->forwarded = false;\n	hand_up(stack);",
       "	stack->forwarded = false;\n	stack_forward_release(stack);\n	hand_up(stack);",
       "stack_forward")
defect("forwarded-vlan-lost", "stack_forward.c",
       "	slot->flags = flags | (frame->flags & FRAME_VLAN);", "	slot->flags = flags;",
       "stack_forward", "stack_vlan")
defect("control-without-reserve", "stack_transmit.c",
       "(urgent ? STACK_QUEUE : STACK_QUEUE - STACK_RESERVE)", "STACK_QUEUE", "stack_reserve")
defect("syn-ack-asks-for-strangers", "stack_transmit.c",
       "	return (flags & TCP_RST) || (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);",
       "	return false;", "stack_route")

# What is easily overlooked.

defect("idle-clock-moved-by-strangers", "tcp/tcp_ack.c",
       "	bool duplicate;\n\n", "	bool duplicate;\n\n	c->tick = tcp_ms(tcp->now);\n",
       "tcp", "tcp_close")
defect("answers-by-the-link-of-old", "tcp/tcp_ack.c",
       "	c->link = segment->link;\n", "", "tcp", "tcp_data", "stack_tcp")
defect("window-update-counts-as-duplicate", "tcp/tcp_ack.c",
       " &&\n		    segment->window == c->snd_wnd;", ";", "tcp_loss", "tcp_recovery")
defect("text-counts-as-duplicate", "tcp/tcp_ack.c",
       "		    segment->length == 0 && !(segment->flags & TCP_FIN) &&\n", "",
       "tcp_loss", "tcp_recovery")
defect("duplicates-add-up-over-progress", "tcp/tcp_ack.c",
       "	c->snd_una = ack;\n	c->duplicates = 0;\n", "	c->snd_una = ack;\n",
       "tcp_loss", "tcp_recovery")
defect("largest-window-forgotten", "tcp/tcp_ack.c",
       "	if (c->max_window < segment->window)\n		c->max_window = segment->window;", 
       "	c->max_window = segment->window;", "tcp_loss", "tcp_challenge")
defect("threshold-halved-for-each-timeout", "tcp/tcp_congestion.c",
       "	if (!(c->flags & TCP_LOSS))\n		halve(c);\n	c->cwnd = c->mss;",
       "	halve(c);\n	c->cwnd = c->mss;", "tcp_loss", "tcp_timer")
defect("round-trip-of-0", "tcp/tcp_congestion.c",
       "	ms = max_u32(1, min_u32(ms, TCP_RTO_MAX_MS));", "	ms = min_u32(ms, TCP_RTO_MAX_MS);",
       "tcp_timer", "tcp_rto")
defect("initial-window-of-large-segments", "tcp/tcp_congestion.c",
       "	return min_u32(TCP_INITIAL_WINDOW * c->mss, max_u32(2u * c->mss, 14600));",
       "	return TCP_INITIAL_WINDOW * c->mss;", "tcp_timer", "tcp_loss")
defect("initial-window-after-lost-syn-ack", "tcp/tcp_congestion.c",
       "		c->cwnd = c->mss;\n		tcp_rtt_sample(c, 1000);", "		tcp_rtt_sample(c, 1000);",
       "tcp_loss", "tcp_timer")
defect("rto-after-lost-syn-ack", "tcp/tcp_congestion.c",
       "		c->cwnd = c->mss;\n		tcp_rtt_sample(c, 1000);", "		c->cwnd = c->mss;",
       "tcp_loss", "tcp_timer")
defect("time-wait-prolonged-by-anything", "tcp/tcp_time_wait.c",
       "	if (segment->flags & TCP_FIN && segment->seq + segment->length + 1 == w->rcv_nxt)\n", "",
       "tcp_close")
defect("handshake-challenges-without-limit", "tcp/tcp_listen.c",
       "	if (e->challenges == TCP_CHALLENGES)\n		return;\n	e->challenges++;\n", "",
       "tcp_open", "tcp_challenge")
defect("old-syn-moves-the-timestamp-back", "tcp/tcp_listen.c",
       " &&\n			!tcp_timestamp_old(options.value, e->ts_recent))", ")",
       "tcp_timestamps")
defect("send-buffer-without-limit", "tcp/tcp_queue.c",
       "	if (bytes == 0 || bytes > tcp->config.send_bytes ||\n"
       "		c->snd_end - c->snd_una > tcp->config.send_bytes - bytes)",
       "	if (bytes == 0)", "tcp_data")
defect("one-connection-before-all-others", "tcp/tcp_out.c",
       " && n < max && n < TCP_QUANTUM) {", " && n < max) {", "tcp_exhausted")
defect("window-update-of-the-reader-missing", "tcp/tcp_reassembly.c",
       "			c->state == TCP_FIN_WAIT_2))\n		tcp_owe_ack(tcp, c);",
       "			c->state == TCP_FIN_WAIT_2))\n		tcp_pend(tcp, c);", "tcp_reassembly")
defect("early-fin-survives-refusal", "tcp/tcp_reassembly.c",
       "	side->in.has_fin = false;\n", "", "tcp_reassembly")
defect("keepalive-beside-data", "tcp/tcp_keepalive.c",
       "	if (c->snd_una == c->snd_end && !timer_armed(&c->timer) && !tcp_closing(c))",
       "	if (!tcp_closing(c))", "tcp_keepalive")
defect("refused-end-is-told", "tcp/tcp_in.c",
       "		tcp_sweep_within(tcp, c, 0);\n		up->events &= (uint8_t)~TCP_UP_FINISHED;",
       "		tcp_sweep_within(tcp, c, 0);", "tcp_loss", "tcp_reassembly", "stack_tcp")
defect("timer-beyond-the-wheel", "tcp/timer_wheel.c",
       "	if (ahead > (int32_t)(WHEEL_SLOTS - 1))\n		ahead = WHEEL_SLOTS - 1;\n", "",
       "tcp_timer")
defect("ip-id-counts", "stack_private.h",
       "	stack->id_state = stack->id_state * 6364136223846793005U + 1442695040888963407U;\n",
       "	stack->id_state += 1ull << 48;\n", "stack_udp", "stack_tcp")
defect("sender-of-an-earlier-turn-believed", "stack_receive.c",
       "	if (sender->turn != stack->turn || sender->link != link ||",
       "	if (sender->link != link ||", "stack_route")
defect("icmp-errors-without-limit", "stack_icmp.c",
       "	if (!rate_limit_take(&interface->icmp_errors, stack->now, ERROR_INTERVAL_US, ERROR_BURST))\n"
       "		return STACK_DROP_ICMP_LIMIT;\n", "", "stack_icmp")
defect("icmp-about-others-believed", "stack_icmp.c",
       "	if (!ip_equal(&error.source, &packet->destination) ||\n		ip_is_v4(&error.source)",
       "	if (ip_is_v4(&error.source)", "stack_icmp")
defect("hop-by-hop-anywhere", "net/ipv6.c",
       "		if (!walk->first) /* RFC 8200 section 4.1 */\n			return IPV6_EXTENSION;\n", "",
       "stack_ipv6")
defect("group-learned-as-neighbour", "net/arp.c",
       "	if ((arp->sender_mac[0] & 1) || memcmp", "	if (memcmp", "stack_arp")
defect("nd-group-learned-as-neighbour", "net/nd.c",
       "	return !(mac[0] & 1) && memcmp(", "	return memcmp(", "stack_nd", "stack_nd_refused")
defect("nd-probe-with-an-address", "net/nd.c",
       "		return is_solicited_node(&packet->destination) && !message->has_mac;",
       "		return is_solicited_node(&packet->destination);", "stack_nd", "stack_nd_refused")
defect("one-worker-starves-the-others", "forward.c",
       "	taker->first = (from + 1) % forward->workers;\n", "", "forward")
defect("path-of-another-process-believed", "stack_transmit.c",
       "	if (path->link >= stack->interface_count ||\n		ip_is_v4(&path->local)",
       "	if (ip_is_v4(&path->local)", "stack_udp")
defect("datagram-longer-than-its-room", "stack_transmit.c",
       "	if (bytes > room) {", "	if (0) {", "stack_udp")
defect("connection-to-a-group", "stack.c",
       "	if (link >= stack->interface_count || !ip_is_unicast(&tuple->remote) ||",
       "	if (link >= stack->interface_count ||", "stack_tcp")
