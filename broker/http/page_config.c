/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_config.c - the configuration that runs; paths of secrets stand in it, never a secret */
#include "http/page.h"

void page_config(struct page *page)
{
	json_t *answer = http_ask(page->request, json_pack("{s:s}", "verb", "config-show"));
	const char *yaml = json_string_value(json_object_get(answer, "yaml"));

	html_raw(&page->html, "<h1>");
	page_say(page, TEXT_CONFIG);
	html_raw(&page->html, "</h1>");
	if (yaml) {
		html_raw(&page->html, "<p class=\"quiet\">");
		html_text(&page->html, page_string(answer, "file"));
		html_raw(&page->html, " - ");
		page_say(page, TEXT_REDACTED);
		html_raw(&page->html, "</p><pre tabindex=\"0\" aria-label=\"");
		page_say(page, TEXT_CONFIG_RUNNING);
		html_raw(&page->html, "\">");
		html_text(&page->html, yaml);
		html_raw(&page->html, "</pre>");
	} else {
		html_raw(&page->html, "<section class=\"card notice\"><p>");
		html_text(&page->html, page_string(answer, "error"));
		html_raw(&page->html, "</p><p class=\"remedy\">");
		html_text(&page->html, page_string(answer, "remedy"));
		html_raw(&page->html, "</p></section>");
	}
	html_raw(&page->html, "<section class=\"panel\"><h2>");
	page_say(page, TEXT_MEMORY);
	html_raw(&page->html, "</h2><p lang=\"en\">");
	html_text(&page->html, page_string(page->status, "memory"));
	html_raw(&page->html, "</p></section>");
	json_decref(answer);
}
