#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""embed.py OUT.c FILE... - files as C arrays, and the table that names them."""

import pathlib
import sys

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}


def main(out, *names):
    text = ['#include "http/page.h"\n', "extern const struct page_file page_files[];\n"]
    rows = []
    for number, name in enumerate(names):
        path = pathlib.Path(name)
        data = path.read_bytes()
        text.append("static const unsigned char file%d[] = {%s};\n" % (
            number, ",".join(map(str, data))))
        rows.append('\t{"/%s", "%s", file%d, sizeof(file%d)},\n' % (
            path.name, TYPES[path.suffix], number, number))
    text.append("const struct page_file page_files[] = {\n%s\t{0}};\n" % "".join(rows))
    pathlib.Path(out).write_text("".join(text), encoding="ascii")


main(*sys.argv[1:])
