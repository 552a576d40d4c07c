/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_mld.c - multicast listener discovery as the stack speaks it (RFC 3810, RFC 3590)
 *
 * Neighbour discovery asks for us in groups, and a switch that snoops forwards to a group only
 * where somebody said to listen (RFC 4861 section 7.2.1). So the solicited-node groups of our
 * addresses are reported; nothing else is listened to but all nodes, which is never reported. We
 * never leave one: a stack that ends is silent, and forgotten.
 */
#include "stack_private.h"

#include "net/mld.h"

#include <string.h>

#define REPORTS 2                   /* Robustness Variable, RFC 3810 section 9.1 */
#define REPORT_INTERVAL_US 1000000U /* Unsolicited Report Interval, section 9.11 */
/* What a router may have us wait, at most (Query Response Interval, section 9.3): who wants to hear
 * from us after hours asks again. */
#define DELAY_MAX_US 10000000U
/* Older Version Querier Present Timeout, section 9.12: 2 * 125 s + 10 s */
#define V1_US 260000000U
/* Whoever asks more has its answer on the way, or just had it. */
#define QUERY_INTERVAL_US 1000000U
#define QUERY_BURST 4

void stack_mld_join(struct stack_interface *interface, uint64_t now)
{
	interface->listener.pending = REPORTS;
	interface->listener.at = now;
}

/* Up to @most, at random: so that not all hosts speak at once. */
static uint64_t delay_below(struct stack *stack, uint64_t most)
{
	return (most * stack_draw(stack)) >> 16;
}

static bool is_listened(const struct stack_subnet *subnet)
{
	return !ip_is_v4(&subnet->address) && subnet->state != SUBNET_DUPLICATE;
}

/* Our groups, each once. Of a row the first speaks for all: its wire is a generator's own.
 * @asked: only those that a query asked for */
static unsigned groups_of(
	const struct stack_interface *interface, bool asked, struct ip_address *groups)
{
	unsigned count = 0;

	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];
		unsigned same = 0;

		if (!is_listened(subnet) || (asked && !subnet->asked))
			continue;
		groups[count] = ipv6_solicited_node(&subnet->address);
		while (!ip_equal(&groups[same], &groups[count]))
			same++;
		count += same == count;
	}
	return count;
}

static struct ip_address source_of(const struct stack_interface *interface)
{
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];

		if (subnet->state == SUBNET_VALID && ipv6_is_link_local(&subnet->address))
			return subnet->address;
	}
	return (struct ip_address){{0}}; /* RFC 3590 section 4: switches take it, routers do not */
}

static void send_report(struct stack *stack, struct stack_interface *interface,
	const struct stack_headers *headers, const uint8_t *body, size_t length)
{
	struct frame *frame = stack_queue_frame(stack, interface, true);
	uint8_t mac[6];

	if (!frame)
		return;
	ipv6_group_mac(mac, headers->destination);
	memcpy(stack_build_ip(stack, frame, interface, mac, headers, length), body, length);
	stack_count(stack, STACK_MLD_REPORTS);
}

static void report(
	struct stack *stack, struct stack_interface *interface, uint8_t record, bool asked)
{
	struct ip_address groups[STACK_SUBNETS_MAX], source = source_of(interface);
	struct ip_address routers = mld_routers();
	struct stack_headers headers = {&source, &routers, MLD_NEXT, MLD_HOPS};
	unsigned count = groups_of(interface, asked, groups);
	uint8_t body[MLD_MESSAGE_MAX];

	_Static_assert(STACK_SUBNETS_MAX <= MLD_GROUPS_MAX, "one report names all groups");
	if (count == 0)
		return;
	if (stack->now >= interface->listener.v1_until) {
		send_report(stack, interface, &headers, body,
			mld_build(body, &source, &routers, record, groups, count));
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		headers.destination = &groups[i];
		send_report(
			stack, interface, &headers, body, mld_build_v1(body, &source, &groups[i]));
	}
}

void stack_mld_timers(struct stack *stack, struct stack_interface *interface)
{
	struct stack_listener *listener = &interface->listener;

	if (listener->pending > 0 && (int64_t)(stack->now - listener->at) >= 0) {
		listener->pending--;
		listener->at = stack->now + delay_below(stack, REPORT_INTERVAL_US);
		report(stack, interface, MLD_TO_EXCLUDE, false);
	}
	if (listener->owed && (int64_t)(stack->now - listener->answer_at) >= 0) {
		report(stack, interface, MLD_IS_EXCLUDE, true);
		listener->owed = false;
		for (unsigned i = 0; i < interface->subnet_count; i++)
			interface->subnets[i].asked = false;
	}
}

/* Marks the addresses whose groups a query asks for. Return: are there any? */
static bool mark(struct stack_interface *interface, const struct ip_address *group)
{
	bool any = false;

	for (unsigned i = 0; i < interface->subnet_count; i++) {
		struct stack_subnet *subnet = &interface->subnets[i];
		struct ip_address own = ipv6_solicited_node(&subnet->address);

		if (!is_listened(subnet) || (!ipv6_is_unspecified(group) && !ip_equal(group, &own)))
			continue;
		subnet->asked = true;
		any = true;
	}
	return any;
}

/* Queries may come to every address that we have (RFC 3810 section 5.1.15). */
static bool is_for_us(const struct stack_interface *interface, const struct ip_address *destination)
{
	struct ip_address all = ipv6_all_nodes(), groups[STACK_SUBNETS_MAX];
	unsigned count = groups_of(interface, false, groups);

	for (unsigned i = 0; i < count; i++)
		if (ip_equal(&groups[i], destination))
			return true;
	return ip_equal(&all, destination) || stack_owns(interface, destination);
}

/*
 * One timer for all groups: an answer that is due never comes later than the last query wants it,
 * and names what any of them asked for (RFC 3810 section 6.2, with one timer for its several).
 */
enum stack_counter stack_mld_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	struct stack_listener *listener = &interface->listener;
	struct mld_query query;
	uint64_t most, at;

	if (mld_parse(packet, &query) != 0)
		return STACK_DROP_MLD_MALFORMED;
	if (stack_owns(interface, &packet->source))
		return STACK_DROP_IPV6_SOURCE;
	if (!is_for_us(interface, &packet->destination))
		return STACK_DROP_MLD_NOT_OURS;
	if (!rate_limit_take(&listener->queries, stack->now, QUERY_INTERVAL_US, QUERY_BURST))
		return STACK_DROP_MLD_LIMIT;
	if (query.v1)
		listener->v1_until = stack->now + V1_US;
	if (!mark(interface, &query.group))
		return STACK_DROP_MLD_NOT_OURS;
	stack_count(stack, STACK_MLD_QUERIES);
	most = query.delay_ms * 1000ULL;
	at = stack->now + delay_below(stack, most < DELAY_MAX_US ? most : DELAY_MAX_US);
	if (!listener->owed || at < listener->answer_at)
		listener->answer_at = at;
	listener->owed = true;
	return STACK_TAKEN;
}
