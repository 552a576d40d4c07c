# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What was tried for a figure, kept or not: it stands where the figure misses its goal."""

RATE = (
    "Tried and kept: usual frames and segments told by comparing, the rest read as before; headers summed "
    "in registers and payloads while they are copied; a burst's segments taken through flow slots and "
    "connections in groups, each prefetched while the one before is parsed; flows hashed eight at a time; "
    "JSON scanned by bit masks with AVX-512 VBMI2; AES over a burst of keys by libipsec-mb; a device in one "
    "cache line; memif buffers one behind the other; an event ring that its reader does not follow at the heels. "
    "Tried and left: AES of our own sixteen messages abreast, for a well-kept library is worth "
    "more than its cycles; acknowledgements that wait for the next report, for the answers that they would "
    "release leave the caches meanwhile (4,611 became 4,912 cycles a report); turns of the instrument of 4 us "
    "at least (3 % slower, and 7 us more to an answer); rings of 512 and 4,096 frames instead of 2,048 (the short one "
    "overflows at a gap of 0.3 ms, the long one costs 2 %); an event ring of 4 MiB instead of 64, or in huge pages "
    "(1 to 3 % each, within what the host does to two runs).")

TRIED = {
    "reports_tcp": RATE,
    "reports_udp": RATE,
}
