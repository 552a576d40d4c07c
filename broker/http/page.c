/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page.c - the status page: which page, what stands around each */
#include "http/page.h"

#include <stdlib.h>
#include <string.h>

extern const struct page_file page_files[];

static const struct {
	const char *path;
	enum page_text name;
	void (*write)(struct page *page);
	bool listed;
} pages[] = {
	{"/", TEXT_OVERVIEW, page_overview, true},
	{"/workers", TEXT_WORKERS, page_workers, true},
	{"/ports", TEXT_PORTS, page_ports, true},
	{"/drops", TEXT_DROPS, page_drops, true},
	{"/sessions", TEXT_SESSIONS, page_sessions, true},
	{"/device", TEXT_DEVICE, page_device, true},
	{"/config", TEXT_CONFIG, page_config, true},
};
#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))

void page_say(struct page *page, enum page_text text)
{
	html_text(&page->html, page_text(page->language, text));
}

void page_link(struct page *page, const char *path, const char *key, const char *value)
{
	html_raw(&page->html, path);
	if (key) {
		html_raw(&page->html, "?");
		html_raw(&page->html, key);
		html_raw(&page->html, "=");
		html_url(&page->html, value);
	}
	if (page->chosen) {
		html_raw(&page->html, key ? "&amp;lang=" : "?lang=");
		html_raw(&page->html, page->chosen);
	}
}

double page_figure(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

const char *page_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- head, navigation, foot ---- */

static const char *const other_language[] = {[PAGE_ENGLISH] = "zh", [PAGE_CHINESE] = "en"};

static void navigation(struct page *page, size_t current)
{
	struct html *html = &page->html;
	const char *id = http_query(page->request, "id");

	html_raw(html, "<nav aria-label=\"");
	page_say(page, TEXT_NAVIGATION);
	html_raw(html, "\"><ul>");
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		html_raw(html, "<li><a href=\"");
		page_link(page, pages[i].path, NULL, NULL);
		html_raw(html, i == current ? "\" aria-current=\"page\">" : "\">");
		page_say(page, pages[i].name);
		html_raw(html, "</a></li>");
	}
	html_raw(html, "</ul></nav><a class=\"language\" hreflang=\"");
	html_raw(html, other_language[page->language]);
	html_raw(html, "\" lang=\"");
	html_text(html, page_text(!page->language, TEXT_TAG));
	html_raw(html, "\" href=\"");
	page->chosen = other_language[page->language];
	page_link(page, pages[current].path, id ? "id" : NULL, id);
	page->chosen = http_query(page->request, "lang") ? other_language[!page->language] : NULL;
	html_raw(html, "\">");
	page_say(page, TEXT_OTHER_LANGUAGE);
	html_raw(html, "</a>");
}

static void begin(struct page *page, size_t current)
{
	struct html *html = &page->html;

	html_raw(html, "<!DOCTYPE html>\n<html lang=\"");
	page_say(page, TEXT_TAG);
	html_raw(html, "\"><head><meta charset=\"utf-8\">"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
		       "<meta name=\"color-scheme\" content=\"light dark\">"
		       "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript><title>");
	page_say(page, pages[current].name);
	html_raw(html, " - Hearth</title><link rel=\"icon\" href=\"/icon.svg\">"
		       "<link rel=\"stylesheet\" href=\"/style.css\">"
		       "<script src=\"/page.js\" defer></script></head><body>"
		       "<a class=\"skip\" href=\"#main\">");
	page_say(page, TEXT_SKIP);
	html_raw(html, "</a><header><a class=\"brand\" href=\"");
	page_link(page, "/", NULL, NULL);
	html_raw(html, "\"><img src=\"/icon.svg\" alt=\"\" width=\"24\" height=\"24\">Hearth</a>");
	navigation(page, current);
	html_raw(html, "</header><main id=\"main\" tabindex=\"-1\">");
}

static void end(struct page *page)
{
	html_raw(&page->html, "</main><footer><p>");
	page_say(page, TEXT_FOOT);
	html_raw(&page->html, "</p></footer></body></html>\n");
}

/* What the broker refused, in place of a page. */
static void refused(struct page *page)
{
	html_raw(&page->html, "<h1>");
	page_say(page, TEXT_SILENT);
	html_raw(&page->html, "</h1><section class=\"card notice\"><p>");
	html_text(&page->html, page_string(page->refusal, "error"));
	html_raw(&page->html, "</p><p class=\"remedy\">");
	html_text(&page->html, page_string(page->refusal, "remedy"));
	html_raw(&page->html, "</p></section>");
}

/* ---- requests ---- */

static enum MHD_Result write_page(struct http_request *request, size_t which)
{
	const char *chosen = http_query(request, "lang");
	struct page page = {.request = request,
		.language = page_language(
			chosen, MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
					MHD_HTTP_HEADER_ACCEPT_LANGUAGE))};
	json_t *refusal = NULL, *history = NULL;
	unsigned status = MHD_HTTP_OK;

	/* the page's own word for it: what a link carries is never what came */
	page.chosen = chosen ? other_language[!page.language] : NULL;
	page.status = http_status(request, &refusal);
	if (!page.status)
		status = http_status_code(refusal);
	page.refusal = refusal;
	if (page.status && !which)
		page.history = history = http_history(request);
	begin(&page, which);
	if (page.status)
		pages[which].write(&page);
	else
		refused(&page);
	end(&page);
	json_decref(refusal);
	json_decref(history);
	if (page.html.failed) {
		html_free(&page.html);
		return MHD_NO;
	}
	return http_send(
		request, status, "text/html; charset=utf-8", page.html.bytes, page.html.used);
}

bool page_serve(struct http_request *request, enum MHD_Result *rc)
{
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		if (strcmp(request->path, pages[i].path))
			continue;
		*rc = write_page(request, i);
		return true;
	}
	for (const struct page_file *file = page_files; file->path; file++) {
		if (strcmp(request->path, file->path))
			continue;
		*rc = http_send_static(request, file->type, file->bytes, file->length);
		return true;
	}
	return false;
}

/* ---- the form ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9'                     ? c - '0'
	       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
							: -1;
}

/* A field of application/x-www-form-urlencoded; @out stays "" without it. */
static void form_field(const char *body, const char *key, char *out, size_t size)
{
	size_t length = strlen(key), used = 0;

	out[0] = '\0';
	while (body && (strncmp(body, key, length) || body[length] != '=')) {
		body = strchr(body, '&');
		body = body ? body + 1 : NULL;
	}
	if (!body)
		return;
	for (body += length + 1; *body && *body != '&' && used + 1 < size; body++) {
		if (*body == '%' && hex(body[1]) >= 0 && hex(body[2]) >= 0) {
			out[used++] = (char)(hex(body[1]) << 4 | hex(body[2]));
			body += 2;
		} else {
			out[used++] = *body == '+' ? ' ' : *body;
		}
	}
	out[used] = '\0';
}

enum MHD_Result page_kick(struct http_request *request)
{
	char id[256], token[HTTP_TOKEN_MAX + 2], lang[4];
	struct html place = {0};
	enum MHD_Result rc;
	json_t *answer, *verb;
	bool may;

	form_field(request->body, "token", token, sizeof(token));
	form_field(request->body, "id", id, sizeof(id));
	form_field(request->body, "lang", lang, sizeof(lang));
	may = http_may_act(request, token);
	explicit_bzero(token, sizeof(token));
	if (!may)
		return MHD_YES; /* it has been answered */
	verb = json_pack("{s:s, s:s}", "verb", "kick", "id", id);
	if (!verb)
		return http_error(
			request, MHD_HTTP_NOT_FOUND, "look at /sessions", "no such device");
	answer = http_ask(request, verb);
	if (!json_is_true(json_object_get(answer, "ok")))
		return http_refused(request, answer);
	json_decref(answer);
	html_raw(&place, "/device?done=kick&id=");
	html_url(&place, id);
	if (lang[0])
		html_raw(&place, strcmp(lang, "zh") ? "&lang=en" : "&lang=zh");
	rc = place.failed ? MHD_NO : http_redirect(request, place.bytes);
	html_free(&place);
	return rc;
}
