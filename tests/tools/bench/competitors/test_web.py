"""Parts of a multipart answer become files as they come, and a broken answer is no delivery."""

from __future__ import annotations

import io
from email.message import Message
from pathlib import Path

import pytest

from tools.bench.competitors.base import Changed
from tools.bench.competitors.web import store_parts

ONE, TWO = b"DICM\r\n--edge\r\n--edge--\r\nwithin", bytes(3_000_000)


def headers(value: str = 'multipart/related; type="application/dicom"; boundary="edge"') -> Message:
    message = Message()
    message["Content-Type"] = value
    return message


def part(data: bytes) -> bytes:
    return b"--edge\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(data), data)


BODY = part(ONE) + part(TWO) + b"--edge--\r\n"


def test_each_part_becomes_a_file_whatever_it_holds(tmp_path: Path) -> None:
    assert store_parts(io.BytesIO(BODY), headers(), tmp_path) == 2
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [ONE, TWO]


@pytest.mark.parametrize("size", [0, 30, len(BODY) - 3_000, len(BODY) - 11])
def test_an_answer_that_ends_early_is_no_delivery(tmp_path: Path, size: int) -> None:
    with pytest.raises(Changed):
        store_parts(io.BytesIO(BODY[:size]), headers(), tmp_path)


def test_a_part_without_a_length_is_no_delivery(tmp_path: Path) -> None:
    with pytest.raises(Changed, match="length"):
        store_parts(io.BytesIO(b"--edge\r\n\r\ndata\r\n--edge--"), headers(), tmp_path)


def test_an_answer_of_another_kind_is_no_delivery(tmp_path: Path) -> None:
    with pytest.raises(Changed, match="application/json"):
        store_parts(io.BytesIO(b"{}"), headers("application/json"), tmp_path)
