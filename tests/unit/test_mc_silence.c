/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_silence.c - frames of strangers and tampered ones (specs: Silence; K1, K2, K11) */
#include "mc_host.h"

/* struct scene - the attacked session, and one that must not notice */
struct scene {
	struct world *w;
	struct device_side a, canary;
	struct session_turn before;
};

static void scene_begin(struct scene *s, struct world *w, bool udp)
{
	*s = (struct scene){.w = w, .a = SIDE_A, .canary = SIDE_CANARY};
	live_tcp(w, &s->canary);
	if (udp)
		live_udp(w, &s->a, 1);
	else
		live_tcp(w, &s->a);
	good_request(w, &s->a, 1000, 0);
	s->before = entry_now(w, &s->a);
}

/* No bytes, no close, no event, no liveness: the session is what it was. */
static void expect_nothing_happened(struct scene *s)
{
	struct session_turn after = entry_now(s->w, &s->a);

	expect_silence(s->w);
	expect_no_event(s->w);
	assert_false(tcp_closed(s->w, s->a.peer.connection));
	assert_memory_equal(&after, &s->before, sizeof(after));
}

static void scene_end(struct scene *s)
{
	good_request(s->w, &s->canary, 2006, 0);
	expect_event(s->w, &s->canary, HEARTH_UPLINK, 2006);
	good_request(s->w, &s->a, 2006, 0);
	expect_event(s->w, &s->a, HEARTH_UPLINK, 2006);
}

/* A frame of the attacked session around arbitrary cipher text, a whole number of blocks or not. */
static void raw_frame(const struct device_side *d, struct frame_text *frame, uint32_t code,
	const uint8_t *cipher, size_t length)
{
	uint8_t base64[4096];
	size_t written;

	assert_int_equal(
		mbedtls_base64_encode(base64, sizeof(base64), &written, cipher, length), 0);
	frame->length = snprintf(frame->text, sizeof(frame->text),
		"CTS{\"code\":%u,\"token\":\"%s\",\"data\":\"%s\"}\r\n", code, d->token, base64);
}

static size_t cipher_of(const struct frame_text *frame, uint8_t *cipher, size_t size)
{
	char *data = strstr(frame->text, "\"data\":\"") + 8;
	size_t length;

	assert_int_equal(mbedtls_base64_decode(
				 cipher, size, &length, bytes_of(data), strchr(data, '"') - data),
		0);
	return length;
}

/* The same block encrypted without padding: what lies in the last byte is up to the caller. */
static void seal_raw(struct frame_text *frame, const struct device_side *d, uint32_t code,
	const void *plain, size_t length)
{
	uint8_t cipher[1024], chain[16];
	mbedtls_aes_context aes;

	memcpy(chain, d->key, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_enc(&aes, bytes_of(d->key), 128);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, length, chain, plain, cipher);
	mbedtls_aes_free(&aes);
	raw_frame(d, frame, code, cipher, length);
}

static void every_flipped_bit_of_the_cipher_text_is_met_with_silence(void **state)
{
	static const uint32_t codes[] = {1000, 2006, 2012, 2028, 3000};
	struct frame_text *frame = malloc(sizeof(*frame));
	uint8_t cipher[1024];
	char plain[1024];
	struct scene s;
	size_t length;

	scene_begin(&s, *state, true);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		request_text(&s.a, codes[i], s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
		session_frame(&s.a, frame, codes[i], plain);
		length = cipher_of(frame, cipher, sizeof(cipher));
		for (size_t bit = 0; bit < length * 8; bit++) {
			cipher[bit / 8] ^= 1 << bit % 8;
			raw_frame(&s.a, frame, codes[i], cipher, length);
			deliver(s.w, on_udp(666), frame->text, frame->length);
			expect_nothing_happened(&s);
			cipher[bit / 8] ^= 1 << bit % 8;
		}
	}
	scene_end(&s);
	free(frame);
}

static void every_flipped_bit_of_a_connect_or_login_is_a_failure(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	uint8_t cipher[1024], base64[2048];
	char plain[512];
	size_t length, written;
	uint32_t connection = tcp_open(w);

	log_in(w, &a);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"7\",\"token\":\"%s\",\"time\":%u}", a.token,
		now_of(w));
	session_frame(&a, frame, 1004, plain);
	length = cipher_of(frame, cipher, sizeof(cipher));
	for (size_t bit = 0; bit < length * 8; bit++) {
		cipher[bit / 8] ^= 1 << bit % 8;
		raw_frame(&a, frame, 1004, cipher, length);
		deliver(w, on_udp(1), frame->text, frame->length);
		deliver(w, on_tcp(connection), frame->text, frame->length);
		assert_true(tcp_closed(w, connection));
		w->connections[connection].closed = false;
		cipher[bit / 8] ^= 1 << bit % 8;
	}
	login_frame(w, &a, frame);
	length = cipher_of(frame, cipher, sizeof(cipher));
	for (size_t bit = 0; bit < length * 8; bit++) {
		cipher[bit / 8] ^= 1 << bit % 8;
		mbedtls_base64_encode(base64, sizeof(base64), &written, cipher, length);
		frame->length = snprintf(frame->text, sizeof(frame->text),
			"CTS{\"code\":1002,\"deviceId\":\"" DEVICE_A "\",\"data\":\"%s\"}\r\n",
			base64);
		deliver(w, on_login(connection), frame->text, frame->length);
		assert_true(tcp_closed(w, connection));
		w->connections[connection].closed = false;
		cipher[bit / 8] ^= 1 << bit % 8;
	}
	expect_silence(w);
	expect_no_event(w);
	connected(w, &a, on_udp(1));
	free(frame);
}

/*
 * Every bit of the whole frame. The encryption does not protect the code: such a frame may be
 * answered with an error, but becomes no event unless it says what the good one says.
 */
static void every_flipped_bit_of_a_frame_makes_no_other_event(void **state)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	char plain[1024];
	struct event event;
	struct scene s;
	unsigned same = 0;

	scene_begin(&s, *state, true);
	request_text(&s.a, 2006, s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
	session_frame(&s.a, frame, 2006, plain);
	for (size_t bit = 0; bit < frame->length * 8; bit++) {
		frame->text[bit / 8] ^= 1 << bit % 8;
		deliver(s.w, s.a.peer, frame->text, frame->length);
		frame->text[bit / 8] ^= 1 << bit % 8;
		event = next_event(s.w);
		if (event.there && event.record.event == HEARTH_UPLINK) {
			assert_int_equal(event.record.code, 2006);
			assert_string_equal(event.payload, plain);
			same++;
		}
		if (s.w->sent_next == s.w->sent_count)
			continue;
		/* it took the number: begin anew */
		s.w->sent_next = s.w->sent_count;
		while (next_event(s.w).there)
			;
		log_in(s.w, &s.a);
		send_connect(s.w, &s.a, s.a.peer, s.a.sequence, now_of(s.w));
		expect_answer(s.w, &s.a, 1005, 0);
		while (next_event(s.w).there)
			;
		request_text(&s.a, 2006, s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
		session_frame(&s.a, frame, 2006, plain);
	}
	assert_true(same < 4);
	good_request(s.w, &s.canary, 1000, 0);
	free(frame);
}

/* Contents that cannot be authenticated: no JSON object, not UTF-8, no sequence. */
static const char *const contents[] = {
	"",
	"null",
	"[]",
	"{",
	"{}",
	"{\"sequence\":\"1\",}",
	"{\"time\":1}",
	"{\"sequence\":\"-1\"}",
	"{\"sequence\":\"65536\"}",
	"{\"sequence\":\"007\"}",
	"{\"sequence\":1.0}",
	"{\"sequence\":1e0}",
	"{\"sequence\":-0}",
	"{\"sequence\":true}",
	"{\"sequence\":\"\"}",
	"{\"sequence\":\" 1\"}",
	"{\"sequence\":\"1\",\"sequence\":\"1\"}",
	"{\"sequence\":\"1\",\"s\\u0065quence\":\"1\"}",
	"{\"sequence\":\"1\"}x",
	"{\"sequence\":\"1\",\"x\":\"\xc0\xaf\"}",
	"{\"sequence\":\"1\",\"x\":\"\xed\xa0\x80\"}",
	"{\"sequence\":\"1\",\"x\":\"\\ud800\"}",
	"\xef\xbb\xbf{\"sequence\":\"1\"}",
	"{\"sequence\":\"1\",\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
};

static void contents_are_all_met_alike(struct world *w, bool udp)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	struct scene s;

	scene_begin(&s, w, udp);
	for (unsigned i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		for (uint32_t code = 1000; code <= 2006; code += 1006) {
			session_frame(&s.a, frame, code, contents[i]);
			deliver(s.w, s.a.peer, frame->text, frame->length);
			expect_nothing_happened(&s);
			assert_int_equal(s.w->mc->job_count, 1); /* decrypted all the same */
		}
	}
	scene_end(&s);
	free(frame);
}

static void unauthenticated_frames_are_all_alike_on_tcp(void **state)
{
	contents_are_all_met_alike(*state, false);
}

static void unauthenticated_frames_are_all_alike_on_udp(void **state)
{
	contents_are_all_met_alike(*state, true);
}

static void every_padding_but_pkcs7_is_refused(void **state)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	char plain[128], block[128];
	unsigned length, good = 0;
	struct scene s;

	scene_begin(&s, *state, true);
	length =
		snprintf(plain, sizeof(plain), "{\"sequence\":\"%u\",\"time\":%u,\"token\":\"%s\"}",
			s.a.sequence + 1, now_of(s.w), s.a.token);
	for (unsigned last = 0; last < 256; last++) {
		unsigned padded = (length / 16 + 1) * 16, count = padded - length;

		for (unsigned bad = 0; bad < count; bad++) { /* one of its bytes is wrong */

			memcpy(block, plain, length);
			memset(block + length, (int)last, count);
			if (bad)
				block[padded - 1 - bad] ^= 0x40;
			seal_raw(frame, &s.a, 1000, block, padded);
			/* fewer of TAB, LF or CR are padding too, with white space before it */
			if (!bad && (last == count || last == 9 || last == 10 || last == 13)) {
				good++;
				continue;
			}
			deliver(s.w, s.a.peer, frame->text, frame->length);
			expect_nothing_happened(&s);
		}
	}
	assert_int_equal(good, 4);
	/* a whole block of padding is right, of 17 or 0 is not */
	memset(block, 16, 16);
	seal_raw(frame, &s.a, 1000, block, 16);
	deliver(s.w, s.a.peer, frame->text, frame->length);
	expect_nothing_happened(&s);
	assert_true(counted(s.w, MC_DROP_JSON) > 0);
	scene_end(&s);
	free(frame);
}

static void data_that_is_not_whole_blocks_or_not_base64(void **state)
{
	static const char *const data[] = {"", "=", "A", "AA", "AAA", "AAAA",
		"AA==", "AAAA====", "AAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAB==",
		"AAAAAAAAAAAAAAAAAAAAAA==\\n", "AAAAAAAAAAAAAAAAAAA\\u0000AA==",
		"AAAAAAAAAA-_AAAAAAAAAA==", " AAAAAAAAAAAAAAAAAAAAAA==", "\xc3\xa9",
		"\\ud83d\\ude00"};
	struct frame_text *frame = malloc(sizeof(*frame));
	struct scene s;

	scene_begin(&s, *state, false);
	for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		frame->length = snprintf(frame->text, sizeof(frame->text),
			"CTS{\"code\":1000,\"token\":\"%s\",\"data\":\"%s\"}\r\n", s.a.token,
			data[i]);
		deliver(s.w, s.a.peer, frame->text, frame->length);
		expect_nothing_happened(&s);
	}
	assert_int_equal(counted(s.w, MC_DROP_BASE64) + counted(s.w, MC_DROP_BLOCKS),
		sizeof(data) / sizeof(data[0]));
	scene_end(&s);
	free(frame);
}

static void unknown_tokens_cost_what_known_ones_cost(void **state)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	struct scene s;
	struct device_side forged;
	char plain[256];

	scene_begin(&s, *state, true);
	forged = s.a;
	request_text(&s.a, 1000, s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
	for (unsigned i = 0; i < 16; i++) {
		forged.token[i] ^= 1;
		session_frame(&forged, frame, 1000, plain);
		forged.token[i] ^= 1;
		deliver(s.w, s.a.peer, frame->text, frame->length);
		expect_nothing_happened(&s);
		assert_int_equal(s.w->mc->job_count, 1);
	}
	assert_true(counted(s.w, MC_DROP_TOKEN) >= 15);
	memset(forged.token, 'x', 15);
	forged.token[15] = 0;
	session_frame(&forged, frame, 1000, plain);
	deliver(s.w, s.a.peer, frame->text, frame->length);
	expect_nothing_happened(&s);
	assert_int_equal(s.w->mc->job_count, 1);
	scene_end(&s);
	free(frame);
}

static void framing_is_exact(void **state)
{
	struct frame_text *frame = malloc(sizeof(*frame)), *other = malloc(sizeof(*other));
	struct scene s;
	char plain[256];

	scene_begin(&s, *state, true);
	request_text(&s.a, 1000, s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
	session_frame(&s.a, frame, 1000, plain);
#define DELIVER(...)                                                                               \
	do {                                                                                       \
		other->length = snprintf(other->text, sizeof(other->text), __VA_ARGS__);           \
		deliver(s.w, s.a.peer, other->text, other->length);                                \
		expect_nothing_happened(&s);                                                       \
	} while (0)
	frame->text[frame->length - 2] = 0; /* without its CR LF */
	DELIVER("%s", frame->text);
	DELIVER("%s\r", frame->text);
	DELIVER("%s\n", frame->text);
	DELIVER("%s \r\n", frame->text);
	DELIVER("%s\r\n ", frame->text); /* a datagram carries exactly one frame */
	DELIVER("%s\r\n%s\r\n", frame->text, frame->text);
	DELIVER("CTS %s\r\n", frame->text + 3);
	DELIVER("cts%s\r\n", frame->text + 3);
	DELIVER(" %s\r\n", frame->text);
	DELIVER("%s\r\n", frame->text + 3);
	DELIVER("CTS\r\n");
	DELIVER("\r\n");
	DELIVER("CTS{}\r\n");
	DELIVER("CTS{\"code\":1000}\r\n");
	DELIVER("CTS{\"code\":1000,\"token\":\"%s\"}\r\n", s.a.token);
	DELIVER("CTS{\"code\":1000,\"token\":1,\"data\":\"\"}\r\n");
	DELIVER("CTS{\"code\":1000,\"deviceId\":\"" DEVICE_A "\",\"data\":\"\"}\r\n");
	DELIVER("CTS{\"x\":\"a\r\",\"code\":1000,\"token\":\"%s\",%s\r\n", s.a.token,
		strstr(frame->text, "\"data\""));
	DELIVER("CTS{\"code\":1000,\"token\":\"%s\",\"token\":\"%s\",%s\r\n", s.a.token, s.a.token,
		strstr(frame->text, "\"data\""));
	DELIVER("CTS{\"code\":1000,\"token\":\"%s\",%s,\r\n", s.a.token,
		strstr(frame->text, "\"data\""));
	deliver(s.w, s.a.peer, "", 0);
	expect_nothing_happened(&s);
#undef DELIVER
	scene_end(&s);
	free(frame);
	free(other);
}

/* Bytes changed, removed and inserted at random; nothing but the good frame makes an event. */
static void mutated_frames_do_no_harm(void **state)
{
	struct frame_text *frame = malloc(sizeof(*frame)), *other = malloc(sizeof(*other));
	uint32_t seed = 7;
	char plain[1024];
	struct event event;
	struct scene s;

	scene_begin(&s, *state, true);
	request_text(&s.a, 2006, s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
	session_frame(&s.a, frame, 2006, plain);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t at, n;

		*other = (struct frame_text){.length = frame->length};
		memcpy(other->text, frame->text, frame->length);
		for (unsigned j = 0; j < 1 + i % 3; j++) {
			seed = seed * 1664525 + 1013904223;
			at = (seed >> 8) % other->length;
			n = 1 + (seed >> 4) % 5;
			if (seed >> 30 == 0 && other->length > at + n + 1) {
				memmove(other->text + at, other->text + at + n,
					other->length - at - n);
				other->length -= n;
			} else if (seed >> 30 == 1) {
				memmove(other->text + at + n, other->text + at, other->length - at);
				other->length += n;
			} else {
				other->text[at] = seed >> 13;
			}
		}
		queue(s.w, s.a.peer, other->text, other->length);
		if (i % 200 < 199)
			continue;
		world_turn(s.w);
		while ((event = next_event(s.w)).there) {
			if (event.record.event == HEARTH_UPLINK)
				assert_string_equal(event.payload, plain);
		}
		s.w->sent_next = s.w->sent_count;
		log_in(s.w, &s.a);
		send_connect(s.w, &s.a, s.a.peer, s.a.sequence, now_of(s.w));
		expect_answer(s.w, &s.a, 1005, 0);
		while (next_event(s.w).there)
			;
		request_text(&s.a, 2006, s.a.sequence + 1, now_of(s.w), plain, sizeof(plain));
		session_frame(&s.a, frame, 2006, plain);
	}
	good_request(s.w, &s.canary, 2006, 0);
	good_request(s.w, &s.a, 2006, 0);
	free(frame);
	free(other);
}

static bool ring_holds(const struct world *w, const char *secret)
{
	static uint8_t bytes[4 * RING_BYTES];
	char path[128];
	size_t length;
	FILE *file;

	path_in(w, path, sizeof(path), "ring");
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_true(length > RING_BYTES);
	return memmem(bytes, length, secret, strlen(secret));
}

static void pins_keys_and_tokens_are_in_no_event(void **state)
{
	static const uint32_t codes[] = {2006, 2008, 2010, 2012, 2022, 2026, 2028, 2032};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		good_request(w, &a, codes[i], 0);
	good_request(w, &a, 1000, 0);
	send_request(w, &a, 1000, a.sequence + 7);
	expect_answer(w, &a, 1001, 200003);
	assert_true(ring_holds(w, DEVICE_A));
	assert_true(ring_holds(w, "authResult"));
	assert_false(ring_holds(w, "SECRETPIN"));
	assert_false(ring_holds(w, PIN_A));
	assert_false(ring_holds(w, a.key));
	assert_false(ring_holds(w, a.token));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_flipped_bit_of_the_cipher_text_is_met_with_silence),
		TEST(every_flipped_bit_of_a_connect_or_login_is_a_failure),
		TEST(every_flipped_bit_of_a_frame_makes_no_other_event),
		TEST(unauthenticated_frames_are_all_alike_on_tcp),
		TEST(unauthenticated_frames_are_all_alike_on_udp),
		TEST(every_padding_but_pkcs7_is_refused),
		TEST(data_that_is_not_whole_blocks_or_not_base64),
		TEST(unknown_tokens_cost_what_known_ones_cost),
		TEST(framing_is_exact),
		TEST(mutated_frames_do_no_harm),
		TEST(pins_keys_and_tokens_are_in_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
