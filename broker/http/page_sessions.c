/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_sessions.c - live sessions by pages, and one device */
#include "http/page.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- sessions ---- */

static void session_row(struct page *page, const json_t *session)
{
	const char *id = page_string(session, "device");

	html_raw(&page->html, "<tr><th scope=\"row\"><a href=\"");
	page_link(page, "/device", "id", id);
	html_raw(&page->html, "\">");
	html_text(&page->html, id);
	html_raw(&page->html, "</a></th>");
	page_cell(page, false);
	html_text(&page->html, page_string(session, "via"));
	html_raw(&page->html, "</td>");
	page_cell(page, false);
	html_text(&page->html, page_string(session, "peer"));
	html_raw(&page->html, "</td>");
	page_number_cell(page, page_figure(session, "worker"));
	page_number_cell(page, page_figure(session, "seconds_since_heard"));
	html_raw(&page->html, "</tr>");
}

/* What the broker refused, in words. */
static void refusal(struct page *page, const json_t *answer)
{
	html_raw(&page->html, "<section class=\"card notice\" role=\"alert\"><p>");
	html_text(&page->html, page_string(answer, "error"));
	html_raw(&page->html, "</p><p class=\"remedy\"><b>");
	page_say(page, TEXT_DO);
	html_raw(&page->html, "</b> ");
	html_text(&page->html, page_string(answer, "remedy"));
	html_raw(&page->html, "</p></section>");
}

static void find_form(struct page *page, const char *id)
{
	html_raw(&page->html, "<form class=\"find\" method=\"get\" action=\"/device\" "
			      "role=\"search\"><label for=\"id\">");
	page_say(page, TEXT_DEVICE_ID);
	html_raw(&page->html, "</label><input id=\"id\" name=\"id\" required maxlength=\"64\" "
			      "autocomplete=\"off\" spellcheck=\"false\" value=\"");
	html_text(&page->html, id);
	html_raw(&page->html, "\">");
	if (page->chosen) {
		html_raw(&page->html, "<input type=\"hidden\" name=\"lang\" value=\"");
		html_raw(&page->html, page->chosen);
		html_raw(&page->html, "\">");
	}
	html_raw(&page->html, "<button>");
	page_say(page, TEXT_SHOW);
	html_raw(&page->html, "</button></form>");
}

void page_sessions(struct page *page)
{
	const char *after = http_query(page->request, "after");
	json_t *answer, *sessions, *session;
	size_t i;

	answer = http_ask(
		page->request, after ? json_pack("{s:s, s:i, s:s}", "verb", "sessions", "limit",
					       100, "after", after)
				     : json_pack("{s:s, s:i}", "verb", "sessions", "limit", 100));
	sessions = json_object_get(answer, "sessions");
	html_raw(&page->html, "<h1>");
	page_say(page, TEXT_SESSIONS);
	html_raw(&page->html, "</h1>");
	find_form(page, "");
	if (!sessions) {
		refusal(page, answer);
	} else if (!json_array_size(sessions)) {
		html_raw(&page->html, "<p class=\"quiet\">");
		page_say(page, TEXT_NO_SESSIONS);
		html_raw(&page->html, "</p>");
	} else {
		page_table(page, TEXT_LIVE, TEXT_DEVICE, TEXT_VIA, TEXT_PEER,
			TEXT_WORKER | PAGE_NUMBER, TEXT_HEARD | PAGE_NUMBER, -1);
		json_array_foreach(sessions, i, session) session_row(page, session);
		page_table_end(page);
	}
	html_raw(&page->html, "<p class=\"paging\">");
	if (after) {
		html_raw(&page->html, "<a href=\"");
		page_link(page, "/sessions", NULL, NULL);
		html_raw(&page->html, "\">");
		page_say(page, TEXT_FIRST);
		html_raw(&page->html, "</a> ");
	}
	if (json_is_string(json_object_get(answer, "after"))) {
		html_raw(&page->html, "<a id=\"next\" rel=\"next\" href=\"");
		page_link(page, "/sessions", "after", page_string(answer, "after"));
		html_raw(&page->html, "\">");
		page_say(page, TEXT_NEXT);
		html_raw(&page->html, "</a>");
	}
	html_raw(&page->html, "</p>");
	json_decref(answer);
}

/* ---- one device ---- */

#define FIELD(name)                                                                                \
	{                                                                                          \
#name, TEXT_FIELD_##name                                                           \
	}
static const struct {
	const char *key;
	enum page_text name;
} fields[] = {FIELD(device), FIELD(model), FIELD(gateway), FIELD(state), FIELD(via), FIELD(peer),
	FIELD(worker), FIELD(session), FIELD(login_time), FIELD(connect_time),
	FIELD(seconds_since_heard), FIELD(sequence), FIELD(count), FIELD(synchronised),
	FIELD(seconds), FIELD(until_time)};

static void value(struct page *page, const char *key, const json_t *json)
{
	char text[64];
	struct tm parts;
	time_t when;

	if (strstr(key, "_time")) {
		when = (time_t)json_integer_value(json);
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&when, &parts));
		html_text(&page->html, text);
	} else if (json_is_boolean(json)) {
		page_say(page, json_is_true(json) ? TEXT_YES : TEXT_NO);
	} else if (!strcmp(key, "sequence") || !strcmp(key, "session")) {
		html_format(&page->html, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
	} else if (json_is_number(json)) {
		html_count(&page->html, json_number_value(json));
	} else {
		html_text(&page->html, json_string_value(json));
	}
}

static void part(struct page *page, const json_t *part, enum page_text name)
{
	if (!part)
		return;
	html_raw(&page->html, "<section class=\"panel\"><h2>");
	page_say(page, name);
	html_raw(&page->html, "</h2><dl>");
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const json_t *json = json_object_get(part, fields[i].key);

		if (!json)
			continue;
		html_raw(&page->html, "<dt>");
		page_say(page, fields[i].name);
		html_raw(&page->html, "</dt><dd>");
		value(page, fields[i].key, json);
		html_raw(&page->html, "</dd>");
	}
	html_raw(&page->html, "</dl></section>");
}

static void kick_form(struct page *page, const char *id)
{
	struct http *http = page->request->http;
	bool may;

	pthread_mutex_lock(&http->lock);
	may = http->has_token && http->actions;
	pthread_mutex_unlock(&http->lock);
	if (!may) {
		html_raw(&page->html, "<p class=\"quiet\">");
		html_words(&page->html, page_text(page->language, TEXT_NO_ACTIONS), id);
		html_raw(&page->html, "</p>");
		return;
	}
	html_raw(&page->html,
		"<form class=\"panel act\" method=\"post\" action=\"/device/kick\"><h2>");
	page_say(page, TEXT_KICK);
	html_raw(&page->html, "</h2><p class=\"quiet\">");
	page_say(page, TEXT_KICK_HELP);
	html_raw(&page->html, "</p><input type=\"hidden\" name=\"id\" value=\"");
	html_text(&page->html, id);
	html_raw(&page->html, "\">");
	if (page->chosen) {
		html_raw(&page->html, "<input type=\"hidden\" name=\"lang\" value=\"");
		html_raw(&page->html, page->chosen);
		html_raw(&page->html, "\">");
	}
	html_raw(&page->html, "<label for=\"token\">");
	page_say(page, TEXT_TOKEN);
	html_raw(&page->html,
		"</label><input id=\"token\" name=\"token\" type=\"password\" required "
		"autocomplete=\"off\"><button class=\"danger\">");
	page_say(page, TEXT_KICK);
	html_raw(&page->html, "</button></form>");
}

/* What is provisioned of it, without its secrets. */
static void add_provisioned(struct page *page, const char *id, json_t *session)
{
	static const char *const keys[] = {"model", "gateway"};
	json_t *answer =
		http_ask(page->request, json_pack("{s:s, s:s}", "verb", "device show", "id", id));
	const json_t *device = json_object_get(answer, "device");

	for (size_t i = 0; session && i < 2; i++) {
		const char *text = page_string(device ? device : answer, keys[i]);

		if (text[0])
			json_object_set_new(session, keys[i], json_string(text));
	}
	json_decref(answer);
}

void page_device(struct page *page)
{
	const char *id = http_query(page->request, "id"), *done = http_query(page->request, "done");
	json_t *answer, *verb, *session;

	html_raw(&page->html, "<h1>");
	page_say(page, id && id[0] ? TEXT_DEVICE : TEXT_FIND);
	html_raw(&page->html, "</h1>");
	find_form(page, id);
	if (!id || !id[0])
		return;
	if (done && !strcmp(done, "kick")) {
		html_raw(&page->html, "<p class=\"done\" role=\"status\">");
		page_say(page, TEXT_KICKED);
		html_raw(&page->html, "</p>");
	}
	verb = json_pack("{s:s, s:s}", "verb", "session", "id", id);
	if (!verb) /* no UTF-8 */
		return;
	answer = http_ask(page->request, verb);
	html_raw(&page->html, "<div id=\"device\" data-live>");
	if (json_is_true(json_object_get(answer, "ok"))) {
		session = json_object_get(answer, "session");
		add_provisioned(page, id, session ? session : json_object_get(answer, "login"));
		part(page, session, TEXT_SESSION);
		part(page, json_object_get(answer, "login"), TEXT_LOGIN);
		part(page, json_object_get(answer, "held"), TEXT_HELD);
	} else {
		session = NULL;
		refusal(page, answer);
	}
	html_raw(&page->html, "</div>");
	if (session) {
		kick_form(page, id);
		html_raw(&page->html, "<p class=\"quiet\">");
		html_words(&page->html, page_text(page->language, TEXT_FOLLOW), id);
		html_raw(&page->html, "</p>");
	}
	json_decref(answer);
}
