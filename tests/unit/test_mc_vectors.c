/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_vectors.c - tests/vectors/mc.json: frames that an independent implementation made */
/* first: it renames what the other headers would include under its own name */
#include "json_beside_jansson.h"
#include "mc_host.h"

#include "codec/base64.h"

static json_t *vectors;

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text)
		fail_with("the vectors lack", name);
	return text;
}

/* The broker's own cipher and encoder give the vector's data, and its decoder the plaintext. */
static void expect_sealed_alike(struct world *w, const json_t *vector)
{
	const char *plain = text_of(vector, "plain"), *data = text_of(vector, "data");
	uint32_t length = strlen(plain), padded = (length / 16 + 1) * 16;
	uint8_t buffer[1024], base64[2048];
	struct aes_schedule schedule;
	struct aes_job job = {.schedule = &schedule,
		.iv = bytes_of(text_of(vector, "iv")),
		.in = buffer,
		.out = buffer,
		.length = padded};

	assert_true(padded <= sizeof(buffer));
	aes_expand(w->host.aes, bytes_of(text_of(vector, "key")), &schedule);
	memcpy(buffer, plain, length);
	memset(buffer + length, (int)(padded - length), padded - length);
	aes_cbc_encrypt(w->host.aes, &job, 1);
	base64[base64_encode(base64, buffer, padded)] = 0;
	assert_string_equal((char *)base64, data);
	assert_int_equal(base64_decode(buffer, bytes_of(data), strlen(data)), padded);
	aes_cbc_decrypt(w->host.aes, &job, 1);
	assert_memory_equal(buffer, plain, length);
}

/* A platform's frame: built from its plaintext it is the vector's, byte for byte. */
static void expect_built(struct world *w, const json_t *vector)
{
	const char *plain = text_of(vector, "plain"), *expected = text_of(vector, "frame");
	const struct message message = {.peer = on_udp(1)};
	uint32_t length = strlen(plain);
	struct mc_frame *frame = &w->mc->frames[0];
	struct mc_key *key = &w->mc->keys[0];

	memset(frame, 0, sizeof(*frame));
	frame->message = &message;
	aes_expand(w->host.aes, bytes_of(text_of(vector, "key")), &key->schedule);
	memcpy(key->iv, text_of(vector, "iv"), 16);
	memcpy(mc_out_room(w->mc, length), plain, length);
	mc_out_answer(w->mc, frame, json_integer_value(json_object_get(vector, "code")), length);
	mc_out_send(w->mc);
	assert_int_equal(w->sent[w->sent_next].length, strlen(expected));
	assert_string_equal((char *)w->sent[w->sent_next++].data, expected);
}

/* A device's frame: taken apart it is what the vector says. */
static void expect_read(struct world *w, const json_t *vector)
{
	const char *text = text_of(vector, "frame"), *plain = text_of(vector, "plain");
	uint32_t code = json_integer_value(json_object_get(vector, "code"));
	json_t *inner = json_loads(plain, 0, NULL), *sequence = json_object_get(inner, "sequence");
	const struct message message = {.data = bytes_of(text),
		.length = strlen(text),
		.peer = code == MC_LOGIN ? on_login(1) : on_udp(1)};
	struct mc_frame *frame = &w->mc->frames[0];
	struct aes_schedule schedule;
	uint8_t cipher[1024];

	assert_non_null(inner);
	memset(frame, 0, sizeof(*frame));
	frame->message = &message;
	w->mc->arena_used = 0;
	mc_envelope(w->mc, frame);
	assert_int_equal(frame->fault, 0);
	assert_true(frame->sealed);
	assert_int_equal(frame->code, code);
	assert_memory_equal(frame->name,
		code == MC_LOGIN ? text_of(vectors, "deviceId") : text_of(vectors, "token"),
		frame->name_length);
	frame->plain_length = base64_decode(cipher, frame->data.at, frame->data.length);
	frame->plain = cipher;
	aes_expand(w->host.aes, bytes_of(text_of(vector, "key")), &schedule);
	aes_cbc_decrypt(w->host.aes,
		&(struct aes_job){&schedule, bytes_of(text_of(vector, "iv")), cipher, cipher,
			frame->plain_length},
		1);
	mc_content_read(w->mc, frame);
	assert_int_equal(frame->fault, 0);
	assert_int_equal(frame->content.sequence, json_is_string(sequence)
							  ? atoi(json_string_value(sequence))
							  : json_integer_value(sequence));
	assert_int_equal(frame->content.sequence_text, json_is_string(sequence));
	assert_true(frame->content.has_time);
	assert_int_equal(frame->content.time, json_integer_value(json_object_get(inner, "time")));
	assert_false(frame->content.illegal);
	if (code < 2000)
		assert_true(frame->content.named);
	json_decref(inner);
}

static void valid_frames_are_read_and_built_byte_for_byte(void **state)
{
	struct world *w = *state;
	json_t *vector;
	size_t i;

	json_array_foreach(json_object_get(vectors, "valid"), i, vector)
	{
		expect_sealed_alike(w, vector);
		if (!strcmp(text_of(vector, "by"), "device"))
			expect_read(w, vector);
		else
			expect_built(w, vector);
	}
	assert_true(i >= 12);
}

static const json_t *find_valid(const char *name)
{
	json_t *vector;
	size_t i;

	json_array_foreach(json_object_get(vectors, "valid"), i, vector)
	{
		if (!strcmp(text_of(vector, "name"), name))
			return vector;
	}
	fail_with("no such vector", name);
	return NULL;
}

/* Replace each @from (of the same length as @to) in place. */
static void substitute(char *text, size_t length, const char *from, const char *to)
{
	char *at;

	while ((at = memmem(text, length, from, strlen(from))))
		memcpy(at, to, strlen(to));
}

/*
 * The vectors' story end to end. The broker draws its own key and token, so the plaintexts are
 * sealed anew with those in the places of the vectors'; the login is delivered as it stands.
 */
static void valid_frames_tell_a_whole_session(void **state)
{
	struct world *w = *state;
	const json_t *login = find_valid("login");
	struct device_side a = SIDE_A;
	uint32_t connection = tcp_open(w);
	struct answer answer;
	char plain[1024], expected[1024];
	const char *frame = text_of(login, "frame");
	json_t *vector;
	size_t i;

	assert_string_equal(text_of(vectors, "pin"), a.pin);
	assert_string_equal(text_of(vectors, "deviceId"), a.id);
	assert_int_equal(json_integer_value(json_object_get(vectors, "time")), now_of(w));
	deliver(w, on_login(connection), frame, strlen(frame));
	answer = next_answer(w, a.pin, a.pin + 16);
	assert_int_equal(answer.code, 1003);
	member_text(answer.plain, "sessionKey", a.key, sizeof(a.key));
	member_text(answer.plain, "token", a.token, sizeof(a.token));
	snprintf(expected, sizeof(expected), "%s", text_of(find_valid("login answer"), "plain"));
	substitute(expected, strlen(expected), text_of(vectors, "sessionKey"), a.key);
	substitute(expected, strlen(expected), text_of(vectors, "token"), a.token);
	assert_string_equal(answer.plain, expected);

	a.peer = on_tcp(tcp_open(w));
	json_array_foreach(json_object_get(vectors, "valid"), i, vector)
	{
		uint32_t code = json_integer_value(json_object_get(vector, "code"));

		if (strcmp(text_of(vector, "by"), "device") != 0 || code == MC_LOGIN)
			continue;
		snprintf(plain, sizeof(plain), "%s", text_of(vector, "plain"));
		substitute(plain, strlen(plain), text_of(vectors, "token"), a.token);
		send_plain(w, &a, a.peer, code, plain);
		if (code == 2004) {
			expect_silence(w); /* no control was sent */
			continue;
		}
		answer = answer_of(w, &a);
		assert_int_equal(answer.code, code + 1);
		assert_int_equal(answer.result, 0);
		if (code == MC_CONNECT) {
			assert_string_equal(
				answer.plain, text_of(find_valid("connect answer"), "plain"));
			expect_event(w, &a, HEARTH_ONLINE, MC_CONNECT);
		} else if (code != MC_HEARTBEAT) {
			assert_string_equal(
				expect_event(w, &a, HEARTH_UPLINK, code).payload, plain);
		}
	}
	assert_int_equal(counted(w, MC_DROP_UNMATCHED), 1);
	expect_no_event(w);
}

/*
 * An invalid frame as if it were made for @d: its token, and its data decrypted with the vectors'
 * key and sealed with that of @d, block by block, so that what is wrong with it stays wrong.
 */
static uint32_t transplant(const struct device_side *d, const char *frame, char *out)
{
	uint8_t blocks[1024], base64[2048], chain[16];
	const char *key = text_of(vectors, "sessionKey");
	char *data, *end;
	mbedtls_aes_context aes;
	size_t length, written;

	strcpy(out, frame);
	substitute(out, strlen(out), text_of(vectors, "token"), d->token);
	data = strstr(out, "\"data\":\"");
	end = data ? strchr(data + 8, '"') : NULL;
	if (!end || mbedtls_base64_decode(
			    blocks, sizeof(blocks), &length, bytes_of(data + 8), end - data - 8))
		return strlen(out);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_dec(&aes, bytes_of(key), 128);
	memcpy(chain, key, 16);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_DECRYPT, length & ~15ul, chain, blocks, blocks);
	substitute((char *)blocks, length, text_of(vectors, "token"), d->token);
	mbedtls_aes_setkey_enc(&aes, bytes_of(d->key), 128);
	memcpy(chain, d->key, 16);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, length & ~15ul, chain, blocks, blocks);
	mbedtls_aes_free(&aes);
	mbedtls_base64_encode(base64, sizeof(base64), &written, blocks, length);
	if (written == (size_t)(end - data - 8)) /* else it is no canonical Base64: left as it is */
		memcpy(data + 8, base64, written);
	return strlen(out);
}

static void invalid_frames_are_met_as_the_vectors_say(void **state)
{
	struct world *w = *state;
	struct device_side canary = SIDE_CANARY, a = SIDE_A, b = SIDE_B;
	char moved[2048];
	json_t *vector;
	size_t i;

	live_tcp(w, &canary);
	live_tcp(w, &a);
	live_udp(w, &b, 1);
	json_array_foreach(json_object_get(vectors, "invalid"), i, vector)
	{
		const char *frame = text_of(vector, "frame");
		struct session_turn before = entry_now(w, &a), after;
		uint32_t login;

		if (!strcmp(text_of(vector, "expect"), "close")) {
			login = tcp_open(w);
			deliver(w, on_login(login), frame, strlen(frame));
			assert_true(tcp_closed(w, login));
			expect_silence(w);
			continue;
		}
		assert_string_equal(text_of(vector, "expect"), "drop");
		deliver(w, a.peer, frame, strlen(frame));
		deliver(w, b.peer, frame, strlen(frame));
		deliver(w, a.peer, moved, transplant(&a, frame, moved));
		deliver(w, b.peer, moved, transplant(&b, frame, moved));
		if (w->sent_next != w->sent_count)
			fail_with("answered", text_of(vector, "name"));
		expect_no_event(w);
		assert_false(tcp_closed(w, a.peer.connection));
		after = entry_now(w, &a);
		assert_memory_equal(&before, &after, sizeof(after));
		good_request(w, &canary, 1000, 0);
	}
	assert_true(i >= 18);
	good_request(w, &a, 2006, 0);
	good_request(w, &b, 2006, 0);
	assert_int_equal(counted(w, MC_DROP_FRAME), 8); /* no CTS; bytes behind the object */
	assert_true(counted(w, MC_DROP_TOKEN) > 0);     /* as they stand */
	assert_true(counted(w, MC_DROP_PADDING) > 0);   /* and moved: each for its own reason */
	assert_true(counted(w, MC_DROP_BLOCKS) > 0);
	assert_true(counted(w, MC_DROP_JSON) > 0);
	assert_true(counted(w, MC_DROP_NO_SEQUENCE) >= 4);
	assert_true(counted(w, MC_DROP_MISMATCH) >= 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(valid_frames_are_read_and_built_byte_for_byte),
		TEST(valid_frames_tell_a_whole_session),
		TEST(invalid_frames_are_met_as_the_vectors_say),
	};
	json_error_t error;
	int rc;

	vectors = json_load_file(TEST_VECTORS "/mc.json", 0, &error);
	if (!vectors) {
		fprintf(stderr, "%s: %s\n", TEST_VECTORS "/mc.json", error.text);
		return 1;
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return rc;
}
