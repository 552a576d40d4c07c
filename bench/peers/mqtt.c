/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mqtt.c - what clients of an MQTT broker say and hear (MQTT 3.1.1) */
#include "mqtt.h"

#include <errno.h>
#include <string.h>

#define LENGTH_BYTES 4 /* of a remaining length, at most (section 2.2.3) */
#define HEADER_BYTES 5

static uint8_t *put_u16(uint8_t *out, size_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return out + 2;
}

static uint8_t *put_bytes(uint8_t *out, const void *bytes, size_t length)
{
	memcpy(out, bytes, length);
	return out + length;
}

static uint8_t *put_string(uint8_t *out, const void *bytes, size_t length)
{
	return put_bytes(put_u16(out, length), bytes, length);
}

/* The fixed header; NULL if the packet does not fit into @size. */
static uint8_t *put_header(uint8_t *out, size_t size, uint8_t first, size_t remaining)
{
	if (size < HEADER_BYTES || remaining > size - HEADER_BYTES)
		return NULL;
	*out++ = first;
	do {
		*out = remaining & 127;
		remaining >>= 7;
		if (remaining)
			*out |= 128;
		out++;
	} while (remaining);
	return out;
}

size_t mqtt_connect(uint8_t *out, size_t size, const char *client, uint16_t keep_alive)
{
	size_t length = strlen(client);
	uint8_t *at = put_header(out, size, MQTT_CONNECT << 4, 12 + length);

	if (!at)
		return 0;
	at = put_string(at, "MQTT", 4);
	*at++ = 4; /* protocol level 3.1.1 */
	*at++ = 2; /* clean session */
	at = put_u16(at, keep_alive);
	return (size_t)(put_string(at, client, length) - out);
}

size_t mqtt_subscribe(uint8_t *out, size_t size, uint16_t id, const char *filter, uint8_t qos)
{
	size_t length = strlen(filter);
	uint8_t *at = put_header(out, size, MQTT_SUBSCRIBE << 4 | 2, 5 + length);

	if (!at)
		return 0;
	at = put_string(put_u16(at, id), filter, length);
	*at++ = qos;
	return (size_t)(at - out);
}

size_t mqtt_publish(uint8_t *out, size_t size, uint16_t id, const void *topic, size_t topic_length,
	const void *payload, size_t payload_length)
{
	uint8_t *at =
		put_header(out, size, MQTT_PUBLISH << 4 | 2, 4 + topic_length + payload_length);

	if (!at)
		return 0;
	at = put_u16(put_string(at, topic, topic_length), id);
	return (size_t)(put_bytes(at, payload, payload_length) - out);
}

size_t mqtt_puback(uint8_t *out, size_t size, uint16_t id)
{
	uint8_t *at = put_header(out, size, MQTT_PUBACK << 4, 2);

	return at ? (size_t)(put_u16(at, id) - out) : 0;
}

static uint16_t get_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Return: bytes of the fixed header, 0 if it is not whole, -EPROTO for a length without end. */
static ssize_t parse_header(const uint8_t *bytes, size_t length, size_t *remaining)
{
	*remaining = 0;
	for (size_t i = 1; i <= LENGTH_BYTES; i++) {
		if (i >= length)
			return 0;
		*remaining |= (size_t)(bytes[i] & 127) << (7 * (i - 1));
		if (!(bytes[i] & 128))
			return (ssize_t)i + 1;
	}
	return -EPROTO;
}

static int parse_publish(const uint8_t *at, size_t left, uint8_t flags, struct mqtt_packet *packet)
{
	packet->qos = flags >> 1 & 3;
	if (packet->qos > 1 || left < 2)
		return -EPROTO;
	packet->topic = at + 2;
	packet->topic_length = get_u16(at);
	at += 2;
	left -= 2;
	if (left < packet->topic_length + 2u * packet->qos)
		return -EPROTO;
	at += packet->topic_length;
	left -= packet->topic_length;
	if (packet->qos) {
		packet->id = get_u16(at);
		at += 2;
		left -= 2;
	}
	packet->payload = at;
	packet->payload_length = left;
	return 0;
}

/* What follows the fixed header; @left bytes of it. */
static int parse_rest(const uint8_t *at, size_t left, uint8_t flags, struct mqtt_packet *packet)
{
	switch (packet->type) {
	case MQTT_CONNACK:
		if (flags || left != 2)
			return -EPROTO;
		packet->code = at[1];
		return 0;
	case MQTT_PUBACK:
		if (flags || left != 2)
			return -EPROTO;
		packet->id = get_u16(at);
		return 0;
	case MQTT_SUBACK:
		if (flags || left != 3)
			return -EPROTO;
		packet->id = get_u16(at);
		packet->code = at[2];
		return 0;
	case MQTT_PUBLISH:
		return parse_publish(at, left, flags, packet);
	default:
		return -EPROTO;
	}
}

ssize_t mqtt_parse(const uint8_t *bytes, size_t length, struct mqtt_packet *packet)
{
	size_t remaining;
	ssize_t header = parse_header(bytes, length, &remaining);

	if (header <= 0)
		return header;
	if (length - (size_t)header < remaining)
		return 0;
	memset(packet, 0, sizeof(*packet));
	packet->type = bytes[0] >> 4;
	if (parse_rest(bytes + header, remaining, bytes[0] & 15, packet))
		return -EPROTO;
	return header + (ssize_t)remaining;
}
