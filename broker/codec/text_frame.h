/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* text_frame.h - frames that end at the first CR LF (Q/CT X-2017 section 5.2) */
#pragma once

#include <stdint.h>

/**
 * text_frame_end() - where the first frame ends
 * @from: bytes already known to hold no CR LF (a CR as last of them is looked at again)
 * Return: offset just past the first CR LF at or after @from, or 0 if there is none yet.
 */
uint32_t text_frame_end(const uint8_t *data, uint32_t length, uint32_t from);
