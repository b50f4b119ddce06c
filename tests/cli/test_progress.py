"""The progress bar of a transfer."""

from __future__ import annotations

import io

from idas_p2p.cli.progress import TransferProgress

REPORT = {"instances": 3, "total": 9, "bytes": 1_500_000, "wire_bytes": 500_000, "path": "\x1b[31mdirect", "failed": []}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_written_when_nobody_watches() -> None:
    stream = io.StringIO()
    with TransferProgress(stream, is_shown=False) as progress:
        progress.update(REPORT)
    assert stream.getvalue() == ""


def test_a_person_sees_counts_bytes_and_an_escaped_path() -> None:
    stream = Terminal()
    with TransferProgress(stream, is_shown=True) as progress:
        progress.update(REPORT)
    shown = stream.getvalue()
    assert "3/9" in shown
    assert "1.5 MB" in shown
    assert "\\x1b[31mdirect" in shown


def test_failures_are_shown_while_the_transfer_goes_on() -> None:
    stream = Terminal()
    with TransferProgress(stream, is_shown=True) as progress:
        progress.update({**REPORT, "failed": 2})
    assert "2 failed" in stream.getvalue()


def test_a_report_with_nothing_known_yet_is_shown() -> None:
    stream = Terminal()
    with TransferProgress(stream, is_shown=True) as progress:
        progress.update({})
    assert "retrieving" in stream.getvalue()


def test_rate_ratio_time_left_and_holders_are_shown_once_known() -> None:
    stream = Terminal()
    with TransferProgress(stream, is_shown=True) as progress:
        known = {"ratio": 3.0, "rate": 25_000_000, "left_seconds": 4.2, "holders": ["Anna", "Carl\x07"]}
        progress.update({**REPORT, **known})
    shown = stream.getvalue().replace("\n", "")
    for words in ("3.0 : 1", "25 MB/s", "4.2 s left"):
        assert words in shown
    assert "\x07" not in shown
