/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* lwip_port.h - lwIP as a library that starts anew for every world */
#pragma once

#include "lwip/init.h"
#include "lwip/ip6_addr.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Its functions have the names that ours have, too (tcp_input(), tcp_close(), ...), so it is not
 * linked: it is loaded, and called through this table.
 */
#define LWIP_CALLS(X)                                                                              \
	X(lwip_init)                                                                               \
	X(sys_check_timeouts)                                                                      \
	X(sys_timeouts_sleeptime)                                                                  \
	X(netif_add)                                                                               \
	X(netif_set_default)                                                                       \
	X(netif_set_up)                                                                            \
	X(netif_set_link_up)                                                                       \
	X(netif_create_ip6_linklocal_address)                                                      \
	X(netif_ip6_addr_set)                                                                      \
	X(netif_ip6_addr_set_state)                                                                \
	X(etharp_output)                                                                           \
	X(ethip6_output)                                                                           \
	X(ethernet_input)                                                                          \
	X(pbuf_alloc)                                                                              \
	X(pbuf_take)                                                                               \
	X(pbuf_free)                                                                               \
	X(pbuf_copy_partial)                                                                       \
	X(tcp_new_ip_type)                                                                         \
	X(tcp_bind)                                                                                \
	X(tcp_listen_with_backlog)                                                                 \
	X(tcp_connect)                                                                             \
	X(tcp_arg)                                                                                 \
	X(tcp_accept)                                                                              \
	X(tcp_recv)                                                                                \
	X(tcp_err)                                                                                 \
	X(tcp_write)                                                                               \
	X(tcp_output)                                                                              \
	X(tcp_recved)                                                                              \
	X(tcp_shutdown)                                                                            \
	X(tcp_close)                                                                               \
	X(tcp_abort)

#include "lwip/etharp.h"
#include "lwip/ethip6.h"

/** struct lwip_calls - what is called of it */
struct lwip_calls {
#define LWIP_MEMBER(name) __typeof__(name) *name;
	LWIP_CALLS(LWIP_MEMBER)
#undef LWIP_MEMBER
};

/**
 * lwip_start() - lwIP as it is when a process begins, initialised
 * @now: read at each sys_now(), microseconds
 * @seed: of its random numbers
 * @wrap: its initial sequence numbers begin so close to 2^32; 0: anywhere
 * Return: its functions, or NULL with the reason in @why.
 */
const struct lwip_calls *lwip_start(
	const uint64_t *now, uint64_t seed, uint32_t wrap, const char **why);

/** lwip_stop() - give all its memory back. Return: blocks that were still in use. */
unsigned lwip_stop(void);
