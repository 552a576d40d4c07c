# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What the kernel holds for sockets, out of /proc/slabinfo."""

# A socket's parts that have caches of their own. Its dentry's cache is everybody's: others' files
# come and go in it while we look, so it is counted by its file (alloc_file_pseudo(): one each).
CACHES = ("TCP", "TCPv6", "sock_inode_cache", "filp", "eventpoll_epi", "eventpoll_pwq")


def parse(text):
    """{cache: (active objects, bytes of one)} of /proc/slabinfo."""
    caches = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[1].isdigit() and words[3].isdigit():
            caches[words[0]] = (int(words[1]), int(words[3]))
    return caches


def snapshot():
    with open("/proc/slabinfo", encoding="ascii") as file:
        return parse(file.read())


def grown(before, after, sockets):
    """Bytes by cache for @sockets sockets that were opened in between, both ends counted."""
    bytes_of = {}
    for name in CACHES:
        if name in after:
            objects = after[name][0] - before.get(name, (0, 0))[0]
            bytes_of[name] = max(objects, 0) * after[name][1]
    if "dentry" in after:
        bytes_of["dentry"] = sockets * after["dentry"][1]
    return bytes_of
