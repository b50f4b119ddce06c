"""This machine: folder, disk, open files, clock.

Belongs here: judging what was measured; the few measurements there are. Not here: node.toml (settings.py), the network.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.node.doctor.findings import Finding, found, good

FULL: Final = 1_000_000_000  # bytes free, under which images in transit may find no room; ours
LOW: Final = 10_000_000_000  # bytes free; ours
DESCRIPTORS: Final = 1_024  # open files, below which a busy node fails: 64 associations, channels, spool files; ours
_UNSYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_SIZE: Final = 512  # bytes; more than struct timex of any architecture


def examine_machine(folder: Path, *, spool_bytes: int, spool_used: int) -> list[Finding]:
    """Folder, disk, open files and clock of a node.

    Args:
        folder: the node's.
        spool_bytes: the most that images in transit may take.
        spool_used: what they take now.
    """
    usage = shutil.disk_usage(folder)
    return [
        judge_folder(folder, _not_ours(folder)),
        judge_disk(usage.free, usage.total, spool_bytes=spool_bytes, spool_used=spool_used),
        judge_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        judge_kernel_clock(kernel_clock_state()),
    ]


def judge_folder(folder: Path, not_ours: Sequence[str]) -> Finding:
    """Whether this user may write what the node must write."""
    if not_ours:
        return found("folder", "folder_not_ours", f"this user may not write {', '.join(not_ours)} in {folder}")
    return good("folder", f"{folder} can be written")


def judge_disk(free: int, total: int, *, spool_bytes: int, spool_used: int) -> Finding:
    """Whether there is room for what the node may be given. All in bytes."""
    room = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    if free < FULL:
        return found("disk", "disk_full", room)
    if spool_bytes > total:
        return found("disk", "spool_larger_than_disk", f"images in transit may take {spool_bytes / 1e9:.0f} GB; {room}")
    if free < min(LOW, spool_bytes - spool_used):
        return found("disk", "disk_low", room)
    return good("disk", room)


def judge_descriptors(limit: int) -> Finding:
    """Whether the node may open enough files and connections at once."""
    if 0 <= limit < DESCRIPTORS:
        return found("open files", "descriptors_few", f"at most {limit} may be open at once")
    return good("open files", f"{limit if limit >= 0 else 'any number'} may be open at once")


def judge_kernel_clock(state: int | None) -> Finding:
    """Whether something keeps the clock right; `state` as adjtimex(2) returns it, None where it cannot tell."""
    if state == _UNSYNCHRONISED:
        return found("clock", "clock_unsynchronised", "no time service keeps this machine's clock")
    return good("clock", "kept by a time service" if state is not None else "this machine does not tell who keeps it")


def judge_offset(seconds: float, *, beside: str) -> Finding:
    """Whether the clock agrees with another's; positive when ours is ahead."""
    where = "ahead of" if seconds > 0 else "behind"
    if abs(seconds) > MAX_CLOCK_SKEW:
        return found("clock", "clock_wrong", f"{abs(seconds):,.0f} s {where} {beside}")
    return good("clock", f"within {max(1.0, abs(seconds)):.0f} s of {beside}")


def kernel_clock_state() -> int | None:
    """What adjtimex(2) says, without changing anything; None where the C library has no such call."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE)))
    except (OSError, AttributeError):
        return None


def _not_ours(folder: Path) -> list[str]:
    """Names of what the node must write and this user may not; `.` is the folder itself."""
    names = [".", *(one.name for one in folder.iterdir() if one.name.startswith(("node.", "objects", "spool")))]
    return [name for name in sorted(names) if not os.access(folder / name, os.R_OK | os.W_OK)]
