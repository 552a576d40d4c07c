/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_work.c - what a refused frame costs, in instructions, is the same whatever was wrong
 * (K1) */
#include "count_steps.h"
#include "mc_host.h"

#include <inttypes.h>

/*
 * Two kinds of failures. Without the key a frame can be changed, cut or made up: that makes at
 * least one block of its text random, or leaves its padding wrong. All such cost the same
 * within 1 %. With the key - a device's own - a text can be refused for what it says; that is
 * made up for roughly.
 */
enum {
	UNKNOWN_TOKEN,
	NO_BASE64_FIRST,
	NO_BASE64_MIDDLE,
	NO_BASE64_LAST,
	URL_ALPHABET,
	CHARACTER_SHORT,
	BLOCK_CUT_IN_TWO,
	PADDING_LAST_BYTE,
	PADDING_FIRST_BYTE,
	PADDING_0,
	PADDING_17,
	PADDING_255,
	CUT_AT_BLOCK,
	FIRST_BLOCK_RANDOM,
	MIDDLE_BLOCK_RANDOM,
	LAST_BLOCK_RANDOM,
	ALL_RANDOM,
	RANDOM_WELL_PADDED,
	NO_UTF8,
	KEYLESS,
	NO_SEQUENCE = KEYLESS,
	BAD_SEQUENCE,
	TWO_SEQUENCES,
	NO_JSON_AT_START,
	NO_JSON_IN_THE_MIDDLE,
	NO_JSON_AT_END,
	CLASSES
};

static const char *const names[CLASSES] = {"unknown token", "bad Base64, first",
	"bad Base64, middle", "bad Base64, last", "url alphabet", "one character short",
	"half a block", "padding, last byte", "padding, first byte", "padding 0", "padding 17",
	"padding 255", "cut at a block", "first block random", "middle block random",
	"last block random", "all random", "random, well padded", "no UTF-8", "no sequence",
	"bad sequence", "two sequences", "no JSON at the start", "no JSON in the middle",
	"no JSON at the end"};

enum { TEXTS = 2, PIECES = TEXTS * CLASSES };

struct counted_job {
	struct world *w;
	struct device_side a;
};

/* Texts of several lengths and densities. */
static void good_text(const struct counted_job *job, unsigned which, char *plain, size_t size)
{
	static const uint32_t codes[TEXTS - 1] = {1000};
	uint16_t sequence = job->a.sequence + 1;

	if (which < TEXTS - 1) {
		request_text(&job->a, codes[which], sequence, now_of(job->w), plain, size);
		return;
	}
	snprintf(plain, size,
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"time\":%u,\"statusSerials\":[{"
		"\"serialId\":\"0\",\"status\":[{\"name\":\"SWITCH\",\"curStatusValue\":\"1\"},{"
		"\"name\":\"POWER\",\"curStatusValue\":120.5},{\"name\":\"TEMPERATURE\","
		"\"curStatusValue\":-22}]},{\"serialId\":\"1\",\"status\":[{\"name\":\"HUMIDITY\","
		"\"curStatusValue\":55}]}]}",
		sequence, job->a.id, now_of(job->w));
}

static char *data_of(struct frame_text *frame)
{
	return strstr(frame->text, "\"data\":\"") + 8;
}

/* Put other cipher text of the same length, or less of it, in its place. */
static void replace_cipher(
	const struct device_side *d, struct frame_text *frame, const uint8_t *cipher, size_t length)
{
	static uint8_t base64[4096];
	size_t written;

	assert_int_equal(
		mbedtls_base64_encode(base64, sizeof(base64), &written, cipher, length), 0);
	frame->length = snprintf(frame->text, sizeof(frame->text),
		"CTS{\"code\":2006,\"token\":\"%s\",\"data\":\"%s\"}\r\n", d->token, base64);
}

static void make_random(struct world *w, uint8_t *bytes, size_t length)
{
	w->random.fill(&w->random, bytes, length);
	bytes[length / 2] |= 0x80; /* never text by chance */
	bytes[length / 2 + 1] = 0xff;
}

/* Encrypt blocks as they are, padding and all. */
static void seal_blocks(
	const struct device_side *d, struct frame_text *frame, const char *plain, size_t length)
{
	static uint8_t cipher[2048];
	uint8_t chain[16];
	mbedtls_aes_context aes;

	assert_true(length <= sizeof(cipher) && length % 16 == 0);
	memcpy(chain, d->key, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_enc(&aes, bytes_of(d->key), 128);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, length, chain, bytes_of(plain), cipher);
	mbedtls_aes_free(&aes);
	replace_cipher(d, frame, cipher, length);
}

/* A text of whole blocks; its last 1 to 16 bytes are padding. */
static size_t pad(char *plain)
{
	size_t length = strlen(plain), count = 16 - length % 16;

	memset(plain + length, (int)count, count);
	return length + count;
}

static void spoil_base64(struct frame_text *frame, unsigned class)
{
	char *data = data_of(frame);
	size_t length = strchr(data, '"') - data;

	switch (class) {
	case NO_BASE64_FIRST:
		data[0] = '.';
		break;
	case NO_BASE64_MIDDLE:
		data[length / 2] = '.';
		break;
	case NO_BASE64_LAST:
		data[length - 5] = '.';
		break;
	case URL_ALPHABET:
		data[length / 3] = '_';
		break;
	default: /* of its length only */
		memmove(data + length - 1, data + length, strlen(data + length) + 1);
		frame->length--;
		break;
	}
}

static void spoil_padding(
	const struct device_side *d, struct frame_text *frame, unsigned class, char *plain)
{
	size_t length = pad(plain), first = length - (uint8_t)plain[length - 1];

	switch (class) {
	case PADDING_LAST_BYTE:
		plain[length - 1] ^= 0x20;
		break;
	case PADDING_FIRST_BYTE:
		if (first == length - 1)
			plain[length - 1] = 2;
		else
			plain[first] ^= 1;
		break;
	case PADDING_0:
		plain[length - 1] = 0;
		break;
	case PADDING_17:
		plain[length - 1] = 17;
		break;
	default:
		plain[length - 1] = (char)255;
		break;
	}
	seal_blocks(d, frame, plain, length);
}

static void spoil_blocks(
	const struct counted_job *job, struct frame_text *frame, unsigned class, char *plain)
{
	size_t length = pad(plain), text = strlen(plain);

	switch (class) {
	case FIRST_BLOCK_RANDOM:
		make_random(job->w, (uint8_t *)plain, 16);
		break;
	case MIDDLE_BLOCK_RANDOM:
		make_random(job->w, (uint8_t *)plain + length / 32 * 16, 16);
		break;
	case LAST_BLOCK_RANDOM:
		make_random(job->w, (uint8_t *)plain + length - 16, 16);
		break;
	case ALL_RANDOM:
		make_random(job->w, (uint8_t *)plain, length);
		break;
	case RANDOM_WELL_PADDED:
		make_random(job->w, (uint8_t *)plain, length - 16);
		break;
	default:
		assert_int_equal(class, NO_UTF8);
		plain[text / 2] = (char)0xff;
		break;
	}
	seal_blocks(&job->a, frame, plain, length);
}

static void spoil_meaning(unsigned class, char *plain)
{
	char *sequence = strstr(plain, "sequence");

	switch (class) {
	case NO_SEQUENCE:
		sequence[0] = 'x';
		break;
	case BAD_SEQUENCE:
		sequence[11] = 'x';
		break;
	case TWO_SEQUENCES:
		memcpy(strstr(plain, "\"time\""), "\"sequence\":1111111111111", 16);
		break;
	case NO_JSON_AT_START:
		plain[1] = ' ';
		plain[2] = ',';
		break;
	case NO_JSON_IN_THE_MIDDLE:
		*strchr(plain + strlen(plain) / 2, '"') = '}';
		break;
	default:
		plain[strlen(plain) - 1] = ' ';
		break;
	}
}

/* All of a text's frames have the same length, but for those that are wrong by it. */
static void make_frame(
	const struct counted_job *job, struct frame_text *frame, unsigned text, unsigned class)
{
	struct device_side stranger = job->a;
	char plain[1024];

	good_text(job, text, plain, sizeof(plain) - 16);
	if (class == UNKNOWN_TOKEN)
		memset(stranger.token, 'x', SESSION_TOKEN_CHARS);
	if (class >= NO_SEQUENCE)
		spoil_meaning(class, plain);
	if (class == CUT_AT_BLOCK || class == BLOCK_CUT_IN_TWO)
		/* before it is cut it is longer */
		strcpy(plain + strlen(plain) - 1,
			class == CUT_AT_BLOCK ? ",\"x\":\"234567890\"}" : "}");
	session_frame(&stranger, frame, 2006, plain);
	if (class >= NO_BASE64_FIRST && class <= CHARACTER_SHORT)
		spoil_base64(frame, class);
	else if (class == BLOCK_CUT_IN_TWO || class == CUT_AT_BLOCK) {
		uint8_t cipher[1024];
		char *data = data_of(frame);
		size_t length;

		mbedtls_base64_decode(
			cipher, sizeof(cipher), &length, bytes_of(data), strchr(data, '"') - data);
		memset(cipher + length, 0x55, 16);
		replace_cipher(
			&job->a, frame, cipher, class == CUT_AT_BLOCK ? length - 16 : length + 1);
	} else if (class >= PADDING_LAST_BYTE && class <= PADDING_255)
		spoil_padding(&job->a, frame, class, plain);
	else if (class >= FIRST_BLOCK_RANDOM && class <= NO_UTF8)
		spoil_blocks(job, frame, class, plain);
}

/* Each frame in a batch of its own, twice: the first time finds cold paths and does not count. */
static void refuse_all(void *context, struct steps *steps)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	const struct counted_job *job = context;
	struct world *w = job->w;

	for (unsigned piece = 0; piece < PIECES; piece++) {
		make_frame(job, frame, piece / CLASSES, piece % CLASSES);
		deliver(w, job->a.peer, frame->text, frame->length);
		queue(w, job->a.peer, frame->text, frame->length);
		steps_begin(steps);
		mc_protocol.messages(w->mc, w->messages, 1);
		steps_end(steps);
		w->message_count = 0;
		/* nothing came of it */
		if (w->sent_next != w->sent_count || next_event(w).there)
			_exit(100 + piece % CLASSES);
	}
	free(frame);
}

static void test_K1_the_same_work_whatever_failed(void **state)
{
	struct counted_job job = {.w = *state, .a = SIDE_A};
	struct steps *steps;

	live_udp(job.w, &job.a, 1);
	good_request(job.w, &job.a, 1000, 0);
	steps = steps_of(refuse_all, &job, PIECES);
	for (unsigned text = 0; text < TEXTS; text++) {
		uint64_t least = UINT64_MAX, most = 0;

		for (unsigned class = 0; class < KEYLESS; class ++) {
			uint64_t count = steps->count[text * CLASSES + class];

			least = count < least ? count : least;
			most = count > most ? count : most;
		}
		print_message(
			"without the key: %" PRIu64 " to %" PRIu64 " instructions\n", least, most);
		for (unsigned class = 0; class < CLASSES; class ++) {
			uint64_t count = steps->count[text * CLASSES + class];

			print_message("\t%s: %" PRIu64 "\n", names[class], count);
			if (STEPS_COMPARABLE && class >= KEYLESS)
				assert_in_range(count * 100, least * 90, least * 110);
		}
		if (STEPS_COMPARABLE)
			assert_true((most - least) * 100 <= least);
	}
	steps_free(steps, PIECES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_K1_the_same_work_whatever_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
