/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_parts.c - tables, bars and sparklines; pictures are SVG by attributes, for the policy lets
 * no style stand in a document */
#include "http/page.h"

#include <stdarg.h>
#include <stdio.h>

void page_table(struct page *page, enum page_text caption, ...)
{
	va_list columns;
	int column;

	/* a region that scrolls can be reached with the keyboard */
	html_raw(&page->html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
	page_say(page, caption);
	html_raw(&page->html, "\"><table><caption>");
	page_say(page, caption);
	html_raw(&page->html, "</caption><thead><tr>");
	va_start(columns, caption);
	while ((column = va_arg(columns, int)) >= 0) {
		html_raw(&page->html, column & PAGE_NUMBER ? "<th scope=\"col\" class=\"number\">"
							   : "<th scope=\"col\">");
		page_say(page, (enum page_text)(column & ~PAGE_NUMBER));
		html_raw(&page->html, "</th>");
	}
	va_end(columns);
	html_raw(&page->html, "</tr></thead><tbody>");
}

void page_table_end(struct page *page)
{
	html_raw(&page->html, "</tbody></table></div>");
}

void page_cell(struct page *page, bool numeric)
{
	html_raw(&page->html, numeric ? "<td class=\"number\">" : "<td>");
}

void page_number_cell(struct page *page, double number)
{
	page_cell(page, true);
	html_count(&page->html, number);
	html_raw(&page->html, "</td>");
}

void page_bar(struct page *page, double share, const char *kind)
{
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	html_raw(&page->html, "<svg class=\"bar ");
	html_raw(&page->html, kind);
	html_raw(&page->html,
		"\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
	html_format(&page->html, "%.1f %%", 100 * share);
	html_raw(&page->html, "\"><rect class=\"track\" width=\"100\" height=\"1\"/>"
			      "<rect class=\"value\" height=\"1\" width=\"");
	html_format(&page->html, "%.2f", 100 * share);
	html_raw(&page->html, "\"/></svg>");
}

/* ---- sparklines ---- */

#define SPARK_WIDTH 240.0
#define SPARK_HEIGHT 40.0
#define SPARK_POINTS 180

/* Series added up at one moment. */
static double sum_at(const json_t *all, const char *const *series, unsigned count, size_t at)
{
	double sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += json_number_value(json_array_get(json_object_get(all, series[i]), at));
	return sum;
}

void page_spark(struct page *page, enum page_text what, const char *const *series, unsigned count)
{
	const json_t *all = json_object_get(page->history, "series");
	size_t samples = json_array_size(json_object_get(all, series[0])), points, per;
	double most = 0, values[SPARK_POINTS];
	struct html *html = &page->html;

	if (samples < 2)
		return;
	/* the highest of those that share a point, so that no peak is hidden */
	per = (samples + SPARK_POINTS - 1) / SPARK_POINTS;
	points = samples / per;
	for (size_t i = 0; i < points; i++) {
		values[i] = 0;
		for (size_t j = 0; j < per; j++) {
			double value =
				sum_at(all, series, count, samples - points * per + i * per + j);

			if (value > values[i])
				values[i] = value;
		}
		if (values[i] > most)
			most = values[i];
	}
	if (points < 2)
		return;
	html_raw(html, "<svg class=\"spark\" viewBox=\"0 0 240 40\" preserveAspectRatio=\"none\" "
		       "role=\"img\" aria-label=\"");
	page_say(page, what);
	html_raw(html, ", ");
	page_say(page, TEXT_LAST_MINUTES);
	html_raw(html, "\"><path class=\"line\" d=\"");
	for (size_t i = 0; i < points; i++)
		html_format(html, "%c%.1f %.1f", i ? 'L' : 'M',
			SPARK_WIDTH * (double)i / (double)(points - 1),
			SPARK_HEIGHT - 2 - (most > 0 ? values[i] / most : 0) * (SPARK_HEIGHT - 4));
	html_raw(html, "\"/></svg>");
}
