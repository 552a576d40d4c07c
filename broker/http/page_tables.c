/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_tables.c - workers, ports, drops by reason */
#include "http/page.h"

static void heading(struct page *page, enum page_text text)
{
	html_raw(&page->html, "<h1>");
	page_say(page, text);
	html_raw(&page->html, "</h1>");
}

static void share_cell(struct page *page, double share)
{
	html_raw(&page->html, "<td class=\"share\"><span>");
	html_format(&page->html, "%.1f %%", 100 * share);
	html_raw(&page->html, "</span>");
	page_bar(page, share, share >= 0.9 ? "trouble" : share >= 0.5 ? "attention" : "");
	html_raw(&page->html, "</td>");
}

static void row_head(struct page *page, const char *text)
{
	html_raw(&page->html, "<tr><th scope=\"row\">");
	html_text(&page->html, text);
	html_raw(&page->html, "</th>");
}

static void row_number(struct page *page, double number)
{
	html_raw(&page->html, "<tr><th scope=\"row\">");
	html_count(&page->html, number);
	html_raw(&page->html, "</th>");
}

static void text_cell(struct page *page, const char *text)
{
	page_cell(page, false);
	html_text(&page->html, text);
	html_raw(&page->html, "</td>");
}

static void bytes_cell(struct page *page, double bytes)
{
	page_cell(page, true);
	html_bytes(&page->html, bytes);
	html_raw(&page->html, "</td>");
}

/* ---- workers ---- */

static void worker_rows(struct page *page)
{
	json_t *worker;
	size_t i;

	page_table(page, TEXT_WORKERS, TEXT_WORKER, TEXT_CPU | PAGE_NUMBER, TEXT_BUSY,
		TEXT_SESSIONS | PAGE_NUMBER, TEXT_TURNS | PAGE_NUMBER,
		TEXT_BUSY_TURNS | PAGE_NUMBER, TEXT_GAPS | PAGE_NUMBER, TEXT_LONGEST | PAGE_NUMBER,
		-1);
	json_array_foreach(json_object_get(page->status, "workers"), i, worker)
	{
		const json_t *sessions = json_object_get(worker, "sessions");

		row_number(page, (double)i);
		page_number_cell(page, page_figure(worker, "cpu"));
		share_cell(page, page_figure(worker, "busy"));
		page_number_cell(page,
			page_figure(sessions, "live_tcp") + page_figure(sessions, "live_udp"));
		page_number_cell(page, page_figure(worker, "turns"));
		page_number_cell(page, page_figure(worker, "busy_turns"));
		page_number_cell(page, page_figure(worker, "gaps"));
		page_number_cell(page, page_figure(worker, "gap_longest_us"));
		html_raw(&page->html, "</tr>");
	}
	page_table_end(page);
}

static void ring_rows(struct page *page)
{
	json_t *ring;
	size_t i;

	page_table(page, TEXT_RINGS, TEXT_WORKER, TEXT_FILL, TEXT_LAG | PAGE_NUMBER,
		TEXT_SIZE | PAGE_NUMBER, -1);
	json_array_foreach(json_object_get(page->status, "feed"), i, ring)
	{
		row_number(page, (double)i);
		share_cell(page, page_figure(ring, "fill"));
		bytes_cell(page, page_figure(ring, "lag"));
		bytes_cell(page, page_figure(ring, "bytes"));
		html_raw(&page->html, "</tr>");
	}
	page_table_end(page);
}

/* Stages down, workers across would not fit a small screen: a row for each of both. */
static void stage_rows(struct page *page)
{
	json_t *worker, *cycles;
	const char *name;
	size_t i;

	page_table(page, TEXT_STAGES, TEXT_STAGE, TEXT_WORKER | PAGE_NUMBER,
		TEXT_CYCLES | PAGE_NUMBER, -1);
	json_array_foreach(json_object_get(page->status, "workers"), i, worker)
	{
		json_object_foreach(json_object_get(worker, "stages"), name, cycles)
		{
			row_head(page, name);
			page_number_cell(page, (double)i);
			page_number_cell(page, json_number_value(cycles));
			html_raw(&page->html, "</tr>");
		}
	}
	page_table_end(page);
}

static void pool_rows(struct page *page)
{
	const json_t *help = json_object_get(page->status, "pools_help");
	json_t *worker, *pool;
	const char *name;
	size_t i;

	page_table(page, TEXT_POOLS, TEXT_POOL, TEXT_WORKER | PAGE_NUMBER, TEXT_USED | PAGE_NUMBER,
		TEXT_LIMIT | PAGE_NUMBER, TEXT_BYTES | PAGE_NUMBER, TEXT_MEANING, -1);
	json_array_foreach(json_object_get(page->status, "workers"), i, worker)
	{
		json_object_foreach(json_object_get(worker, "pools"), name, pool)
		{
			row_head(page, name);
			page_number_cell(page, (double)i);
			if (json_is_number(json_object_get(pool, "used")))
				page_number_cell(page, page_figure(pool, "used"));
			else
				html_raw(&page->html, "<td class=\"number\">-</td>");
			page_number_cell(page, page_figure(pool, "limit"));
			bytes_cell(page, page_figure(pool, "bytes"));
			html_raw(&page->html, "<td lang=\"en\">");
			html_text(&page->html, page_string(help, name));
			html_raw(&page->html, "</td></tr>");
		}
	}
	page_table_end(page);
}

void page_workers(struct page *page)
{
	heading(page, TEXT_WORKERS);
	html_raw(&page->html, "<div id=\"tables\" data-live>");
	worker_rows(page);
	ring_rows(page);
	stage_rows(page);
	pool_rows(page);
	html_raw(&page->html, "</div>");
}

/* ---- ports ---- */

static void joined(struct page *page, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (i)
			html_raw(&page->html, "<br>");
		html_text(&page->html, json_string_value(item));
	}
}

static void definition(struct page *page, enum page_text name)
{
	html_raw(&page->html, "<dt>");
	page_say(page, name);
	html_raw(&page->html, "</dt><dd>");
}

static void one_port(struct page *page, const json_t *port)
{
	bool up = !json_object_get(port, "state") || page_string(port, "state")[0] == 'u';
	const json_t *help = json_object_get(port, "help");
	const char *name;
	json_t *count;

	html_raw(&page->html, "<section class=\"panel\"><h2><span class=\"pill ");
	html_raw(&page->html, up ? "good\">" : "trouble\">");
	page_say(page, up ? TEXT_UP : TEXT_DOWN);
	html_raw(&page->html, "</span> ");
	html_text(&page->html, page_string(port, "device"));
	html_raw(&page->html, "</h2><p class=\"quiet\" lang=\"en\">");
	html_text(&page->html, page_string(port, "line"));
	html_raw(&page->html, "</p><dl>");
	definition(page, TEXT_ADDRESSES);
	joined(page, json_object_get(port, "addresses"));
	html_raw(&page->html, "</dd>");
	if (json_array_size(json_object_get(port, "gateways"))) {
		definition(page, TEXT_GATEWAYS);
		joined(page, json_object_get(port, "gateways"));
		html_raw(&page->html, "</dd>");
	}
	html_raw(&page->html, "</dl>");
	page_table(page, TEXT_COUNTED, TEXT_NAME, TEXT_COUNT | PAGE_NUMBER, TEXT_MEANING, -1);
	json_object_foreach(json_object_get(port, "counters"), name, count)
	{
		row_head(page, name);
		page_number_cell(page, json_number_value(count));
		html_raw(&page->html, "<td lang=\"en\">");
		html_text(&page->html, page_string(help, name));
		html_raw(&page->html, "</td></tr>");
	}
	page_table_end(page);
	html_raw(&page->html, "</section>");
}

void page_ports(struct page *page)
{
	json_t *port;
	size_t i;

	heading(page, TEXT_PORTS);
	html_raw(&page->html, "<div id=\"tables\" data-live>");
	json_array_foreach(json_object_get(page->status, "ports"), i, port) one_port(page, port);
	html_raw(&page->html, "</div>");
}

/* ---- drops ---- */

void page_drops(struct page *page)
{
	json_t *drops = http_drops(page->status), *drop;
	size_t i, zero = 0, shown = 0;

	json_array_foreach(drops, i, drop)
	{
		zero += page_figure(drop, "count") == 0;
		shown += page_figure(drop, "count") != 0;
	}
	heading(page, TEXT_DROPS);
	html_raw(&page->html, "<div id=\"tables\" data-live>");
	if (shown) {
		page_table(page, TEXT_DROPS_SEEN, TEXT_NAME, TEXT_COUNT | PAGE_NUMBER, TEXT_MEANING,
			TEXT_LAYER, -1);
		json_array_foreach(drops, i, drop)
		{
			if (page_figure(drop, "count") == 0)
				continue;
			row_head(page, page_string(drop, "name"));
			page_number_cell(page, page_figure(drop, "count"));
			html_raw(&page->html, "<td lang=\"en\">");
			html_text(&page->html, page_string(drop, "help"));
			html_raw(&page->html, "</td>");
			text_cell(page, page_string(drop, "layer"));
			html_raw(&page->html, "</tr>");
		}
		page_table_end(page);
	} else {
		html_raw(&page->html, "<p class=\"quiet\">");
		page_say(page, TEXT_NO_DROPS);
		html_raw(&page->html, "</p>");
	}
	if (zero) {
		struct html count = {0};

		html_count(&count, (double)zero);
		html_raw(&page->html, "<p class=\"quiet\">");
		html_words(&page->html, page_text(page->language, TEXT_DROPS_ZERO),
			count.bytes ? count.bytes : "");
		html_raw(&page->html, "</p>");
		html_free(&count);
	}
	html_raw(&page->html, "</div>");
	json_decref(drops);
}
