"""Reading the audit log from a record on, and by what lies in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.store.audit_reader import LogReader, bodies
from idas_p2p.wire.audit import AuditRecord
from idas_p2p.wire.schema import decode
from tests.access.audit.logs import KEY, NOW, log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of twelve records in three segments."""
    segments, states = log(KEY, sizes=(5, 4, 3))
    for data, before in zip(segments, (0, 5, 9), strict=True):
        (tmp_path / f"{before + 1:020}.audit").write_bytes(data)
    assert states[-1].count == 12
    return tmp_path


def numbers(found: list[bytes]) -> list[int]:
    return [decode(AuditRecord, body, max_size=10_000).number for body in found]


@pytest.mark.parametrize("after", range(13))
def test_records_after_one_come_in_order_whichever_segment_they_are_in(folder: Path, after: int) -> None:
    reader, came = LogReader(folder), list[int]()
    number = after
    while found := reader.after(number, 2):
        assert numbers([body for _, body in found]) == [one for one, _ in found]
        came += [one for one, _ in found]
        number = found[-1][0]
    assert came == list(range(after + 1, 13))


def test_a_reader_that_has_read_all_sees_what_comes_later(folder: Path) -> None:
    reader = LogReader(folder)
    last = sorted(folder.iterdir())[-1]
    whole = last.read_bytes()
    last.write_bytes(whole[:-40])
    assert [number for number, _ in reader.after(9, 100)] == [10, 11]
    assert reader.after(11, 100) == []
    last.write_bytes(whole)
    assert [number for number, _ in reader.after(11, 100)] == [12]


def test_where_records_were_let_go_the_oldest_that_is_kept_comes(folder: Path) -> None:
    sorted(folder.iterdir())[0].unlink()
    assert [number for number, _ in LogReader(folder).after(2, 100)] == [6, 7, 8, 9]


def test_an_empty_folder_has_no_records(tmp_path: Path) -> None:
    assert LogReader(tmp_path).after(0, 10) == []
    assert list(bodies(tmp_path)) == []


def test_all_records_or_only_those_in_which_a_text_lies(folder: Path) -> None:
    assert numbers(list(bodies(folder))) == list(range(1, 13))
    assert numbers(list(bodies(folder, needles=[b"P2"]))) == [7, 8, 9]
    assert numbers(list(bodies(folder, needles=[b"P0", b"P3"]))) == [1, 2, 3, 10, 11, 12]
    assert numbers(list(bodies(folder, needles=[b"nobody"]))) == []


def test_segments_that_lie_outside_the_time_are_passed_over(folder: Path) -> None:
    now = int(NOW * 1_000)
    assert list(bodies(folder, since_ms=now + 10**6)) != []  # the last segment has no end yet
    assert len(list(bodies(folder, since_ms=now + 10**6))) == 3
    assert list(bodies(folder, until_ms=now - 1)) == []


def test_what_is_no_segment_is_passed_over(folder: Path) -> None:
    (folder / "00000000000000000000.audit").write_bytes(b"?")
    assert len(list(bodies(folder))) == 12
