/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page.h - between the files that make up the status page; all of them write documents only */
#pragma once

#include "http/html.h"
#include "http/http_private.h"
#include "http/page_text.h"

/** struct page_file - what is embedded of broker/http/page */
struct page_file {
	const char *path, *type;
	const unsigned char *bytes;
	size_t length;
};

/**
 * struct page - one page being written
 * @chosen: "en" or "zh" if its address names the language, and then so do its links
 * @status: the document of figures; NULL: there is none, and @refusal says why
 * @history: answer of that verb; NULL: there is none
 */
struct page {
	struct html html;
	struct http_request *request;
	enum page_language language;
	const char *chosen;
	const json_t *status, *history;
	const json_t *refusal;
};

/** page_serve() - answer a request for a page or one of its files. Return: false if there is none
 * at that path; else *@rc is set. */
bool page_serve(struct http_request *request, enum MHD_Result *rc);

/** page_kick() - the form that ends a session */
enum MHD_Result page_kick(struct http_request *request);

/** page_say() - a text of ours, in the page's language */
void page_say(struct page *page, enum page_text text);

/** page_link() - the address of a page of ours, with the language that was chosen, ready for an
 * attribute; @key, @value: a parameter, NULL: none */
void page_link(struct page *page, const char *path, const char *key, const char *value);

/** page_table() - begin a table: its caption, its column heads up to -1, those of counts with
 * PAGE_NUMBER. Ended by page_table_end() */
#define PAGE_NUMBER 0x10000
void page_table(struct page *page, enum page_text caption, ...);
void page_table_end(struct page *page);

/** page_cell() - begin a cell; @numeric: set to the right */
void page_cell(struct page *page, bool numeric);

/** page_number_cell() - a cell with a count */
void page_number_cell(struct page *page, double number);

/** page_bar() - a bar of a share 0..1 with its words for who cannot see it */
void page_bar(struct page *page, double share, const char *kind);

/** page_spark() - a line of the last 15 minutes of series (added up); nothing without a history */
void page_spark(struct page *page, enum page_text what, const char *const *series, unsigned count);

/** page_figure(), page_string() - members of a document; 0 and "" where there is none */
double page_figure(const json_t *object, const char *key);
const char *page_string(const json_t *object, const char *key);

/* ---- the pages ---- */

void page_overview(struct page *page);
void page_workers(struct page *page);
void page_ports(struct page *page);
void page_drops(struct page *page);
void page_sessions(struct page *page);
void page_device(struct page *page);
void page_config(struct page *page);
