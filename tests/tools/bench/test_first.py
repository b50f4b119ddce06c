"""The first image is noticed once it is whole."""

from __future__ import annotations

from pathlib import Path

from tools.bench.first import FirstFile
from tools.programs import wait_until


def test_a_file_counts_when_it_is_whole(tmp_path: Path) -> None:
    ticks = iter([10.0, 12.5])
    path = tmp_path / "one"
    with FirstFile(tmp_path, size=3, clock=lambda: next(ticks)) as first:
        path.write_bytes(b"ab")
        assert first.seconds is None
        path.write_bytes(b"abc")
        wait_until(lambda: first.seconds is not None, timeout=10)
    assert first.seconds == 2.5


def test_where_none_came_there_is_no_time(tmp_path: Path) -> None:
    with FirstFile(tmp_path, size=1, clock=lambda: 0.0) as first:
        pass
    assert first.seconds is None
