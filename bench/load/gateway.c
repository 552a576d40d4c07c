/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* gateway.c - the first device as a gateway: its sub-devices bound one after the other, and their
 * reports among its own (Q/CT X-2017 section 5.4.3) */
#include "engine.h"

#define CODE_BIND 2012

void gateway_live(struct load *load)
{
	load->bound = 0;
	load->binding = load->bind_refused = false;
}

bool gateway_turn(struct load *load)
{
	struct device *d = &load->devices[0];
	struct slot *s;
	uint32_t slot;

	if (load->bound == load->config.subdevices || load->binding || load->bind_refused ||
		d->state != DEVICE_LIVE || d->under_way >= LOAD_OUTSTANDING_MAX)
		return false;
	slot = slot_get(load, 0, REQUEST_BIND, load->now);
	if (slot == NO_SLOT)
		return false;
	s = &load->slots[slot];
	s->about = load->config.devices + load->bound;
	s->sequence = (uint16_t)(d->base + d->count + 1);
	s->time = load->clock.now;
	if (!build_add(load, slot)) {
		slot_put(load, slot);
		return false;
	}
	d->count++;
	load->binding = true;
	return true;
}

void gateway_answered(struct load *load, bool bound)
{
	load->binding = false;
	load->bound += bound;
	if (bound)
		return;
	load->bind_refused = true;
	load_wrong(load, LOAD_BAD_MEMBER, 0, "a sub-device was refused: is it provisioned?");
}

uint32_t gateway_about(const struct load *load, uint32_t device)
{
	if (device != 0 || load->bound < load->config.subdevices)
		return device;
	return load->config.devices + load->devices[0].account.sent % load->config.subdevices;
}

static bool is_gateways(const struct load *load, const struct hearth_item *item)
{
	return item->record->gateway_length == IDENTITY_ID &&
	       identity_index(&load->identity, item->gateway) == 0;
}

bool gateway_event(struct load *load, uint32_t device, const struct hearth_item *item)
{
	const struct hearth_record *record = item->record;

	if (device == 0 && record->event == HEARTH_UPLINK && record->code == CODE_BIND) {
		load->figures.bindings++;
		return true;
	}
	return device >= load->config.devices &&
	       (record->event == HEARTH_ONLINE || record->event == HEARTH_OFFLINE) &&
	       is_gateways(load, item);
}
