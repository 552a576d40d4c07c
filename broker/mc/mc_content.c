/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_content.c - the decrypted object: padding, UTF-8 and JSON, the members that decisions need */
#include "mc.h"

#include "codec/json_plain.h"
#include "codec/utf8.h"

#include <immintrin.h>
#include <string.h>

#define NAME_BYTES_MAX 15

/* A key is compared with the names of its length only, a word or two each. */
static enum mc_name name_of(const uint8_t *key, uint32_t length)
{
#define NAME(text, name)                                                                           \
	do {                                                                                       \
		if (!memcmp(key, text, sizeof(text) - 1))                                          \
			return name;                                                               \
	} while (0)
	switch (length) {
	case 3:
		NAME("pin", MC_NAME_PIN);
		break;
	case 4:
		NAME("time", MC_NAME_TIME);
		break;
	case 5:
		NAME("token", MC_NAME_TOKEN);
		NAME("model", MC_NAME_MODEL);
		NAME("alarm", MC_NAME_ALARM);
		NAME("error", MC_NAME_ERROR);
		NAME("event", MC_NAME_EVENT);
		break;
	case 6:
		NAME("result", MC_NAME_RESULT);
		NAME("onLine", MC_NAME_ON_LINE);
		NAME("device", MC_NAME_DEVICE);
		NAME("status", MC_NAME_STATUS);
		break;
	case 7:
		NAME("version", MC_NAME_VERSION);
		break;
	case 8:
		NAME("sequence", MC_NAME_SEQUENCE);
		NAME("deviceId", MC_NAME_DEVICE_ID);
		NAME("ttsParam", MC_NAME_TTS_PARAM);
		break;
	case 9:
		NAME("ctrlParam", MC_NAME_CTRL_PARAM);
		break;
	case 10:
		NAME("devVersion", MC_NAME_DEV_VERSION);
		break;
	case 11:
		NAME("subDeviceId", MC_NAME_SUB_DEVICE_ID);
		break;
	case 13:
		NAME("statusSerials", MC_NAME_STATUS_SERIALS);
		break;
	case NAME_BYTES_MAX:
		NAME("resourceSerials", MC_NAME_RESOURCE_SERIALS);
		break;
	}
#undef NAME
	return MC_NAME_NONE;
}

/* An escaped key is rare: let the scanner resolve it as if it were a value. */
static enum mc_name escaped_name_of(const struct json_object *object, const struct json_member *m)
{
	const struct json_member as_value = {.value = m->key,
		.value_length = m->key_length,
		.kind = JSON_STRING,
		.value_escaped = true};
	uint8_t key[NAME_BYTES_MAX];
	int32_t length = json_string(object, &as_value, key, sizeof(key));

	return length < 0 ? MC_NAME_NONE : name_of(key, length);
}

static void index_members(
	const struct json_object *object, const struct json_member *found[MC_NAME_COUNT])
{
	enum mc_name name;

	memset(found, 0, MC_NAME_COUNT * sizeof(found[0]));
	for (unsigned i = 0; i < object->count; i++) {
		const struct json_member *member = &object->members[i];

		name = member->key_escaped
			       ? escaped_name_of(object, member)
			       : name_of(object->text + member->key, member->key_length);
		found[name] = member;
	}
}

/* What is refused is worked on all the same: as if it were a report of @length bytes, of which
 * @done were scanned; members and all. */
static void work_on(struct mc *mc, uint32_t length, uint32_t done)
{
	const struct json_member *found[MC_NAME_COUNT];

	mc_silence_scan(mc, length, done);
	index_members(&mc->usual, found);
	__asm__ volatile("" : : "r"(found) : "memory"); /* work that nobody needs */
}

bool mc_id_valid(const uint8_t *id, uint32_t length)
{
	return length && length <= DEVICE_ID_MAX && json_plain(id, length) &&
	       !memchr(id, 0x7f, length);
}

/* A member that is a string, its escapes resolved; one of more than DEVICE_ID_MAX bytes with
 * escapes in it is too long for anything here: empty. */
static struct mc_text read_text(struct mc *mc, const struct json_member *member)
{
	uint8_t *resolved;
	int32_t length;

	if (!member || member->kind != JSON_STRING)
		return (struct mc_text){NULL, 0};
	if (!member->value_escaped)
		return (struct mc_text){mc->object.text + member->value, member->value_length};
	resolved = mc_take(mc, DEVICE_ID_MAX);
	length = json_string(&mc->object, member, resolved, DEVICE_ID_MAX);
	return (struct mc_text){resolved, length < 0 ? 0 : length};
}

/* A member that is a well-formed id. */
static struct mc_text read_id(struct mc *mc, const struct json_member *member)
{
	struct mc_text id = read_text(mc, member);

	return mc_id_valid(id.at, id.length) ? id : (struct mc_text){NULL, 0};
}

/* A member's value as it stands in the text, quotes included. */
static struct mc_text raw_value(const struct json_object *object, const struct json_member *member)
{
	unsigned quote = member && member->kind == JSON_STRING;

	if (!member)
		return (struct mc_text){NULL, 0};
	return (struct mc_text){
		object->text + member->value - quote, member->value_length + 2 * quote};
}

/* Is a member that the code requires missing or of another kind (table of section 5.4.3)? */
static bool lacking(const struct json_object *object, const struct mc_kind *kind,
	const struct json_member *const found[MC_NAME_COUNT])
{
	const struct json_member *member;
	unsigned there = 0, asked = 0;
	uint64_t value;

	member = found[MC_NAME_DEVICE_ID];
	if (!member || member->kind != JSON_STRING)
		return true;
	for (unsigned i = 0; i < 2 && kind->needs[i].name != MC_NAME_NONE; i++) {
		asked++;
		member = found[kind->needs[i].name];
		if (!member)
			continue;
		if (!(kind->needs[i].kinds & 1 << member->kind))
			return true;
		if (kind->needs[i].name == MC_NAME_ON_LINE &&
			json_decimal(object, member, 1, &value, NULL))
			return true;
		there++;
	}
	return kind->either ? !there : there < asked;
}

/* The object without the white space around it; the scan has seen that there is one. */
static struct mc_text trim(const uint8_t *text, uint32_t length)
{
	while (*text != '{') {
		text++;
		length--;
	}
	while (text[length - 1] != '}')
		length--;
	return (struct mc_text){text, length};
}

/* In constant time: which byte was wrong, or how many there are, must not show. */
uint32_t mc_padding(const uint8_t block[AES_BLOCK])
{
	const __m128i from_end =
		_mm_setr_epi8(16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
	const __m128i bytes = _mm_loadu_si128((const __m128i *)block);
	const uint32_t count = block[AES_BLOCK - 1];
	const __m128i counts = _mm_set1_epi8((char)count);
	const __m128i inside = _mm_cmpeq_epi8(_mm_min_epu8(from_end, counts), from_end);
	uint32_t wrong = (count - 1) >> 4; /* not 0 unless 1..16 */

	wrong |= (uint32_t)_mm_movemask_epi8(
		_mm_andnot_si128(_mm_cmpeq_epi8(bytes, counts), inside));
	return wrong ? 0 : count;
}

void mc_content_read(struct mc *mc, struct mc_frame *frame)
{
	const struct json_member *found[MC_NAME_COUNT];
	const struct json_object *object = &mc->object;
	struct mc_content *content = &frame->content;
	const uint32_t length = frame->plain_length;
	const struct json_member *outer;
	uint32_t padding = 0;
	uint64_t value;

	if (length) {
		padding = mc_padding(frame->plain + length - AES_BLOCK);
		frame->plain_length -= padding ? padding : 1;
	}
	if (!padding)
		mc_fault(frame, MC_DROP_PADDING);
	if (!utf8_is_text(frame->plain, frame->plain_length, frame->fault))
		mc_fault(frame, MC_DROP_JSON);
	if (frame->fault) {
		work_on(mc, length, 0);
		return;
	}
	if (json_scan(&mc->object, frame->plain, frame->plain_length)) {
		mc_fault(frame, MC_DROP_JSON);
		utf8_even(frame->plain, frame->plain_length);
		work_on(mc, length, mc->object.reached);
		return;
	}
	index_members(object, found);
	content->body = trim(frame->plain, frame->plain_length);
	if (!found[MC_NAME_SEQUENCE] || json_decimal(object, found[MC_NAME_SEQUENCE], UINT16_MAX,
						&value, &content->sequence_text)) {
		mc_fault(frame, MC_DROP_NO_SEQUENCE);
		utf8_even(frame->plain, frame->plain_length);
		return;
	}
	content->sequence = value;
	if (found[MC_NAME_TIME] &&
		!json_decimal(object, found[MC_NAME_TIME], UINT32_MAX, &value, NULL)) {
		content->has_time = true;
		content->time = value;
	}
	outer = found[frame->code == MC_LOGIN ? MC_NAME_DEVICE_ID : MC_NAME_TOKEN];
	content->named = outer && json_string_is(object, outer, frame->name, frame->name_length);
	content->device = read_id(mc, found[MC_NAME_DEVICE_ID]);
	content->subdevice = read_id(mc, found[MC_NAME_SUB_DEVICE_ID]);
	content->version = raw_value(object, found[MC_NAME_DEV_VERSION]);
	content->model = raw_value(object, found[MC_NAME_MODEL]);
	content->control = raw_value(
		object, found[frame->code == 3002 ? MC_NAME_CTRL_PARAM : MC_NAME_TTS_PARAM]);
	content->has_result = found[MC_NAME_RESULT] &&
			      !json_decimal(object, found[MC_NAME_RESULT], INT32_MAX, &value, NULL);
	content->result = content->has_result ? value : 0;
	content->has_pin = found[MC_NAME_PIN];
	if (frame->kind && frame->kind->auth)
		content->pin = read_text(mc, found[MC_NAME_PIN]);
	content->on_line = found[MC_NAME_ON_LINE] &&
			   !json_decimal(object, found[MC_NAME_ON_LINE], 1, &value, NULL) && value;
	content->illegal = frame->kind && lacking(object, frame->kind, found);
}
