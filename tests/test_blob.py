"""A blob reads the same whether it lies in memory or in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.blob import Blob, BlobChanged, FileBlob, MemoryBlob, WatchedFile, mark_of, pieces

DATA = bytes(range(100))


@pytest.fixture(params=["memory", "file"])
def blob(request: pytest.FixtureRequest, tmp_path: Path) -> Blob:
    if request.param == "memory":
        return MemoryBlob(DATA)
    path = tmp_path / "file"
    path.write_bytes(b"before" + DATA + b"after")
    return FileBlob(path, 6, len(DATA))


def test_a_blob_knows_its_size_and_reads_whole(blob: Blob) -> None:
    assert blob.size == 100
    assert blob.read() == DATA


@pytest.mark.parametrize(("offset", "length"), [(0, 10), (5, 7), (90, 50), (100, 1), (120, 3), (7, 0), (3, None)])
def test_a_range_ends_with_the_blob_whatever_was_asked(blob: Blob, offset: int, length: int | None) -> None:
    assert blob.read(offset, length) == DATA[offset : None if length is None else offset + length]


def test_pieces_are_of_one_size_and_the_last_is_shorter(blob: Blob) -> None:
    assert [len(piece) for piece in pieces(blob, 30)] == [30, 30, 30, 10]
    assert b"".join(pieces(blob, 30)) == DATA


def test_an_empty_blob_has_no_pieces() -> None:
    assert list(pieces(MemoryBlob(b""), 10)) == []


@given(st.binary(max_size=500), st.integers(1, 600))
def test_pieces_joined_are_the_blob(data: bytes, size: int) -> None:
    assert b"".join(pieces(MemoryBlob(data), size)) == data


def test_a_watched_file_is_read_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before" + DATA)
    blob = WatchedFile(path, 6, len(DATA), mark_of(path.stat()))
    assert (blob.read(), blob.read(5, 7), blob.read(90, 50)) == (DATA, DATA[5:12], DATA[90:])
    path.write_bytes(b"before" + DATA + b"after")
    with pytest.raises(BlobChanged):
        blob.read()
    path.unlink()
    with pytest.raises(BlobChanged):
        blob.read()
