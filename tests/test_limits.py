"""Every number tells its unit and source, stands once, and fits the numbers around it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from idas_p2p import limits

LINES = [line for line in Path(limits.__file__).read_text().splitlines() if ": Final = " in line]
NUMBERS = {name: value for name, value in vars(limits).items() if name.isupper()}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split(":")[0])
def test_a_number_tells_its_unit_and_where_it_comes_from(line: str) -> None:
    _, mark, comment = line.partition("  # ")
    assert mark
    assert len(comment.split()) >= 2


def test_no_number_is_defined_twice() -> None:
    names = [line.split(":")[0] for line in LINES]
    assert sorted(names) == sorted(NUMBERS)


def test_every_number_is_used_somewhere() -> None:
    package = Path(limits.__file__).parent
    sources = [path.read_text() for path in package.rglob("*.py") if path.name != "limits.py"]
    words = set(re.findall(r"[A-Z][A-Z0-9_]+", "\n".join(sources)))
    assert sorted(NUMBERS.keys() - words) == []


def test_every_number_is_positive() -> None:
    assert [name for name, value in NUMBERS.items() if not value > 0] == []


def test_a_chunk_and_its_header_fit_into_a_message() -> None:
    assert limits.CHUNK_SIZE < limits.MAX_MESSAGE_SIZE


def test_a_record_and_the_seal_of_its_datagram_fit_into_the_smallest_ipv6_packet() -> None:
    assert limits.MAX_RECORD_SIZE + 200 <= limits.MAX_DATAGRAM_SIZE <= 1_280


def test_a_record_outlives_the_failure_of_one_republication() -> None:
    assert 2 * limits.REPUBLISH_INTERVAL < limits.RECORD_LIFETIME - limits.MAX_CLOCK_SKEW


def test_pending_responses_come_at_least_once_a_second() -> None:
    assert limits.PENDING_INTERVAL < 1.0


def test_one_member_cannot_take_every_channel() -> None:
    assert limits.MAX_CHANNELS_PER_PEER * 2 <= limits.MAX_CHANNELS
