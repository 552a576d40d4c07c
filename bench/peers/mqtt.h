/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mqtt.h - what clients of an MQTT broker say and hear (MQTT 3.1.1) */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Control packet types (section 2.2.1). */
enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK,
	MQTT_PUBLISH,
	MQTT_PUBACK,
	MQTT_SUBSCRIBE = 8,
	MQTT_SUBACK,
};

/** struct mqtt_packet - a packet from the broker; pointers lie in what was parsed */
struct mqtt_packet {
	enum mqtt_type type;
	uint8_t code; /* CONNACK: return code; SUBACK: granted QoS or 0x80 */
	uint8_t qos;  /* PUBLISH */
	uint16_t id;  /* PUBACK, SUBACK, PUBLISH of QoS 1 */
	const uint8_t *topic, *payload;
	size_t topic_length, payload_length;
};

/*
 * Each writes one packet and returns its length, 0 if @size is too small.
 */

/** mqtt_connect() - clean session, @keep_alive in seconds (0: none) (section 3.1) */
size_t mqtt_connect(uint8_t *out, size_t size, const char *client, uint16_t keep_alive);

/** mqtt_subscribe() - one topic filter (section 3.8) */
size_t mqtt_subscribe(uint8_t *out, size_t size, uint16_t id, const char *filter, uint8_t qos);

/** mqtt_publish() - QoS 1 (section 3.3) */
size_t mqtt_publish(uint8_t *out, size_t size, uint16_t id, const void *topic, size_t topic_length,
	const void *payload, size_t payload_length);

/** mqtt_puback() - (section 3.4) */
size_t mqtt_puback(uint8_t *out, size_t size, uint16_t id);

/**
 * mqtt_parse() - the first packet in @bytes, of the types that a broker sends to these clients
 *
 * Return: its length; 0 if it is not whole yet; -EPROTO if it is malformed or of another type.
 */
ssize_t mqtt_parse(const uint8_t *bytes, size_t length, struct mqtt_packet *packet);
