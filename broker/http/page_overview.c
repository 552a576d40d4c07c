/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_overview.c - one look: how it is, what it does, what needs somebody */
#include "control/problems.h"
#include "http/page.h"

#include <stdio.h>
#include <string.h>

/* ---- the state in a word ---- */

static void uptime(struct page *page, double seconds)
{
	long long whole = (long long)seconds;

	page_say(page, TEXT_UP_FOR);
	if (whole >= 86400) {
		html_format(&page->html, " %lld ", whole / 86400);
		page_say(page, TEXT_DAYS);
	}
	html_format(&page->html, " %02lld:%02lld:%02lld", whole / 3600 % 24, whole / 60 % 60,
		whole % 60);
}

static void state(struct page *page)
{
	const char *name = page_string(page->status, "state");
	enum page_text word = TEXT_GOOD;

	if (__atomic_load_n(&page->request->http->state, __ATOMIC_ACQUIRE) == HTTP_DRAINING) {
		name = "attention";
		word = TEXT_DRAINING;
	} else if (!strcmp(name, "trouble")) {
		word = TEXT_TROUBLE;
	} else if (!strcmp(name, "attention")) {
		word = TEXT_ATTENTION;
	} else {
		name = "good";
	}
	html_raw(&page->html, "<section class=\"state ");
	html_raw(&page->html, name);
	html_raw(&page->html,
		"\" id=\"state\" data-live><svg class=\"sign\" viewBox=\"0 0 24 24\" "
		"aria-hidden=\"true\"><circle cx=\"12\" cy=\"12\" r=\"11\"/><path d=\"");
	html_raw(&page->html, !strcmp(name, "good")      ? "M7 12.5l3.5 3.5L17 9"
			      : !strcmp(name, "trouble") ? "M8 8l8 8M16 8l-8 8"
							 : "M12 6.5v7M12 17v.2");
	html_raw(&page->html, "\"/></svg><div><h1 id=\"word\" role=\"status\" data-state=\"");
	html_raw(&page->html, name);
	html_raw(&page->html, "\">");
	page_say(page, word);
	html_raw(&page->html, "</h1><p>");
	uptime(page, page_figure(page->status, "uptime"));
	html_raw(&page->html, "</p></div></section>");
}

/* ---- figures ---- */

static void card(struct page *page, enum page_text name, const char *id, const char *kind)
{
	html_raw(&page->html, "<section class=\"card ");
	html_raw(&page->html, kind);
	html_raw(&page->html, "\" data-live id=\"card-");
	html_raw(&page->html, id);
	html_raw(&page->html, "\"><h2>");
	page_say(page, name);
	html_raw(&page->html, "</h2><p class=\"figure\" id=\"");
	html_raw(&page->html, id);
	html_raw(&page->html, "\">");
}

static void card_more(struct page *page)
{
	html_raw(&page->html, "</p><p class=\"more\">");
}

static void words_count(struct page *page, enum page_text text, double number)
{
	struct html count = {0};

	html_count(&count, number);
	html_words(&page->html, page_text(page->language, text), count.bytes ? count.bytes : "");
	html_free(&count);
}

static void words_bytes(struct page *page, enum page_text text, double bytes)
{
	struct html size = {0};

	html_bytes(&size, bytes);
	html_words(&page->html, page_text(page->language, text), size.bytes ? size.bytes : "");
	html_free(&size);
}

static void online(struct page *page)
{
	static const char *const series[] = {"live_tcp", "live_udp"};
	const json_t *sessions = json_object_get(page->status, "sessions");

	card(page, TEXT_ONLINE, "online", "");
	html_count(
		&page->html, page_figure(sessions, "live_tcp") + page_figure(sessions, "live_udp"));
	card_more(page);
	words_count(page, TEXT_OF_PROVISIONED,
		page_figure(json_object_get(page->status, "registry"), "devices"));
	html_raw(&page->html, "</p>");
	page_spark(page, TEXT_ONLINE, series, 2);
	html_raw(&page->html, "</section>");
}

static void rates(struct page *page)
{
	static const char *const requests[] = {"requests"}, *const logins[] = {"logins"};
	const json_t *now = json_object_get(page->status, "rates");

	card(page, TEXT_REPORTS, "requests", "");
	html_count(&page->html, page_figure(now, "requests"));
	card_more(page);
	words_count(page, TEXT_ANSWERS_PER_SECOND, page_figure(now, "answers"));
	html_raw(&page->html, "</p>");
	page_spark(page, TEXT_REPORTS, requests, 1);
	html_raw(&page->html, "</section>");
	card(page, TEXT_LOGINS, "logins", "");
	html_count(&page->html, page_figure(now, "logins"));
	card_more(page);
	words_count(page, TEXT_CONNECTS, page_figure(now, "connects"));
	html_raw(&page->html, "</p>");
	page_spark(page, TEXT_LOGINS, logins, 1);
	html_raw(&page->html, "</section>");
}

static void loss(struct page *page)
{
	const json_t *lost = json_object_get(page->status, "loss");
	double minute = page_figure(lost, "minute");

	card(page, TEXT_LOSS, "loss", minute > 0 ? "trouble" : "good");
	html_count(&page->html, minute);
	card_more(page);
	words_count(page, TEXT_LOSS_TOTAL, page_figure(lost, "total"));
	html_raw(&page->html, "</p></section>");
}

static void ring(struct page *page)
{
	static const char *const series[] = {"fill"};
	double fill = 0, lag = 0;
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(page->status, "feed"), i, one)
	{
		if (page_figure(one, "fill") > fill)
			fill = page_figure(one, "fill");
		lag += page_figure(one, "lag");
	}
	card(page, TEXT_RING, "ring", fill >= 0.9 ? "trouble" : fill >= 0.5 ? "attention" : "");
	html_format(&page->html, "%.1f %%", 100 * fill);
	card_more(page);
	words_bytes(page, TEXT_RING_WAITS, lag);
	html_raw(&page->html, "</p>");
	page_bar(page, fill, fill >= 0.9 ? "trouble" : fill >= 0.5 ? "attention" : "");
	page_spark(page, TEXT_RING, series, 1);
	html_raw(&page->html, "</section>");
}

static void busiest(struct page *page)
{
	double busy = 0;
	char name[32] = "busy_0";
	const char *series[] = {name};
	json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(page->status, "workers"), i, worker)
	{
		if (page_figure(worker, "busy") <= busy)
			continue;
		busy = page_figure(worker, "busy");
		snprintf(name, sizeof(name), "busy_%zu", i);
	}
	card(page, TEXT_BUSY_NOW, "busy", "");
	html_format(&page->html, "%.1f %%", 100 * busy);
	card_more(page);
	page_say(page, TEXT_SINCE_START);
	html_raw(&page->html, "</p>");
	page_bar(page, busy, "");
	page_spark(page, TEXT_BUSY_NOW, series, 1);
	html_raw(&page->html, "</section>");
}

/* ---- problems ---- */

static void one_problem(struct page *page, const json_t *problem)
{
	const char *severity = page_string(problem, "severity");
	char text[768], remedy[768];

	problems_words(problem,
		page->language == PAGE_CHINESE ? PROBLEMS_CHINESE : PROBLEMS_ENGLISH, text,
		sizeof(text), remedy, sizeof(remedy));
	html_raw(&page->html, "<li class=\"");
	html_text(&page->html, severity);
	html_raw(&page->html, "\"><strong class=\"severity\">");
	page_say(page, !strcmp(severity, "critical")  ? TEXT_CRITICAL
		       : !strcmp(severity, "warning") ? TEXT_WARNING
						      : TEXT_NOTICE);
	html_raw(&page->html, "</strong><div><p>");
	html_text(&page->html, text);
	html_raw(&page->html, "</p><p class=\"remedy\"><b>");
	page_say(page, TEXT_DO);
	html_raw(&page->html, "</b> ");
	html_text(&page->html, remedy);
	html_raw(&page->html, "</p></div></li>");
}

static void problems(struct page *page)
{
	json_t *found = json_object_get(page->status, "problems"), *problem;
	size_t i;

	html_raw(&page->html, "<section id=\"problems\" data-live><h2>");
	page_say(page, TEXT_PROBLEMS);
	html_raw(&page->html, "</h2>");
	if (!json_array_size(found)) {
		html_raw(&page->html, "<p class=\"quiet\">");
		page_say(page, TEXT_NO_PROBLEMS);
		html_raw(&page->html, "</p>");
	} else {
		html_raw(&page->html, "<ul class=\"problems\">");
		json_array_foreach(found, i, problem) one_problem(page, problem);
		html_raw(&page->html, "</ul>");
	}
	html_raw(&page->html, "</section>");
}

/* ---- workers by stage ---- */

static void stage_bar(struct page *page, const json_t *worker)
{
	json_t *stages = json_object_get(worker, "stages"), *cycles;
	double sum = 0, at = 0;
	const char *name;
	unsigned number = 0;

	json_object_foreach(stages, name, cycles) sum += json_number_value(cycles);
	html_raw(&page->html, "<svg class=\"stages\" viewBox=\"0 0 100 1\" "
			      "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
	json_object_foreach(stages, name, cycles) html_format(&page->html, "%s %.0f %% ", name,
		sum > 0 ? 100 * json_number_value(cycles) / sum : 0);
	html_raw(&page->html, "\"><rect class=\"track\" width=\"100\" height=\"1\"/>");
	json_object_foreach(stages, name, cycles)
	{
		double width = sum > 0 ? 100 * json_number_value(cycles) / sum : 0;

		html_raw(&page->html, "<rect height=\"1\" class=\"");
		html_format(&page->html, "stage%u", number++);
		html_raw(&page->html, "\" x=\"");
		html_format(&page->html, "%.2f", at);
		html_raw(&page->html, "\" width=\"");
		html_format(&page->html, "%.2f", width);
		html_raw(&page->html, "\"/>");
		at += width;
	}
	html_raw(&page->html, "</svg>");
}

static void stages(struct page *page)
{
	json_t *workers = json_object_get(page->status, "workers"), *worker, *cycles;
	const char *name;
	unsigned number = 0;
	size_t i;

	html_raw(&page->html, "<section id=\"stages\" data-live class=\"panel\"><h2>");
	page_say(page, TEXT_STAGES);
	html_raw(&page->html, "</h2><ul class=\"bars\">");
	json_array_foreach(workers, i, worker)
	{
		html_raw(&page->html, "<li><span class=\"label\">");
		page_say(page, TEXT_WORKER);
		html_format(&page->html, " %zu", i);
		html_raw(&page->html, "</span>");
		stage_bar(page, worker);
		html_raw(&page->html, "<span class=\"value\">");
		page_say(page, TEXT_BUSY);
		html_format(&page->html, " %.1f %%", 100 * page_figure(worker, "busy"));
		html_raw(&page->html, "</span></li>");
	}
	html_raw(&page->html, "</ul><ul class=\"legend\" aria-hidden=\"true\">");
	json_object_foreach(json_object_get(json_array_get(workers, 0), "stages"), name, cycles)
	{
		html_raw(&page->html, "<li><svg viewBox=\"0 0 1 1\"><rect width=\"1\" height=\"1\" "
				      "class=\"");
		html_format(&page->html, "stage%u", number++);
		html_raw(&page->html, "\"/></svg>");
		html_text(&page->html, name);
		html_raw(&page->html, "</li>");
	}
	html_raw(&page->html, "</ul></section>");
}

void page_overview(struct page *page)
{
	state(page);
	html_raw(&page->html, "<div class=\"cards\">");
	online(page);
	rates(page);
	loss(page);
	ring(page);
	busiest(page);
	html_raw(&page->html, "</div>");
	problems(page);
	stages(page);
}
