"""Whether an archive's answer may have been cut at a number the archive was set to, without a word about it.

Many archives answer with the first 100, 500 or 2,000 matches and call that success: everything else seems to have
vanished. So an answer of a round number of studies is doubted until a closer look has shown more, which makes it the
archive's cap, or the same, which clears that answer. One about the newest studies is never cleared: another may have
come since. Pure.
Belongs here: the doubt. Not here: the closer look (harvest.py).
"""

from __future__ import annotations

from typing import Final

from idas_p2p.node.windows import Window

LEAST: Final = 50  # studies; ours: nobody caps lower, and small archives are not to be asked twice
STEP: Final = 50  # caps are multiples of it, or powers of two; ours


class Caps:
    """What is known of the caps of every archive, since this node started."""

    def __init__(self) -> None:
        self._caps: dict[str, int] = {}  # by archive
        self._cleared: dict[str, set[tuple[Window, int]]] = {}  # whole answers; windows move with the days

    def is_doubtful(self, archive: str, window: Window, count: int) -> bool:
        """Whether an answer of so many studies may have been cut."""
        return self.is_round(archive, count) and (window, count) not in self._cleared.get(archive, ())

    def is_round(self, archive: str, count: int) -> bool:
        """Whether an answer of so many studies says nothing about those that it lacks, cleared or not."""
        cap = self._caps.get(archive)
        return _is_round(count) if cap is None else count >= cap

    def learn(self, archive: str, window: Window, count: int, found: int) -> None:
        """A closer look at a window that was answered with `count` studies has found `found`."""
        if found > count:
            self._caps[archive] = max(count, self._caps.get(archive, 0))
            self._cleared.pop(archive, None)
        elif not window.is_newest:
            self._cleared.setdefault(archive, set()).add((window, count))

    def forget(self, archive: str) -> None:
        """The archive is configured anew."""
        self._caps.pop(archive, None)
        self._cleared.pop(archive, None)


def _is_round(count: int) -> bool:
    return count >= LEAST and (count % STEP == 0 or count & (count - 1) == 0)
