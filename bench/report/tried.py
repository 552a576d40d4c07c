# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What was tried for a figure, kept or not: it stands where the figure misses its goal."""

RATE = (
    "Tried and kept: usual frames and segments told by comparing, the rest read as before; headers summed "
    "in registers and payloads while they are copied; a burst's segments taken through flow slots and "
    "connections in groups, each prefetched while the one before is parsed; flows hashed eight at a time; "
    "JSON scanned by bit masks with AVX-512 VBMI2; AES over a burst of keys by libipsec-mb; a device in one "
    "cache line. Tried and left: AES of our own sixteen messages abreast, for a well-kept library is worth "
    "more than its cycles.")

TRIED = {
    "reports_tcp": RATE,
    "reports_udp": RATE,
}
