/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.h - headers as they lie in a frame: Ethernet, VLAN, ARP, IPv4, ICMP, UDP, TCP */
#pragma once

#include <arpa/inet.h>
#include <stdint.h>

/*
 * All of them are packed, hence of alignment 1: behind a 14-byte Ethernet header nothing is
 * aligned. Every field is in network byte order.
 */
#define WIRE __attribute__((packed))

#define ETHER_TYPE_IPV4 0x0800
#define ETHER_TYPE_ARP 0x0806
#define ETHER_TYPE_VLAN 0x8100
#define ETHER_TYPE_IPV6 0x86dd
#define ETHER_TYPE_QINQ 0x88a8
#define ETHER_TYPE_QINQ_OLD 0x9100

struct ether_header {
	uint8_t destination[6];
	uint8_t source[6];
	uint16_t type;
} WIRE;
_Static_assert(sizeof(struct ether_header) == 14, "Ethernet header");

#define VLAN_ID_MASK 0x0fff
#define VLAN_ID_MAX 4094

/** struct vlan_tag - what follows ETHER_TYPE_VLAN (IEEE 802.1Q) */
struct vlan_tag {
	uint16_t control; /* priority, drop eligible, number */
	uint16_t type;
} WIRE;
_Static_assert(sizeof(struct vlan_tag) == 4, "VLAN tag");

struct arp_header {
	uint16_t hardware_type, protocol_type;
	uint8_t hardware_length, protocol_length;
	uint16_t operation;
	uint8_t sender_mac[6];
	uint32_t sender;
	uint8_t target_mac[6];
	uint32_t target;
} WIRE;
_Static_assert(sizeof(struct arp_header) == 28, "ARP packet for Ethernet and IPv4");

#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58

#define IPV4_FLAG_RESERVED 0x8000
#define IPV4_FLAG_DF 0x4000
#define IPV4_FLAG_MF 0x2000
#define IPV4_OFFSET_MASK 0x1fff

struct ipv4_header {
	uint8_t version_length;
	uint8_t service;
	uint16_t total_length;
	uint16_t id;
	uint16_t fragment;
	uint8_t ttl;
	uint8_t protocol;
	uint16_t checksum;
	uint32_t source, destination;
} WIRE;
_Static_assert(sizeof(struct ipv4_header) == 20, "IPv4 header without options");

struct icmp_header {
	uint8_t type, code;
	uint16_t checksum;
	uint32_t rest;
} WIRE;
_Static_assert(sizeof(struct icmp_header) == 8, "ICMP header");

struct udp_header {
	uint16_t source_port, destination_port;
	uint16_t length;
	uint16_t checksum;
} WIRE;
_Static_assert(sizeof(struct udp_header) == 8, "UDP header");

struct tcp_header {
	uint16_t source_port, destination_port;
	uint32_t seq, ack;
	uint8_t offset; /* upper four bits: header length in words */
	uint8_t flags;
	uint16_t window;
	uint16_t checksum;
	uint16_t urgent;
} WIRE;
_Static_assert(sizeof(struct tcp_header) == 20, "TCP header without options");
