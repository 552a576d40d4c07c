/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_address.c - who we are on a link: our addresses, subnets, duplicates (RFC 4862) */
#include "stack_private.h"

#include "crypto/siphash.h"

#include <string.h>

#define MTU_MIN 576                   /* what every host must be able to receive, RFC 791 */
#define ANNOUNCEMENTS 2               /* RFC 5227 section 1.1; RFC 4861 allows three */
#define ANNOUNCE_INTERVAL_US 2000000U /* RFC 5227 section 1.1 */
#define PROBES 1                      /* DupAddrDetectTransmits, RFC 4862 section 5.1 */
#define PROBE_INTERVAL_US 1000000U    /* RetransTimer, RFC 4861 section 10 */

static unsigned prefix_max(const struct ip_address *address)
{
	return ip_is_v4(address) ? 32 : 128;
}

/* The mask of an address's prefix: an IPv4 one stands behind 96 bits. */
static struct ip_address mask_of(const struct stack_address *from)
{
	return ip_mask(ip_is_v4(&from->address) ? from->prefix + 96U : from->prefix);
}

/* A row of addresses ends within its subnet, before the broadcast address. */
static bool row_valid(const struct stack_address *from, uint32_t more)
{
	struct ip_address mask = mask_of(from);
	uint32_t first = ntohl(from->address.word[3]);
	uint32_t last = first | ~ntohl(mask.word[3]);

	return more == 0 ||
	       (from->prefix + 2U <= prefix_max(&from->address) && more < last - first);
}

bool stack_link_valid(const struct stack_link *link)
{
	bool ipv6 = false;

	if (!link->link || link->link->mtu < MTU_MIN || link->link->mtu > LINK_MTU_MAX)
		return false;
	if (link->vlan > VLAN_ID_MAX)
		return false;
	if (link->address_count < 1 || link->address_count > STACK_ADDRESSES_MAX ||
		link->gateway_count > STACK_GATEWAYS_MAX)
		return false;
	for (unsigned i = 0; i < link->address_count; i++) {
		const struct stack_address *from = &link->addresses[i];

		if (from->prefix > prefix_max(&from->address) || !ip_is_unicast(&from->address))
			return false;
		ipv6 |= !ip_is_v4(&from->address);
	}
	if (!row_valid(&link->addresses[0], link->more))
		return false;
	for (unsigned i = 0; i < link->gateway_count; i++)
		if (!ip_is_unicast(&link->gateways[i]))
			return false;
	return !ipv6 || link->link->mtu >= IPV6_MTU_MIN;
}

static void subnet_init(
	struct stack_subnet *subnet, const struct stack_address *from, uint32_t more, uint64_t now)
{
	subnet->address = from->address;
	subnet->mask = mask_of(from);
	subnet->network = ip_masked(&subnet->address, &subnet->mask);
	subnet->first = ntohl(subnet->address.word[3]);
	subnet->more = more;
	subnet->has_broadcast = ip_is_v4(&subnet->address) && from->prefix <= 30;
	subnet->state = ip_is_v4(&subnet->address) ? SUBNET_VALID : SUBNET_TENTATIVE;
	subnet->pending = ip_is_v4(&subnet->address) ? ANNOUNCEMENTS : PROBES;
	subnet->at = now;
}

/*
 * Our link-local address: RFC 7217's stable identifier, with an address that the operator gave us
 * in the place of the secret: the same at every start and on every worker. Not the modified EUI-64
 * of RFC 4291: the host end of a TAP device has the port's own Ethernet address, and so that one.
 */
static struct stack_address link_local(const struct link *link, const struct ip_address *given)
{
	struct siphash_key key;
	uint64_t identifier;
	struct stack_address own = {.prefix = 64};

	memcpy(&key, given, sizeof(key));
	identifier = siphash(&key, link->mac, sizeof(link->mac));
	own.address.word[0] = htonl(0xfe800000);
	memcpy(&own.address.word[2], &identifier, sizeof(identifier));
	return own;
}

/* What stack_usual.c compares with. */
static void usual_init(struct stack_interface *interface)
{
	memcpy(&interface->mac, interface->link->mac, 6);
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];
		uint32_t network = ntohl(subnet->network.word[3]);
		uint32_t mask = ntohl(subnet->mask.word[3]);

		if (!ip_is_v4(&subnet->address))
			continue;
		interface->usual = interface->vlan == 0;
		interface->rows[interface->row_count++] =
			(struct stack_row){subnet->first, subnet->more};
		interface->reaches[interface->reach_count++] =
			(struct stack_reach){.network = network,
				.mask = mask,
				.nobody = {subnet->has_broadcast ? network : 0,
					subnet->has_broadcast ? network | ~mask : 0}};
	}
}

void stack_interface_init(
	struct stack_interface *interface, const struct stack_link *link, uint64_t now)
{
	struct stack_address own = {.prefix = 0};

	interface->link = link->link;
	interface->vlan = link->vlan;
	for (unsigned i = 0; i < link->address_count; i++) {
		const struct stack_address *from = &link->addresses[i];

		subnet_init(&interface->subnets[interface->subnet_count++], from,
			i == 0 ? link->more : 0, now);
		if (ip_is_v4(&from->address) || interface->ipv6)
			continue;
		interface->ipv6 = true;
		own = link_local(link->link, &from->address);
	}
	if (interface->ipv6) {
		subnet_init(&interface->subnets[interface->subnet_count++], &own, 0, now);
		stack_mld_join(interface, now);
	}
	usual_init(interface);
	interface->unsettled = interface->subnet_count;
	interface->gateway_count = link->gateway_count;
	for (unsigned i = 0; i < link->gateway_count; i++)
		interface->gateways[i] = link->gateways[i];
}

bool stack_address_at(
	const struct stack *stack, uint8_t link, unsigned index, struct ip_address *address)
{
	const struct stack_interface *interface = &stack->interfaces[link];

	if (link >= stack->interface_count || index >= interface->subnet_count)
		return false;
	*address = interface->subnets[index].address;
	return true;
}

bool stack_owns_anywhere(const struct stack *stack, const struct ip_address *address)
{
	for (unsigned i = 0; i < stack->interface_count; i++)
		if (stack_owns(&stack->interfaces[i], address))
			return true;
	return false;
}

bool stack_is_broadcast(const struct stack_interface *interface, const struct ip_address *address)
{
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];
		uint32_t host = address->word[3] & ~subnet->mask.word[3];

		if (subnet->has_broadcast && stack_subnet_covers(subnet, address) &&
			(host == 0 || host == ~subnet->mask.word[3]))
			return true;
	}
	return false;
}

bool stack_is_on_link(const struct stack_interface *interface, const struct ip_address *address)
{
	for (unsigned i = 0; i < interface->gateway_count; i++)
		if (ip_equal(&interface->gateways[i], address))
			return true;
	for (unsigned i = 0; i < interface->subnet_count; i++)
		if (stack_subnet_covers(&interface->subnets[i], address))
			return ip_is_unicast(address) && !stack_is_broadcast(interface, address);
	return false;
}

const struct ip_address *stack_source_for(
	const struct stack_interface *interface, const struct ip_address *target)
{
	const struct ip_address *best = NULL;

	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];

		if (subnet->state != SUBNET_VALID || ip_is_v4(&subnet->address) != ip_is_v4(target))
			continue;
		if (stack_subnet_covers(subnet, target))
			return &subnet->address;
		if (!best)
			best = &subnet->address;
	}
	return best;
}

/* One step of one address: probe, then nothing heard: ours, then told to all. */
static void settle_one(
	struct stack *stack, struct stack_interface *interface, struct stack_subnet *subnet)
{
	if (subnet->state == SUBNET_TENTATIVE && subnet->pending == 0) {
		subnet->state = SUBNET_VALID;
		subnet->pending = ANNOUNCEMENTS;
		/* Now there is an address that routers take reports from (RFC 3590 section 4). */
		if (ipv6_is_link_local(&subnet->address))
			stack_mld_join(interface, stack->now);
	}
	subnet->pending--;
	if (subnet->state == SUBNET_TENTATIVE) {
		stack_nd_probe(stack, interface, &subnet->address);
		subnet->at = stack->now + PROBE_INTERVAL_US;
		return;
	}
	/* Of a row the first speaks for all. */
	if (ip_is_v4(&subnet->address))
		stack_arp_announce(stack, interface, &subnet->address);
	else
		stack_nd_announce(stack, interface, &subnet->address);
	subnet->at = stack->now + ANNOUNCE_INTERVAL_US;
}

void stack_settle(struct stack *stack, struct stack_interface *interface)
{
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		struct stack_subnet *subnet = &interface->subnets[i];

		if (subnet->state == SUBNET_DUPLICATE ||
			(subnet->state == SUBNET_VALID && subnet->pending == 0) ||
			(int64_t)(stack->now - subnet->at) < 0)
			continue;
		settle_one(stack, interface, subnet);
	}
	interface->unsettled = 0;
	for (unsigned i = 0; i < interface->subnet_count; i++)
		interface->unsettled += interface->subnets[i].state == SUBNET_TENTATIVE ||
					interface->subnets[i].pending > 0;
}

void stack_ask(struct stack *stack, const struct neighbour_ask *ask)
{
	if (ip_is_v4(&ask->address))
		stack_arp_ask(stack, ask);
	else
		stack_nd_ask(stack, ask);
}
