/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack.h - one worker's network stack: a burst in, connections and datagrams up, a burst out */
#pragma once

#include "counter.h"
#include "forward.h"
#include "link.h"
#include "random.h"
#include "rss.h"
#include "tcp/tcp.h"

/** Frames taken from a link at once. */
#define STACK_BURST 64
/** Frames that may wait for the end of a turn, per link. */
#define STACK_QUEUE 256
/** Of these, places that only ACKs, RSTs, SYN-ACKs, ARP and neighbour discovery get. */
#define STACK_RESERVE 32
#define STACK_LINKS_MAX 8
#define STACK_ADDRESSES_MAX 8
#define STACK_GATEWAYS_MAX 4

/** struct stack_address - one of our addresses on a link */
struct stack_address {
	struct ip_address address;
	uint8_t prefix; /* 0..32; IPv6: 0..128 */
};

/**
 * struct stack_link - a link (MTU 576..LINK_MTU_MAX, with IPv6 from 1280) and what we are on it
 *
 * Where there is an IPv6 address a link-local one is made, too. IPv6 addresses are used once nobody
 * else was found to have them, a second after the start (RFC 4862 section 5.4).
 */
struct stack_link {
	struct link *link;
	uint16_t vlan; /* frames carry the tag of this VLAN, 1..4094; 0: no tag */
	struct stack_address addresses[STACK_ADDRESSES_MAX];
	unsigned address_count;
	/* so many addresses that follow the first are ours, too, all within its subnet: a load
	 * generator needs more ports than one address has */
	uint32_t more;
	/* next hops for what is on no subnet of this link */
	struct ip_address gateways[STACK_GATEWAYS_MAX];
	unsigned gateway_count;
	/* their Ethernet addresses, where the operator gives them; else all 0: they are asked for */
	uint8_t gateway_macs[STACK_GATEWAYS_MAX][6];
};

/** struct udp_path - both ends of a UDP exchange, seen from us; ports in network byte order */
struct udp_path {
	struct ip_address remote, local;
	uint16_t remote_port, local_port;
	uint8_t link;
};

/** struct datagram - one UDP datagram; @data stays valid until stack_transmit(). @hops: how often
 * one worker handed it to another */
struct datagram {
	struct udp_path path;
	const uint8_t *data;
	uint32_t length;
	uint8_t hops;
};

/**
 * struct stack_user - the one above; every call comes from stack_receive() or stack_timers()
 * @opened: a connection to a listening port was established
 * @stream: in-order bytes; true if all were taken, false if there is no room (the peer sends them
 *	again). @data stays valid until stack_transmit().
 * @finished: the peer sent FIN
 * @closed: a connection is gone, its id void; flow, user bytes and reason stand in @up
 * @deadline: the connection's deadline came
 * @datagram: a datagram to a bound UDP port
 *
 * Where TCP ports are listened on, all five TCP calls are there; where UDP ports are bound,
 * @datagram is. After the user closed or aborted a connection it hears nothing more of it.
 */
struct stack_user {
	void *context;
	void (*opened)(void *context, tcp_id id, const struct tcp_tuple *tuple);
	bool (*stream)(void *context, tcp_id id, const uint8_t *data, uint32_t length);
	void (*finished)(void *context, tcp_id id);
	void (*closed)(void *context, const struct tcp_up *up);
	void (*deadline)(void *context, tcp_id id);
	void (*datagram)(void *context, const struct datagram *datagram);
};

/**
 * struct stack_config
 * @worker: our number, for the ownership check
 * @rss: the ownership function, shared by all workers
 * @forward: rings to the other workers; NULL: what is theirs is dropped
 * @tcp: TCP's sizes; its keys, ports and chunks are filled in by the caller. An mss of 0, or larger
 *	than the links carry, becomes what the smallest MTU carries.
 * @udp_ports: bound UDP ports, network byte order
 * @neighbours: neighbour entries; rounded up to a power of two, at least 8
 * @huge: memory from huge pages where there are any
 */
struct stack_config {
	unsigned worker;
	const struct rss *rss;
	struct forward *forward;
	struct stack_link links[STACK_LINKS_MAX];
	unsigned link_count;
	struct tcp_config tcp;
	const uint16_t *udp_ports;
	unsigned udp_port_count;
	uint32_t neighbours;
	bool huge;
	struct random *random;
	struct stack_user user;
};

#define STACK_COUNTERS(X)                                                                          \
	X(STACK_RX_FRAMES, "rx_frames", "frames received")                                         \
	X(STACK_RX_BYTES, "rx_bytes", "bytes received, Ethernet headers included")                 \
	X(STACK_TX_FRAMES, "tx_frames", "frames handed to the port")                               \
	X(STACK_TX_BYTES, "tx_bytes", "bytes handed to the port, Ethernet headers included")       \
	X(STACK_DROP_ETHER_SHORT, "drop_ether_short", "frames shorter than an Ethernet header")    \
	X(STACK_DROP_ETHER_LONG, "drop_ether_long", "frames longer than the link's MTU allows")    \
	X(STACK_DROP_ETHER_NOT_OURS, "drop_ether_not_ours",                                        \
		"frames to another Ethernet address or a group (but ARP and neighbour discovery)") \
	X(STACK_DROP_ETHER_SOURCE, "drop_ether_source", "frames from a group address")             \
	X(STACK_DROP_ETHER_TYPE, "drop_ether_type",                                                \
		"frames of a protocol that is not spoken here")                                    \
	X(STACK_DROP_VLAN, "drop_vlan", "frames of another VLAN, or with too many tags")           \
	X(STACK_DROP_IPV6, "drop_ipv6", "IPv6 packets on a link without an IPv6 address")          \
	X(STACK_DROP_IPV6_MALFORMED, "drop_ipv6_malformed",                                        \
		"IPv6 packets with a wrong version or payload length")                             \
	X(STACK_DROP_IPV6_EXTENSION, "drop_ipv6_extension",                                        \
		"IPv6 packets with too many, malformed or refused extensions and options")         \
	X(STACK_DROP_IPV6_ROUTING, "drop_ipv6_routing",                                            \
		"IPv6 packets with a routing header of type 0 or with hops left")                  \
	X(STACK_DROP_IPV6_FRAGMENT, "drop_ipv6_fragment", "IPv6 fragments")                        \
	X(STACK_DROP_IPV6_SOURCE, "drop_ipv6_source",                                              \
		"IPv6 packets from an address nobody else can have")                               \
	X(STACK_DROP_IPV6_NOT_OURS, "drop_ipv6_not_ours",                                          \
		"IPv6 packets to an address that is not ours, or to a group")                      \
	X(STACK_DROP_IPV6_PROTOCOL, "drop_ipv6_protocol",                                          \
		"IPv6 packets of a protocol that is not spoken here")                              \
	X(STACK_DROP_ND_MALFORMED, "drop_nd_malformed",                                            \
		"neighbour discovery that is malformed, fragmented or from beyond the link")       \
	X(STACK_DROP_ND_ROUTER, "drop_nd_router",                                                  \
		"router solicitations, advertisements and redirects: gateways are configured")     \
	X(STACK_DROP_ND_NOT_OURS, "drop_nd_not_ours",                                              \
		"neighbour solicitations for others' addresses or ones not yet used")              \
	X(STACK_DROP_ND_UNSOLICITED, "drop_nd_unsolicited",                                        \
		"neighbour advertisements that nobody asked for")                                  \
	X(STACK_DROP_ND_CONFLICT, "drop_nd_conflict",                                              \
		"neighbour discovery that claims, or wants, our own address")                      \
	X(STACK_DROP_ND_LIMIT, "drop_nd_limit",                                                    \
		"neighbour solicitations left unanswered by the rate limit")                       \
	X(STACK_ND_SOLICITATIONS, "nd_solicitations", "neighbour solicitations sent")              \
	X(STACK_ND_DUPLICATE, "nd_duplicate",                                                      \
		"IPv6 addresses of ours that another host had already: not used")                  \
	X(STACK_DROP_MLD_MALFORMED, "drop_mld_malformed",                                          \
		"listener queries that are malformed, without router alert or from off the link")  \
	X(STACK_DROP_MLD_NOT_OURS, "drop_mld_not_ours",                                            \
		"listener queries about, or to, a group that is not ours")                         \
	X(STACK_DROP_MLD_LIMIT, "drop_mld_limit",                                                  \
		"listener queries left unanswered by the rate limit")                              \
	X(STACK_MLD_QUERIES, "mld_queries", "listener queries to be answered")                     \
	X(STACK_MLD_REPORTS, "mld_reports", "listener reports sent")                               \
	X(STACK_DROP_ARP_MALFORMED, "drop_arp_malformed",                                          \
		"ARP packets that are not Ethernet/IPv4 requests or replies")                      \
	X(STACK_DROP_ARP_NOT_OURS, "drop_arp_not_ours", "ARP requests for others' addresses")      \
	X(STACK_DROP_ARP_UNSOLICITED, "drop_arp_unsolicited",                                      \
		"ARP replies and announcements that nobody asked for")                             \
	X(STACK_DROP_ARP_CONFLICT, "drop_arp_conflict", "ARP packets that claim our own address")  \
	X(STACK_DROP_ARP_LIMIT, "drop_arp_limit",                                                  \
		"ARP requests left unanswered by the rate limit")                                  \
	X(STACK_ARP_REQUESTS, "arp_requests", "ARP requests sent")                                 \
	X(STACK_NEIGHBOUR_FULL, "neighbour_full", "neighbours not learnt: the table is full")      \
	X(STACK_DROP_IPV4_MALFORMED, "drop_ipv4_malformed",                                        \
		"IPv4 packets with a wrong version, header or total length")                       \
	X(STACK_DROP_IPV4_CHECKSUM, "drop_ipv4_checksum",                                          \
		"IPv4 packets with a wrong header checksum")                                       \
	X(STACK_DROP_IPV4_OPTIONS, "drop_ipv4_options",                                            \
		"IPv4 packets with a source route or malformed options")                           \
	X(STACK_DROP_IPV4_SOURCE, "drop_ipv4_source",                                              \
		"IPv4 packets from an address nobody can have")                                    \
	X(STACK_DROP_IPV4_NOT_OURS, "drop_ipv4_not_ours",                                          \
		"IPv4 packets to an address that is not ours")                                     \
	X(STACK_DROP_IPV4_FRAGMENT, "drop_ipv4_fragment", "IPv4 fragments")                        \
	X(STACK_DROP_IPV4_PROTOCOL, "drop_ipv4_protocol",                                          \
		"IPv4 packets of a protocol that is not spoken here")                              \
	X(STACK_DROP_ICMP, "drop_icmp", "ICMP packets of an unknown type or a wrong checksum")     \
	X(STACK_DROP_ICMP_LIMIT, "drop_icmp_limit",                                                \
		"echo requests and ICMP errors beyond the rate limit")                             \
	X(STACK_DROP_ICMP_IGNORED, "drop_icmp_ignored",                                            \
		"ICMP of no use here: redirect, quench, timestamp, mask, echo reply and such")     \
	X(STACK_DROP_ICMP_ERROR, "drop_icmp_error",                                                \
		"ICMP errors that are malformed, nested or quote no packet of ours")               \
	X(STACK_ICMP_TCP, "icmp_tcp", "ICMP errors that quote a TCP segment of ours")              \
	X(STACK_ICMP_UDP, "icmp_udp", "ICMP errors that quote a datagram of ours: sessions stay")  \
	X(STACK_DROP_UDP_MALFORMED, "drop_udp_malformed",                                          \
		"UDP datagrams with a wrong length or port 0")                                     \
	X(STACK_DROP_UDP_CHECKSUM, "drop_udp_checksum", "UDP datagrams with a wrong checksum")     \
	X(STACK_DROP_UDP_PORT, "drop_udp_port",                                                    \
		"UDP datagrams to a port nobody listens on, or from an echo-like port")            \
	X(STACK_DROP_TCP_MALFORMED, "drop_tcp_malformed",                                          \
		"TCP segments with a wrong header length or port 0")                               \
	X(STACK_DROP_TCP_CHECKSUM, "drop_tcp_checksum", "TCP segments with a wrong checksum")      \
	X(STACK_DROP_WRONG_WORKER, "drop_wrong_worker",                                            \
		"packets of another worker when there is no way to it")                            \
	X(STACK_FORWARDED, "forwarded", "packets handed to the worker that owns their flow")       \
	X(STACK_FORWARD_TAKEN, "forward_taken",                                                    \
		"packets, datagrams and neighbours that other workers handed over")                \
	X(STACK_DROP_FORWARD_FULL, "drop_forward_full",                                            \
		"packets and datagrams of another worker whose ring was full")                     \
	X(STACK_DATAGRAMS_HANDED, "datagrams_handed",                                              \
		"datagrams handed to the worker that owns their session")                          \
	X(STACK_NEIGHBOURS_SHARED, "neighbours_shared",                                            \
		"neighbours' packets shown to the other workers")                                  \
	X(STACK_DROP_NO_ROUTE, "drop_no_route",                                                    \
		"packets to send whose destination no subnet or gateway covers")                   \
	X(STACK_DROP_UNRESOLVED, "drop_unresolved",                                                \
		"packets to send whose next hop has not answered yet")                             \
	X(STACK_DROP_TX_LENGTH, "drop_tx_length", "packets to send that exceed the link's MTU")    \
	X(STACK_DROP_TX_FULL, "drop_tx_full", "packets to send that the port did not take")        \
	X(STACK_DROP_TX_BUFFER, "drop_tx_buffer", "packets to send for which no buffer was free")
COUNTER_ENUM(stack_counter, STACK_COUNTERS, STACK_COUNTER_COUNT);
extern const struct counter_info stack_counter_info[STACK_COUNTER_COUNT];

struct stack;

/** stack_new() - a stack and its TCP; NULL with errno set (EINVAL, ENOMEM). Takes memory once. */
struct stack *stack_new(const struct stack_config *config, uint64_t now);

/** stack_free() - forgets everything without sending; NULL is allowed. */
void stack_free(struct stack *stack);

/** stack_bytes() - memory a stack takes, for the start-up line. */
size_t stack_bytes(const struct stack_config *config);

/**
 * stack_receive() - one burst of every link, parsed and handed up
 *
 * What it took stays valid until stack_transmit(); before that no more is taken.
 * Return: frames taken.
 */
unsigned stack_receive(struct stack *stack, uint64_t now);

/**
 * stack_connect() - open a connection through a link: tcp_connect() at the time of the last call
 * @tuple: both ends; the local one is the caller's to choose, an address of the link's
 *
 * Return: its id, or 0: see tcp_connect(); also if the remote address is no single host's (RFC 9293
 * section 3.9.1.1).
 */
tcp_id stack_connect(
	struct stack *stack, uint8_t link, const struct tcp_tuple *tuple, const void *user);

/** stack_tcp() - its TCP, for tcp_reserve(), tcp_close() and the like. */
struct tcp *stack_tcp(struct stack *stack);

/**
 * stack_datagram() - room for one datagram's payload
 * @bytes: its largest size, at most the link's MTU - 28, IPv6: - 48
 *
 * Datagrams leave with stack_transmit(), in order. Several reservations may be open at once; one
 * that is still open at stack_transmit() is given up. The next hop is looked up here, at the time
 * of the last stack_receive(), stack_timers() or stack_transmit().
 * Return: where to write the payload, with its number in @ticket; NULL (and a counter) when no
 * buffer is free or the next hop is not known (it is then asked for).
 */
uint8_t *stack_datagram(
	struct stack *stack, const struct udp_path *path, uint32_t bytes, unsigned *ticket);

/** stack_datagram_commit() - the reservation's payload is @bytes long; 0 gives it up. */
void stack_datagram_commit(struct stack *stack, unsigned ticket, uint32_t bytes);

/**
 * stack_hand() - hand a datagram to another worker, whose user gets it as if it had come there
 * Return: false (counted) when there is no room.
 */
bool stack_hand(struct stack *stack, const struct datagram *datagram, unsigned worker);

/** stack_transmit() - send datagrams and segments, ACKs included; give received frames back.
 * Return: frames sent. */
unsigned stack_transmit(struct stack *stack, uint64_t now);

/** stack_timers() - a bounded slice of TCP's timers and sweep and of the neighbour table. */
void stack_timers(struct stack *stack, uint64_t now);

/**
 * stack_address_at() - our @index'th address on a link: those of the configuration in their order,
 * then the link-local one
 * Return: false: there are not so many.
 */
bool stack_address_at(
	const struct stack *stack, uint8_t link, unsigned index, struct ip_address *address);

/** stack_neighbours() - the neighbour table, for status. */
struct pool_view stack_neighbours(const struct stack *stack);

/** stack_counters() - STACK_COUNTER_COUNT counters, written by the owner, read by anyone. */
const uint64_t *stack_counters(const struct stack *stack);
