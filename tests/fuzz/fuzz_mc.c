/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_mc.c - Mc frames of any kind on a live session: envelope, Base64, cipher, content, decision,
 * against a reader of their own (mbedTLS, jansson): what is not well-formed changes nothing (K1) */
/* first: it renames what both libraries call alike */
#include "../unit/json_beside_jansson.h"
#include "../unit/mc_host.h"
#include "fuzz.h"

#include <sanitizer/lsan_interface.h>

/*
 * Input: a byte of choices (TCP or UDP), then records:
 *	PLAIN	code, length, bytes: sealed with the session's key
 *	CIPHER	code, length, bytes: as the decrypted blocks come
 *	DATA	code, length, bytes: as "data"
 *	FLIP	code, place, mask: a good frame with a byte changed
 *	RAW	length, bytes: as a frame
 *	GOOD	code, distance of its number from the next
 *	TIME	seconds
 */
enum { PLAIN, CIPHER, DATA, FLIP, RAW, GOOD, TIME, KINDS };

static struct world *world;
static struct device_side a = SIDE_A, canary = SIDE_CANARY;
static struct frame_text *frame;

static void forget(void)
{
	world->sent_next = world->sent_count;
	while (next_event(world).there)
		;
}

/* ---- the second reader ---- */

static bool decimal(json_t *value, json_int_t most)
{
	if (json_is_integer(value))
		return json_integer_value(value) >= 0 && json_integer_value(value) <= most;
	if (!json_is_string(value))
		return false;
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);

	if (!length || length > 9 || strspn(text, "0123456789") != length ||
		(length > 1 && *text == '0'))
		return false;
	return atoll(text) <= most;
}

/* Does the plaintext say something at all? In doubt yes: jansson is stricter about some numbers. */
static bool says_something(const char *plain, size_t length)
{
	json_error_t error;
	json_t *tree = json_loadb(plain, length, JSON_ALLOW_NUL, &error), *sequence;
	bool something;

	if (!tree)
		return json_error_code(&error) == json_error_numeric_overflow ||
		       json_error_code(&error) == json_error_null_byte_in_key;
	sequence = json_object_get(tree, "sequence");
	something = json_is_object(tree) && decimal(sequence, 65535);
	json_decref(tree);
	return something;
}

static bool opens(const char *data, size_t length)
{
	static unsigned char cipher[MC_FRAME_MAX], again[2 * MC_FRAME_MAX];
	mbedtls_aes_context aes;
	uint8_t chain[16];
	size_t bytes, written;
	uint8_t count;

	if (mbedtls_base64_decode(cipher, sizeof(cipher), &bytes, (const void *)data, length) ||
		!bytes || bytes % 16)
		return false;
	/* canonical: mbedTLS takes line breaks and bits that are left over */
	if (mbedtls_base64_encode(again, sizeof(again), &written, cipher, bytes) ||
		written != length || memcmp(again, data, length) != 0)
		return false;
	memcpy(chain, a.key, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_dec(&aes, bytes_of(a.key), 128);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_DECRYPT, bytes, chain, cipher, cipher);
	mbedtls_aes_free(&aes);
	count = cipher[bytes - 1];
	if (!count || count > 16)
		return false;
	for (unsigned i = 1; i <= count; i++)
		if (cipher[bytes - i] != count)
			return false;
	return says_something((char *)cipher, bytes - count);
}

/* May this frame have any effect? Only one of this session's token, well-formed to the last
 * byte. */
static bool may_matter(const char *text, size_t length)
{
	json_error_t error;
	json_t *tree, *data, *token;
	bool may = false;

	if (length < 7 || memcmp(text, "CTS{", 4) != 0 || memcmp(text + length - 2, "\r\n", 2) != 0)
		return false;
	tree = json_loadb(text + 3, length - 5, JSON_ALLOW_NUL, &error);
	if (!tree)
		return json_error_code(&error) == json_error_numeric_overflow ||
		       json_error_code(&error) == json_error_null_byte_in_key;
	data = json_object_get(tree, "data");
	token = json_object_get(tree, "token");
	if (json_is_string(data) && json_is_string(token) &&
		!strcmp(json_string_value(token), a.token))
		may = opens(json_string_value(data), json_string_length(data));
	json_decref(tree);
	return may;
}

/* ---- frames ---- */

static uint32_t code_of(uint8_t choice)
{
	static const uint16_t codes[] = {1000, 2006, 2008, 2010, 2012, 2016, 2018, 2020, 2022, 2026,
		2028, 2032, 3000, 3002, 2002, 2004, 2014, 2030, 2998, 2001};

	return codes[choice % (sizeof(codes) / sizeof(codes[0]))];
}

static void wrap(uint32_t code, const void *data, size_t length)
{
	frame->length = (uint32_t)snprintf(frame->text, sizeof(frame->text),
		"CTS{\"code\":%u,\"token\":\"%s\",\"data\":\"%.*s\"}\r\n", code, a.token,
		(int)length, (const char *)data);
}

static void wrap_blocks(uint32_t code, const uint8_t *plain, size_t length, bool whole)
{
	static uint8_t cipher[4096 + 16], base64[8192];
	mbedtls_aes_context aes;
	uint8_t chain[16];
	size_t written, padded = whole ? length & ~15u : (length / 16 + 1) * 16;

	memcpy(cipher, plain, whole ? padded : length);
	if (!whole)
		memset(cipher + length, (int)(padded - length), padded - length);
	memcpy(chain, a.key, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_enc(&aes, bytes_of(a.key), 128);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, padded, chain, cipher, cipher);
	mbedtls_aes_free(&aes);
	mbedtls_base64_encode(base64, sizeof(base64), &written, cipher, padded);
	wrap(code, base64, written);
}

static void good_frame(uint32_t code, int distance)
{
	char plain[1024];

	request_text(&a, code, (uint16_t)(a.sequence + 1 + distance), now_of(world), plain,
		sizeof(plain));
	session_frame(&a, frame, code, plain);
}

static void canary_talks(void)
{
	send_request(world, &canary, 1000, ++canary.sequence);
	require(world->sent_next + 1 == world->sent_count, "the canary was not answered");
	forget();
}

static bool make_frame(struct input *input)
{
	uint8_t kind = take8(input) % KINDS;
	uint32_t code = kind == RAW || kind == TIME ? 0 : code_of(take8(input));
	size_t length;
	const uint8_t *bytes;

	if (kind == TIME) {
		world_pass(world, take8(input) % 100);
		forget();
		canary_talks();
		return false;
	}
	if (kind == GOOD) {
		good_frame(code, (int8_t)take8(input));
		return true;
	}
	if (kind == FLIP) {
		good_frame(code, 0);
		length = take16(input) % frame->length;
		frame->text[length] ^= (char)take8(input);
		return true;
	}
	length = take16(input) % 1400;
	bytes = take_bytes(input, &length);
	if (kind == RAW) {
		memcpy(frame->text, bytes, length);
		frame->length = (uint32_t)length;
	} else if (kind == DATA) {
		wrap(code, bytes, strnlen((const char *)bytes, length));
	} else {
		wrap_blocks(code, bytes, length, kind == CIPHER);
	}
	return true;
}

/* ---- one run ---- */

static void begin(bool udp)
{
	log_in(world, &a);
	a.peer = udp ? on_udp(1) : on_tcp(tcp_open(world));
	send_connect(world, &a, a.peer, a.sequence, now_of(world));
	forget();
}

static bool is_live(void)
{
	return entry_of(world, &a) != SESSION_NONE && entry_now(world, &a).state == SESSION_LIVE;
}

static void one_frame(void)
{
	struct session_turn before = entry_now(world, &a), after;
	bool may = may_matter(frame->text, frame->length), closed;

	deliver(world, a.peer, frame->text, frame->length);
	after = entry_now(world, &a);
	closed = a.peer.via == SESSION_VIA_TCP && tcp_closed(world, a.peer.connection);
	if (!may) {
		require(world->sent_next == world->sent_count, "an answer");
		require(!next_event(world).there, "an event");
		require(!closed, "a close");
		require(!memcmp(&before, &after, sizeof(before)), "the session changed");
	}
	if (after.state == SESSION_LIVE)
		a.sequence = (uint16_t)(after.base + after.progress.count);
	forget();
}

static void end(void)
{
	struct session_counts counts;

	if (a.peer.via == SESSION_VIA_TCP) {
		tcp_drop(world, a.peer.connection);
		world->connection_count = canary.peer.connection;
	} else if (is_live()) {
		/* what ends it is out of sequence */
		good_frame(1000, 99);
		deliver(world, a.peer, frame->text, frame->length);
	}
	forget();
	/* the canary alone is left, and talks on */
	counts = session_counts(world->host.sessions);
	require(counts.live_tcp == 1 && counts.live_udp == 0, "%u and %u live", counts.live_tcp,
		counts.live_udp);
	canary_talks();
}

static void free_world(void)
{
	world_free(world);
	free(frame);
}

/* One world for all runs. Its tables hide pointers in low bits: no leaks are looked for in them. */
static void make_world(void)
{
	__lsan_disable();
	world = world_new();
	__lsan_enable();
	frame = malloc(sizeof(*frame));
	live_tcp(world, &canary);
	forget();
	atexit(free_world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	bool udp = take8(&input) & 1;

	if (!world)
		make_world();
	begin(udp);
	for (unsigned i = 0; input.left && i < 64 && is_live(); i++)
		if (make_frame(&input))
			one_frame();
	end();
	return 0;
}
