/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* page_text.c - which language */
#include "http/page_text.h"

#include <string.h>
#include <strings.h>

#define ROW(id, ...) [id] = {__VA_ARGS__},
static const char *const texts[PAGE_TEXT_COUNT][PAGE_LANGUAGES] = {PAGE_TEXTS(ROW)};

const char *page_text(enum page_language language, enum page_text text)
{
	return texts[text][language];
}

enum page_language page_language(const char *chosen, const char *accepted)
{
	if (chosen)
		return strcmp(chosen, "zh") ? PAGE_ENGLISH : PAGE_CHINESE;
	/* browsers list what they like best first; weights only repeat that */
	for (; accepted && *accepted; accepted = strchr(accepted, ',')) {
		accepted += strspn(accepted, ", \t");
		if (!strncasecmp(accepted, "zh", 2))
			return PAGE_CHINESE;
		if (!strncasecmp(accepted, "en", 2))
			return PAGE_ENGLISH;
	}
	return PAGE_ENGLISH;
}
