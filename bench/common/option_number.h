/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* option_number.h - a whole number of the command line */
#pragma once

/**
 * option_number() - read one, from @least to @most
 *
 * Anything else ends the program with 2, and one line on stderr says what would be right.
 */
unsigned option_number(const char *text, unsigned least, unsigned most);
