/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_tamper.c - frames changed on their way: 100,000 of each kind met with
 * silence (K1), and what a single flipped bit can still do (K2,
 * tests/MALLEABILITY.md) */
#include "mc_command.h"

/* ---- K1: 10^5 of each kind ---- */

#ifdef __SANITIZE_ADDRESS__
enum { TAMPERED = 10000 };
#else
enum { TAMPERED = 100000 };
#endif

static struct frame_text good, bad;

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static char *data_of(struct frame_text *frame, size_t *length)
{
	char *data = strstr(frame->text, "\"data\":\"") + 8;

	*length = strchr(data, '"') - data;
	return data;
}

static size_t cipher_of(struct frame_text *frame, uint8_t *cipher, size_t size)
{
	size_t length, written;
	char *data = data_of(frame, &length);

	assert_int_equal(mbedtls_base64_decode(cipher, size, &written, bytes_of(data), length), 0);
	return written;
}

static void put_cipher(const char *token, uint32_t code, const uint8_t *cipher, size_t length)
{
	static uint8_t base64[4096];
	size_t written;

	mbedtls_base64_encode(base64, sizeof(base64), &written, cipher, length);
	bad.length = snprintf(bad.text, sizeof(bad.text),
		"CTS{\"code\":%u,\"token\":\"%.16s\",\"data\":\"%s\"}\r\n", code, token, base64);
}

/* A good frame's cipher text, decrypted with the key, changed, sealed without
 * padding. */
static void put_blocks(
	const struct device_side *d, uint32_t code, const uint8_t *plain, size_t length)
{
	uint8_t cipher[1024], chain[16];
	mbedtls_aes_context aes;

	memcpy(chain, d->key, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_enc(&aes, bytes_of(d->key), 128);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, length, chain, plain, cipher);
	mbedtls_aes_free(&aes);
	put_cipher(d->token, code, cipher, length);
}

struct attack {
	const char *name;
	void (*tamper)(const struct device_side *d, uint32_t *seed, const char *plain);
};

static void bad_base64(const struct device_side *d, uint32_t *seed, const char *plain)
{
	static const char wrong[] = "-_ .,!*\x7f\x01\xc3{}:=";
	size_t length;
	char *data;

	memcpy(&bad, &good, offsetof(struct frame_text, text) + good.length + 1);
	data = data_of(&bad, &length);
	/* '=' within the last two is another text, maybe a good one */
	data[next_random(seed) % (length - 2)] = wrong[next_random(seed) % (sizeof(wrong) - 1)];
}

static void bad_length(const struct device_side *d, uint32_t *seed, const char *plain)
{
	uint8_t cipher[1024];
	size_t length = cipher_of(&good, cipher, sizeof(cipher));

	put_cipher(d->token, 2006, cipher, length - 1 - next_random(seed) % 15);
}

/* Whatever the last byte becomes: the padding is wrong, or the block before it
 * is noise. */
static void flipped_before_last(const struct device_side *d, uint32_t *seed, const char *plain)
{
	uint8_t cipher[1024];
	size_t length = cipher_of(&good, cipher, sizeof(cipher));

	cipher[length - 17 - next_random(seed) % 16] ^= 1 + next_random(seed) % 255;
	put_cipher(d->token, 2006, cipher, length);
}

static void cut_at_blocks(const struct device_side *d, uint32_t *seed, const char *plain)
{
	uint8_t cipher[1024];
	size_t length = cipher_of(&good, cipher, sizeof(cipher));

	put_cipher(d->token, 2006, cipher, 16 * (next_random(seed) % (length / 16)));
}

static void bad_padding(const struct device_side *d, uint32_t *seed, const char *plain)
{
	uint8_t blocks[1024];
	size_t length = strlen(plain), count = 16 - length % 16;

	memcpy(blocks, plain, length);
	memset(blocks + length, (int)count, count);
	blocks[length + next_random(seed) % count] ^= 0x80 | next_random(seed) % 128;
	put_blocks(d, 2006, blocks, length + count);
}

static void bad_utf8(const struct device_side *d, uint32_t *seed, const char *plain)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s", plain);
	text[next_random(seed) % strlen(plain)] = (char)(0x80 | next_random(seed) % 128);
	session_frame(d, &bad, 2006, text);
}

/* A bracket, a brace or a control character where there is none: never JSON. */
static void bad_json(const struct device_side *d, uint32_t *seed, const char *plain)
{
	static const char wrong[] = "\n\r\t\x01\x0b\x1f";
	char text[1024];
	size_t at = next_random(seed) % strlen(plain);

	snprintf(text, sizeof(text), "%s", plain);
	/* inside of the first name */
	at = next_random(seed) % 2 ? 2 + at % 8 : strlen(plain) - 1;
	text[at] = wrong[next_random(seed) % 6];
	session_frame(d, &bad, 2006, text);
}

static void no_sequence(const struct device_side *d, uint32_t *seed, const char *plain)
{
	static const char *const sequences[] = {"", "\"sequence\":\"\",", "\"sequence\":null,",
		"\"sequence\":\"65536\",", "\"sequence\":-1,", "\"sequence\":1e3,",
		"\"sequence\":\"01\",", "\"sequence\":[1],", "\"sequences\":\"1\","};
	char text[1024];

	snprintf(text, sizeof(text), "{%s\"n\":%u,%s", sequences[next_random(seed) % 9],
		next_random(seed), strchr(plain, ',') + 1);
	session_frame(d, &bad, 2006, text);
}

static void unknown_token(const struct device_side *d, uint32_t *seed, const char *plain)
{
	uint8_t cipher[1024];
	size_t length = cipher_of(&good, cipher, sizeof(cipher));
	char token[SESSION_TOKEN_CHARS];

	for (unsigned i = 0; i < sizeof(token); i++)
		token[i] = 'A' + next_random(seed) % 26;
	put_cipher(token, 2006, cipher, length);
}

/* Of a heartbeat: a connect's is a failure that closes. */
static void wrong_inner_token(const struct device_side *d, uint32_t *seed, const char *plain)
{
	char text[256], token[SESSION_TOKEN_CHARS + 1];

	memcpy(token, d->token, sizeof(token));
	token[next_random(seed) % SESSION_TOKEN_CHARS] ^= 1 + next_random(seed) % 7;
	if (strchr(token, '"') || strchr(token, '\\'))
		token[0] = '~';
	snprintf(text, sizeof(text), "{\"sequence\":%u,\"token\":\"%s\",\"time\":%.10s}",
		d->sequence + 1, token, strstr(plain, "\"time\":") + 7);
	session_frame(d, &bad, 1000, text);
}

/* A padding oracle at work: C[n-1] goes through all values, block by block. */
static void padding_oracle(const struct device_side *d, uint32_t *seed, const char *plain)
{
	uint8_t cipher[1024];
	size_t length = cipher_of(&good, cipher, sizeof(cipher)), target;

	target = 16 + 16 * (*seed / 4096 % (length / 16 - 1));
	cipher[target - 1 - *seed / 256 % 16] ^= *seed % 255 + 1;
	put_cipher(d->token, 2006, cipher, target + 16);
	++*seed;
}

static const struct attack attacks[] = {
	{"bad Base64", bad_base64},
	{"not whole blocks", bad_length},
	{"a byte before the last block", flipped_before_last},
	{"cut at a block", cut_at_blocks},
	{"bad padding", bad_padding},
	{"bad UTF-8", bad_utf8},
	{"bad JSON", bad_json},
	{"no sequence", no_sequence},
	{"unknown token", unknown_token},
	{"another token inside", wrong_inner_token},
	{"padding oracle", padding_oracle},
};

static uint64_t silent_drops(const struct world *w)
{
	return counted(w, MC_DROP_ENVELOPE) + counted(w, MC_DROP_FRAME) +
	       counted(w, MC_DROP_BASE64) + counted(w, MC_DROP_BLOCKS) +
	       counted(w, MC_DROP_PADDING) + counted(w, MC_DROP_JSON) +
	       counted(w, MC_DROP_NO_SEQUENCE) + counted(w, MC_DROP_TOKEN) +
	       counted(w, MC_DROP_MISMATCH);
}

static void silence_for_all(struct world *w, bool udp)
{
	struct device_side a = SIDE_A, canary = SIDE_CANARY;
	struct session_turn before, after;
	char plain[1024];

	live_tcp(w, &canary);
	if (udp)
		live_udp(w, &a, 1);
	else
		live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		uint64_t dropped = silent_drops(w);
		uint32_t seed = 1;

		good_request(w, &a, 1000, 0);
		request_text(&a, 2006, a.sequence + 1, now_of(w), plain, sizeof(plain));
		session_frame(&a, &good, 2006, plain);
		before = entry_now(w, &a);
		w->host.clock.tick++; /* a sign of life would show */
		/* half of them over each transport */
		for (unsigned n = 1; n <= TAMPERED / 2; n++) {
			attacks[i].tamper(&a, &seed, plain);
			queue(w, udp ? on_udp(666) : a.peer, bad.text, bad.length);
			if (n % PROTOCOL_BATCH && n < TAMPERED / 2)
				continue;
			world_turn(w);
			expect_silence(w);
			expect_no_event(w);
			after = entry_now(w, &a);
			assert_memory_equal(&before, &after, sizeof(before));
			if (!udp)
				assert_false(tcp_closed(w, a.peer.connection));
		}
		dropped = silent_drops(w) - dropped;
		print_message("%s: %u dropped\n", attacks[i].name, (unsigned)dropped);
		assert_int_equal(dropped, TAMPERED / 2);
		good_request(w, &canary, 1000, 0);
	}
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
}

static void K1_tampered_frames_are_met_with_silence_on_udp(void **state)
{
	silence_for_all(*state, true);
}

static void K1_tampered_frames_are_met_with_silence_on_tcp(void **state)
{
	silence_for_all(*state, false);
}

/* ---- K2: every single bit ---- */

enum outcome {
	REJECTED,  /* dropped, closed, or refused with an error */
	THE_SAME,  /* taken, and it says what was sent */
	OTHERWISE, /* taken, and it says something else */
	OUTCOMES
};

/* Codes of answers to the platform's requests. */
static bool is_answer(uint32_t code)
{
	const struct mc_kind *kind = mc_kind_of(code);

	return kind && kind->answer;
}

struct flips {
	uint32_t code;
	int64_t result; /* of the good frame */
	unsigned bits, outcomes[OUTCOMES];
};

/* What the device sent and what came of it: was it taken, and as what? */
static enum outcome outcome_of(
	struct world *w, const struct device_side *d, const struct flips *flips, const char *plain)
{
	const uint32_t code = flips->code;
	enum outcome outcome = REJECTED;
	struct event event;

	while (w->sent_next < w->sent_count) {
		bool login = code == MC_LOGIN;
		struct answer answer =
			next_answer(w, login ? d->pin : d->key, login ? IV_OF(d->pin) : d->key);

		/* the good one's result, or no error: the frame was taken as one of that code */
		if (answer.code == code + 1 && answer.result == flips->result)
			outcome = THE_SAME;
		else if (answer.result == 0)
			outcome = OTHERWISE;
	}
	while ((event = next_event(w)).there) {
		if (event.record.event == HEARTH_RESPONSE)
			outcome = THE_SAME;
		else if (event.record.event != HEARTH_UPLINK)
			continue;
		if (event.record.code != code || strcmp(event.payload, plain) != 0)
			outcome = OTHERWISE;
	}
	return outcome;
}

/* What a device answers to a request that has just been sent to it: as long whatever its number is,
 * so that the bits are as many. */
static void answer_text(struct world *w, struct device_side *d, uint32_t code, char *plain)
{
	const char *body = code == 2024 ? "{\"modules\":[]}" : "{\"any\":1}";
	int length;

	ask_id(w, d->id, code + 1, body);
	w->sent_next = w->sent_count;
	world_turn(w);
	length = sprintf(plain, "{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"result\":0,\"time\":%u",
		expect_asked(w, d, code + 1), d->id, now_of(w));
	sprintf(plain + length, "%*s}", 94 - length, "");
}

/* A session in a known state, and the next good frame of @code with its plaintext. */
static struct peer prepare(struct world *w, struct device_side *d, uint32_t code, char *plain)
{
	struct peer peer = on_udp(1);

	d->sequence = 700;
	if (code == MC_LOGIN) {
		login_frame(w, d, &good);
		plain[0] = 0;
		peer = on_login(tcp_open(w));
	} else {
		log_in(w, d);
		if (code == MC_CONNECT) {
			connect_text(d, d->sequence, now_of(w), plain, 1024);
		} else {
			d->peer = peer;
			send_connect(w, d, peer, d->sequence, now_of(w));
			if (is_answer(code))
				answer_text(w, d, code, plain);
			else
				request_text(d, code, d->sequence + 1, now_of(w), plain, 1024);
		}
		session_frame(d, &good, code, plain);
	}
	w->sent_next = w->sent_count;
	while (next_event(w).there)
		;
	return peer;
}

/* Is everything as it was? Then the next bit may be tried on it. */
static bool untouched(struct world *w, const struct device_side *d, struct peer peer,
	const struct session_turn *before)
{
	struct session_turn after = entry_now(w, d);

	return peer.via == SESSION_VIA_UDP && !memcmp(before, &after, sizeof(after));
}

static void flip_all(struct world *w, struct flips *flips)
{
	struct device_side a = SIDE_A;
	struct session_turn before = {0};
	char plain[1024];
	struct peer peer = prepare(w, &a, flips->code, plain);
	bool login = flips->code == MC_LOGIN;
	size_t bits = 1;

	/* as it is, it is taken */
	deliver(w, peer, good.text, good.length);
	flips->result = next_answer(w, login ? a.pin : a.key, login ? IV_OF(a.pin) : a.key).result;
	assert_true(flips->result == 0 || flips->result == MC_NO_SUCH_DEVICE ||
		    flips->result == MC_NO_VOICE || is_answer(flips->code));
	if (is_answer(flips->code))
		assert_int_equal(next_event(w).record.event, HEARTH_RESPONSE);
	while (next_event(w).there)
		;
	for (size_t bit = 0; bit < bits; bit++) {
		enum outcome outcome;

		if (!bit || !untouched(w, &a, peer, &before)) {
			w->host.clock.unix_ms += 1000;
			w->connection_count = 0;
			peer = prepare(w, &a, flips->code, plain);
			before = entry_now(w, &a);
			bits = good.length * 8;
		}
		memcpy(&bad, &good, offsetof(struct frame_text, text) + good.length + 1);
		bad.text[bit / 8] ^= 1 << bit % 8;
		deliver(w, peer, bad.text, bad.length);
		outcome = outcome_of(w, &a, flips, plain);
		flips->outcomes[outcome]++;
		flips->bits++;
	}
}

/* The figures stand in tests/MALLEABILITY.md, with their reasons. */
static bool stands_in_table(const struct flips *flips)
{
	FILE *file = fopen(TEST_VECTORS "/../MALLEABILITY.md", "r");
	char line[512];
	unsigned code, bits, rejected, same, otherwise;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "| %u | %u | %u | %u | %u |", &code, &bits, &rejected, &same,
				&otherwise) == 5 &&
			code == flips->code;
	if (file)
		fclose(file);
	return found && bits == flips->bits && rejected == flips->outcomes[REJECTED] &&
	       same == flips->outcomes[THE_SAME] && otherwise == flips->outcomes[OTHERWISE];
}

static void K2_every_bit_of_a_frame_of_each_code(void **state)
{
	static const uint32_t codes[] = {1000, 1002, 1004, 2006, 2008, 2010, 2012, 2016, 2018, 2020,
		2022, 2026, 2028, 2032, 3000, 3002, 2000, 2002, 2004, 2014, 2024, 2030};
	unsigned wrong = 0;

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct flips flips = {.code = codes[i]};

		flip_all(*state, &flips);
		print_message("| %u | %u | %u | %u | %u |\n", flips.code, flips.bits,
			flips.outcomes[REJECTED], flips.outcomes[THE_SAME],
			flips.outcomes[OTHERWISE]);
		wrong += !stands_in_table(&flips);
	}
	/* what is printed above should stand in tests/MALLEABILITY.md, with its reason */
	assert_int_equal(wrong, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(K1_tampered_frames_are_met_with_silence_on_udp),
		TEST(K1_tampered_frames_are_met_with_silence_on_tcp),
		TEST(K2_every_bit_of_a_frame_of_each_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
