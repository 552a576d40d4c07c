/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_backend_alone_cpp.cpp - the same backend in C++; hearth_feed.h needs no help for it, cmocka
 * does */
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

#include "test_backend_alone.c"
