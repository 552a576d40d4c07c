/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_peers_mqtt.c - what the load says to an MQTT broker, byte for byte, and what it takes from
 * it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "guarded.h"
#include "mqtt.h"

/* The bytes are the text's: figures 3.6, 3.11, 3.23 and their fields. */
static void test_requests(void **state)
{
	static const uint8_t connect[] = "\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02p7";
	static const uint8_t subscribe[] = "\x82\x09\x01\x02\x00\x04up/#\x01";
	static const uint8_t publish[] = "\x32\x09\x00\x03up/\x80\x01hi";
	static const uint8_t puback[] = "\x40\x02\xff\xfe";
	uint8_t out[64];

	assert_int_equal(mqtt_connect(out, sizeof(out), "p7", 60), sizeof(connect) - 1);
	assert_memory_equal(out, connect, sizeof(connect) - 1);
	assert_int_equal(mqtt_subscribe(out, sizeof(out), 0x102, "up/#", 1), sizeof(subscribe) - 1);
	assert_memory_equal(out, subscribe, sizeof(subscribe) - 1);
	assert_int_equal(
		mqtt_publish(out, sizeof(out), 0x8001, "up/", 3, "hi", 2), sizeof(publish) - 1);
	assert_memory_equal(out, publish, sizeof(publish) - 1);
	assert_int_equal(mqtt_puback(out, sizeof(out), 0xfffe), sizeof(puback) - 1);
	assert_memory_equal(out, puback, sizeof(puback) - 1);
	assert_int_equal(mqtt_publish(out, 12, 1, "up/", 3, "hi", 2), 0);
}

/* Lengths of one to three bytes (table 2.4); what a broker passes on is what was published. */
static void test_publish_and_back(void **state)
{
	static const size_t lengths[] = {0, 1, 119, 120, 121, 300, 16374, 16375, 16376, 20000};
	static uint8_t out[32768], payload[20000];
	struct mqtt_packet packet;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		size_t length = mqtt_publish(out, sizeof(out), 515, "up/4", 4, payload, lengths[i]);

		assert_true(length > lengths[i] + 9);
		for (size_t cut = length > 200 ? length - 200 : 0; cut < length; cut++)
			assert_int_equal(mqtt_parse(out, cut, &packet), 0);
		/* a byte of the next packet changes nothing */
		assert_int_equal(mqtt_parse(out, length + 1, &packet), length);
		assert_int_equal(packet.type, MQTT_PUBLISH);
		assert_int_equal(packet.qos, 1);
		assert_int_equal(packet.id, 515);
		assert_int_equal(packet.topic_length, 4);
		assert_memory_equal(packet.topic, "up/4", 4);
		assert_int_equal(packet.payload_length, lengths[i]);
		assert_memory_equal(packet.payload, payload, lengths[i]);
	}
}

struct row {
	const char *text;
	size_t length;
	enum mqtt_type type;
	uint8_t code;
	uint16_t id;
};

static void test_answers(void **state)
{
	static const struct row rows[] = {
		{"\x20\x02\x00\x00", 4, MQTT_CONNACK, 0, 0},
		{"\x20\x02\x00\x05", 4, MQTT_CONNACK, 5, 0},
		{"\x40\x02\x12\x34", 4, MQTT_PUBACK, 0, 0x1234},
		{"\x90\x03\x00\x01\x80", 5, MQTT_SUBACK, 0x80, 1},
		{"\x30\x05\x00\x01"
		 "a"
		 "hi",
			7, MQTT_PUBLISH, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mqtt_packet packet;

		for (size_t cut = 0; cut <= rows[i].length; cut++) {
			uint8_t *bytes = memcpy(guarded_get(cut), rows[i].text, cut);

			assert_int_equal(mqtt_parse(bytes, cut, &packet),
				cut < rows[i].length ? 0 : rows[i].length);
			guarded_put(bytes);
		}
		assert_int_equal(mqtt_parse((const uint8_t *)rows[i].text, rows[i].length, &packet),
			rows[i].length);
		assert_int_equal(packet.type, rows[i].type);
		assert_int_equal(packet.code, rows[i].code);
		assert_int_equal(packet.id, rows[i].id);
	}
}

static void test_not_answers(void **state)
{
	static const struct row rows[] = {
		{"\x20\x01\x00", 3, 0, 0, 0},         /* CONNACK without a code */
		{"\x40\x03\x00\x01\x00", 5, 0, 0, 0}, /* PUBACK with more */
		{"\x41\x02\x00\x01", 4, 0, 0, 0},     /* reserved flag */
		{"\x36\x05\x00\x01"
		 "a\x00\x01",
			7, 0, 0, 0}, /* QoS 3 */
		{"\x34\x05\x00\x01"
		 "a\x00\x01",
			7, 0, 0, 0},          /* QoS 2: not granted */
		{"\x30\x01\x00", 3, 0, 0, 0}, /* no topic's length */
		{"\x30\x03\x00\x02"
		 "a",
			5, 0, 0, 0}, /* a topic that is longer */
		{"\x32\x04\x00\x01"
		 "a\x00",
			6, 0, 0, 0},                      /* half an identifier */
		{"\x40\x80\x80\x80\x80\x01", 6, 0, 0, 0}, /* a length of five bytes */
		{"\xd0\x00", 2, 0, 0, 0},                 /* PINGRESP: never asked for */
		{"\x00\x00", 2, 0, 0, 0},                 /* reserved */
	};
	struct mqtt_packet packet;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(mqtt_parse((const uint8_t *)rows[i].text, rows[i].length, &packet),
			-EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_publish_and_back),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_not_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
