/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mosquitto.c - a report published with QoS 1 under its device's topic, and one subscriber of
 * all */
#include "mqtt.h"
#include "payload.h"
#include "peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOPIC "up/"
#define TOPIC_LENGTH (sizeof(TOPIC) - 1 + DEVICE_ID_DIGITS)
#define ACKS_MOST 4096

/* The subscriber's PUBACKs, all of one read in one write. */
static uint8_t acks[4 * ACKS_MOST];
static size_t acks_length;

static size_t greeting(const struct run *run, const struct connection *connection, uint8_t *out)
{
	char client[32];

	snprintf(client, sizeof(client), "%c%u", connection->subscriber ? 's' : 'p',
		connection->index);
	return mqtt_connect(out, MESSAGE_MOST, client, 0);
}

static size_t report(
	const struct run *run, struct connection *connection, uint32_t number, uint8_t *out)
{
	uint8_t topic[TOPIC_LENGTH] = TOPIC, payload[PAYLOAD_MOST];

	payload_id(topic + sizeof(TOPIC) - 1, connection->device);
	payload_write(payload, connection->device, number);
	connection->packet = (uint16_t)(number % UINT16_MAX + 1); /* never 0 (section 2.3.1) */
	return mqtt_publish(out, MESSAGE_MOST, connection->packet, topic, sizeof(topic), payload,
		payload_bytes());
}

static int greeted(struct run *run, struct connection *connection, const struct mqtt_packet *packet)
{
	uint8_t out[64];
	size_t length;

	if (connection->state == GREETING) {
		if (packet->type != MQTT_CONNACK || packet->code)
			return fail(run, -EPROTO, "CONNECT is refused with %u", packet->code);
		if (!connection->subscriber) {
			engine_ready(run, connection);
			return 0;
		}
		connection->state = SUBSCRIBING;
		length =
			mqtt_subscribe(out, sizeof(out), 1, TOPIC "#", run->options.subscriber_qos);
		return connection_send(run, connection, out, length);
	}
	if (packet->type != MQTT_SUBACK || packet->code != run->options.subscriber_qos)
		return fail(run, -EPROTO, "SUBSCRIBE is answered with %u", packet->code);
	engine_ready(run, connection);
	return 0;
}

static int flush_acks(struct run *run, struct connection *connection)
{
	size_t length = acks_length;

	acks_length = 0;
	return length ? connection_send(run, connection, acks, length) : 0;
}

static int published(
	struct run *run, struct connection *connection, const struct mqtt_packet *packet)
{
	uint32_t device, number;

	if (packet->payload_length != payload_bytes() ||
		!payload_read(packet->payload, packet->payload_length, &device, &number) ||
		device >= run->options.devices)
		run->counts.wrong++;
	else
		engine_consumed(run, device, number);
	if (packet->qos)
		acks_length +=
			mqtt_puback(acks + acks_length, sizeof(acks) - acks_length, packet->id);
	return acks_length + 16 > sizeof(acks) ? flush_acks(run, connection) : 0;
}

static ssize_t take(
	struct run *run, struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct mqtt_packet packet;
	ssize_t n = mqtt_parse(bytes, length, &packet);
	int error;

	if (n < 0)
		return n;
	/* the last of this read: what was gathered goes */
	if (n == 0)
		return flush_acks(run, connection);
	if (connection->state != READY)
		error = greeted(run, connection, &packet);
	else if (connection->subscriber && packet.type == MQTT_PUBLISH)
		error = published(run, connection, &packet);
	else if (packet.type == MQTT_PUBACK && connection->waits && packet.id == connection->packet)
		error = engine_answered(run, connection, false);
	else
		error = -EPROTO;
	if (!error && connection->subscriber && (size_t)n == length)
		error = flush_acks(run, connection);
	return error ? error : n;
}

const struct protocol protocol_mosquitto = {
	.name = "mosquitto",
	.subscribes = true,
	.greeting = greeting,
	.report = report,
	.take = take,
};
