/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* devices.h - many devices in little memory: what each knows, its frames and its answers, sealed
 * and opened by the burst */
#pragma once

#include "crypto/aes.h"
#include "registry/registry.h"
#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICES_MAX 10000000
/** Devices that are dealt with at once, at most. */
#define DEVICES_GROUP 4096
#define DEVICE_ATTEMPTS 32
#define DEVICE_ID_CHARS 24
/* A report of that many bytes of JSON has room for all its members, and fits one segment. */
#define REPORT_LEAST 100
#define REPORT_MOST 1000
/* Longest Mc frame of a device here, and longest answer. */
#define DEVICE_FRAME_MAX 1460
#define DEVICE_ANSWER_MAX 640

enum device_message { DEVICE_LOGIN, DEVICE_CONNECT, DEVICE_REPORT };

/**
 * struct bench_device
 * @slot: its place in the group that is under way
 * @attempts: flows that it was refused: each time it tries from another address
 */
struct bench_device {
	uint8_t key[16];
	char token[16];
	uint32_t seq, ack; /* its next number; the broker's next */
	uint16_t sequence; /* of its newest request */
	uint16_t slot;
	uint8_t attempts;
};
_Static_assert(sizeof(struct bench_device) == 48, "ten million take 480 MB");

/**
 * struct devices
 * @report_bytes: plaintext JSON of a report
 * @now: Unix seconds, put into what they send
 * @wrong: answers that were not what they had to be
 */
struct devices {
	struct bench_device *all;
	uint32_t count;
	uint32_t report_bytes;
	uint32_t now;
	struct aes_burst *aes;
	uint64_t wrong;
	uint8_t (*plain)[1024 + 64]; /* of a group */
	struct aes_schedule *schedules;
	struct aes_job *jobs;
	uint8_t (*ivs)[16];
};

/** devices_new() - Return: NULL with errno set. */
struct devices *devices_new(uint32_t count, uint32_t report_bytes);

void devices_free(struct devices *devices);

/** device_record_of() - as it is provisioned: a PIN that is made from its number. */
void device_record_of(uint32_t number, struct device_record *record);

/** device_flow() - where device @number speaks from, to a port of the broker. @attempts: below
 * DEVICE_ATTEMPTS */
struct wire_flow device_flow(uint32_t number, unsigned attempts, uint16_t local_port);

/** device_number() - whose flow it is; DEVICE_NONE: nobody's. */
uint32_t device_number(const struct wire_flow *flow, uint32_t count);

/**
 * devices_frames() - Mc frames of one kind, one of each of @count devices
 * @out: where each is written, room for DEVICE_FRAME_MAX
 * @lengths: receives their lengths
 *
 * A report takes the next number of its device's sequence.
 */
void devices_frames(struct devices *devices, enum device_message kind, const uint32_t *numbers,
	unsigned count, uint8_t *const *out, uint32_t *lengths);

/**
 * devices_answers() - decrypt what the devices were answered and see that it is right
 * @lengths: 0: there was none, that is wrong, too
 *
 * The answer to a login gives its device key and token.
 */
void devices_answers(struct devices *devices, enum device_message kind, const uint32_t *numbers,
	unsigned count, uint8_t *const *answers, const uint32_t *lengths);
