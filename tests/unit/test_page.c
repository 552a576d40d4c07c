/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_page.c - what stands in a page: escaped, in both languages */
#include "control/problems_words.h"
#include "http/html.h"
#include "http/page_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void assert_written(struct html *html, const char *want)
{
	assert_false(html->failed);
	assert_string_equal(html->bytes, want);
	html_free(html);
}

/* A model, an id, a peer: anybody may have chosen them. */
static void test_escaping(void **state)
{
	struct html html = {0};

	html_text(&html, "<script>alert('x') & \"y\"</script>");
	assert_written(
		&html, "&lt;script&gt;alert(&#39;x&#39;) &amp; &quot;y&quot;&lt;/script&gt;");
	html_format(&html, "%s-%d", "<b>", 7);
	assert_written(&html, "&lt;b&gt;-7");
	html_words(&html, "of %s <provisioned>", "<i>");
	assert_written(&html, "of &lt;i&gt; &lt;provisioned&gt;");
	html_text(&html, "a\x01\x1b[31mb\n");
	assert_written(&html, "a\xef\xbf\xbd\xef\xbf\xbd[31mb\n");
	html_url(&html, "a b/\"<%\xc3\xa9~1");
	assert_written(&html, "a%20b%2F%22%3C%25%C3%A9~1");
	html_text(&html, NULL);
	html_raw(&html, "x");
	assert_written(&html, "x");
}

static void test_numbers(void **state)
{
	static const struct {
		double number;
		const char *text;
	} counts[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {1234567, "1,234,567"},
		{-1234, "-1,234"}, {-123, "-123"}},
	  sizes[] = {{0, "0 B"}, {1023, "1023 B"}, {1536, "1.5 KiB"}, {64 << 20, "64.0 MiB"},
		  {500.0 * (1 << 30), "500 GiB"}};
	struct html html = {0};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		html_count(&html, counts[i].number);
		assert_written(&html, counts[i].text);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		html_bytes(&html, sizes[i].number);
		assert_written(&html, sizes[i].text);
	}
}

static void test_grows(void **state)
{
	struct html html = {0};

	for (unsigned i = 0; i < 100000; i++)
		html_text(&html, "<");
	assert_int_equal(html.used, 400000);
	assert_int_equal(strlen(html.bytes), 400000);
	html_free(&html);
}

static void test_language(void **state)
{
	static const struct {
		const char *chosen, *accepted;
		enum page_language language;
	} cases[] = {
		{NULL, NULL, PAGE_ENGLISH},
		{NULL, "", PAGE_ENGLISH},
		{NULL, "zh-CN,zh;q=0.9,en;q=0.8", PAGE_CHINESE},
		{NULL, "en-US,en;q=0.9,zh;q=0.8", PAGE_ENGLISH},
		{NULL, "de, fr;q=0.9, ZH-TW;q=0.5", PAGE_CHINESE},
		{NULL, "de", PAGE_ENGLISH},
		{"zh", "en", PAGE_CHINESE},
		{"en", "zh", PAGE_ENGLISH},
		{"<script>", "zh", PAGE_ENGLISH},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			page_language(cases[i].chosen, cases[i].accepted), cases[i].language);
}

static bool has_chinese(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0xe4 && (unsigned char)*text <= 0xe9)
			return true;
	}
	return false;
}

static unsigned places(const char *text)
{
	unsigned count = 0;

	for (; (text = strstr(text, "%s")); text += 2)
		count++;
	return count;
}

/* Every text in both languages, with the same places for what it is about. */
static void test_texts_are_complete(void **state)
{
	for (unsigned i = 0; i < PAGE_TEXT_COUNT; i++) {
		const char *english = page_text(PAGE_ENGLISH, i);
		const char *chinese = page_text(PAGE_CHINESE, i);

		if (!english || !english[0] || !chinese || !chinese[0])
			fail_msg("text %u is missing", i);
		assert_int_equal(places(english), places(chinese));
		if (i == TEXT_TAG || i == TEXT_CPU || i == TEXT_OTHER_LANGUAGE)
			continue;
		if (has_chinese(english) || !has_chinese(chinese))
			fail_msg("\"%s\", \"%s\"", english, chinese);
	}
}

#define WORDS(id, name, severity, ...) {name, {__VA_ARGS__}},
static const struct {
	const char *name, *words[4];
} problems[] = {PROBLEMS(WORDS)};

static void test_problems_are_complete(void **state)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		const char *const *words = problems[i].words;

		for (unsigned j = 0; j < 2; j++) {
			if (!words[j] || has_chinese(words[j]) || !words[j + 2] ||
				!has_chinese(words[j + 2]))
				fail_msg("%s", problems[i].name);
			for (const char *place = "%1\0%2\0%3"; place[0]; place += 3) {
				if (!strstr(words[j], place) != !strstr(words[j + 2], place))
					fail_msg("%s: %s", problems[i].name, place);
				if (place[1] == '3')
					break;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_language),
		cmocka_unit_test(test_texts_are_complete),
		cmocka_unit_test(test_problems_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
