"""A progress bar on stderr while a person waits for a transfer; nothing when nobody looks."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from idas_p2p.dashboard.text import duration, joined, printable, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class TransferProgress:
    """Shows the progress reports of one transfer; a context manager.

    Args:
        stream: a terminal, usually stderr.
        is_shown: False for a stream nobody watches: then every method does nothing.
    """

    def __init__(self, stream: TextIO, *, is_shown: bool) -> None:
        self._stream = stream
        self._is_shown = is_shown
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> TransferProgress:
        if self._is_shown:
            self._bar = _make_bar(self._stream)
            self._bar.start()
            self._task = self._bar.add_task("asking", total=None, about="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, report: Mapping[str, Any]) -> None:
        """Show one report of the node.

        Args:
            report: `instances`, `total`, `bytes`, `wire_bytes`, `ratio`, `rate`, `left_seconds`, `path`, `holders`,
                `failed`; any may be missing.
        """
        if self._bar is None or self._task is None:
            return
        failed = report.get("failed")
        failures = f", {len(failed) if isinstance(failed, list) else failed} failed" if failed else ""
        about = f"{size(report.get('bytes'))}, {size(report.get('wire_bytes'))} on the wire{_pace(report)}{failures}"
        self._bar.update(
            self._task,
            completed=report.get("instances") or 0,
            total=report.get("total") or None,
            description=printable(report.get("path") or "retrieving"),
            about=about,
        )


def _pace(report: Mapping[str, Any]) -> str:
    """What is known of ratio, rate, time left and holders."""
    ratio, rate, left = (report.get(name) for name in ("ratio", "rate", "left_seconds"))
    known = [
        f"{ratio:.1f} : 1" if ratio else "",
        f"{size(rate)}/s" if rate else "",
        f"{duration(left)} left" if left else "",
        f"from {joined(report['holders'])}" if report.get("holders") else "",
    ]
    return "".join(f", {words}" for words in known if words)


def _make_bar(stream: TextIO) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[about]}", markup=False),
        TimeElapsedColumn(),
        console=Console(file=stream, highlight=False, markup=False),
        transient=True,
    )
