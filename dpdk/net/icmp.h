/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp.h - ICMP echo (RFC 792): the only ICMP that is answered */
#pragma once

#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>

/** icmp_is_echo_request() - is this a whole echo request with a good checksum? */
bool icmp_is_echo_request(const uint8_t *data, size_t length);

/** icmp_echo_reply() - write the reply, as long as the request: @length bytes at @out. */
void icmp_echo_reply(uint8_t *out, const uint8_t *request, size_t length);
