"""How this process treats memory that it let go: some is kept for the next image instead of given back at once.

A node makes and drops buffers of half a megabyte all the time. Given back to the kernel each of them is mapped, cleared
and unmapped again, which costs more than light coding does. Belongs here: telling the C library. Source: mallopt(3).
"""

from __future__ import annotations

import ctypes
from typing import Final

KEPT: Final = 16_777_216  # bytes free at the end of an arena that are kept; ours
FROM_HEAP: Final = 4_194_304  # bytes; ours: larger buffers are rare, and mapped by themselves
ARENAS: Final = 4  # ours: each may keep that much, and a node has few threads that work at once

_OPTIONS: Final = ((-1, KEPT), (-3, FROM_HEAP), (-8, ARENAS))  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX


def keep_freed_memory() -> bool:
    """Do so; whether the C library took it: glibc does, others need not."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all([mallopt(option, value) for option, value in _OPTIONS])
