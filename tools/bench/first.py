"""When the first image lay in a folder: a thread that looks until it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK = 0.005  # seconds between two looks; what the figure is exact to


class FirstFile:
    """For the time of a `with` block: `seconds` from its begin until a whole file was there, None when none came.

    Args:
        folder: where to look.
        size: bytes that make a file whole; storescp writes while it receives.
        clock: seconds.
    """

    def __init__(self, folder: Path, *, size: int, clock: Callable[[], float]) -> None:
        self._folder, self._size, self._clock = folder, size, clock
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="first image")
        self._begun = 0.0
        self.seconds: float | None = None

    def __enter__(self) -> Self:
        self._begun = self._clock()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._has_file():
            if self._end.wait(LOOK):
                return
        self.seconds = self._clock() - self._begun

    def _has_file(self) -> bool:
        return any(path.stat().st_size >= self._size for path in self._folder.iterdir())
