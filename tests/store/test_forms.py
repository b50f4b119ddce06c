from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.blob import MemoryBlob
from idas_p2p.crypto.box import OVERHEAD
from idas_p2p.errors import BadSignature
from idas_p2p.store.forms import PIECE, SEALED_PIECE, Form

KEY = b"k" * 32
SEALED = Form(KEY)
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7]


def content_of(size: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def write(path: Path, form: Form, data: bytes, *, step: int = 10_000) -> None:
    file = form.file(path)
    for offset in range(0, len(data), step):
        file.write(data[offset : offset + step])
    file.keep(durable=False)


@pytest.mark.parametrize("form", [Form(), SEALED], ids=["plain", "sealed"])
@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read_at_any_offset(tmp_path: Path, form: Form, size: int) -> None:
    data = content_of(size)
    write(tmp_path / "a", form, data)
    assert (tmp_path / "a").stat().st_size == form.disk_size(size)
    assert form.content_size(form.disk_size(size)) == size
    blob = form.blob(tmp_path / "a", size)
    assert blob.read() == data
    for offset in (0, 1, PIECE - 1, PIECE, PIECE + 1, size - 1, size, size + 5):
        for length in (0, 1, 100, PIECE, None):
            end = None if length is None else max(0, offset) + length
            assert blob.read(max(0, offset), length) == data[max(0, offset) : end]


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(1, 50), max_size=8))
def test_a_flush_at_any_moment_puts_all_so_far_on_the_disk(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("form") / "a"
    file, offset = SEALED.file(path), 0
    for cut in cuts:
        file.write(data[offset : offset + cut])
        offset = min(len(data), offset + cut)
        file.flush()
        assert SEALED.blob(path.with_name("a.part"), offset, whole=False).read() == data[:offset]
    file.write(data[offset:])
    file.keep(durable=True)
    assert SEALED.blob(path, len(data)).read() == data


@pytest.mark.parametrize("start", [0, 1, PIECE, PIECE + 100, 2 * PIECE])
def test_a_parked_file_goes_on_at_any_place_before_its_end(tmp_path: Path, start: int) -> None:
    data = content_of(3 * PIECE + 7)
    file = SEALED.file(tmp_path / "a")
    file.write(data[: 2 * PIECE + 500])
    file.flush()
    file.park()
    again = SEALED.file(tmp_path / "a", start=start)
    again.write(data[start:])
    again.keep(durable=False)
    assert SEALED.blob(tmp_path / "a", len(data)).read() == data


def is_noticed(path: Path, size: int, key: bytes = KEY) -> bool:
    try:
        Form(key).blob(path, size).read()
    except OSError as error:
        return error.errno == errno.EBADMSG
    return False


@pytest.mark.parametrize("place", [0, 24, PIECE, SEALED_PIECE + 3, 2 * SEALED_PIECE + 6 + OVERHEAD])
def test_every_changed_byte_is_noticed(tmp_path: Path, place: int) -> None:
    size = 2 * PIECE + 7
    write(tmp_path / "a", SEALED, content_of(size))
    data = bytearray((tmp_path / "a").read_bytes())
    data[place] ^= 0x80
    (tmp_path / "a").write_bytes(data)
    assert is_noticed(tmp_path / "a", size)


def test_cutting_lengthening_exchanging_and_moving_are_noticed(tmp_path: Path) -> None:
    size = 2 * PIECE
    write(tmp_path / "a", SEALED, content_of(size))
    whole = (tmp_path / "a").read_bytes()
    first, second = whole[:SEALED_PIECE], whole[SEALED_PIECE:]
    for changed in (first, second + first, first + first, whole[:-1], b"", whole[: SEALED_PIECE + 50]):
        (tmp_path / "a").write_bytes(changed)
        assert is_noticed(tmp_path / "a", size)
    (tmp_path / "b").write_bytes(whole)
    assert is_noticed(tmp_path / "b", size)
    (tmp_path / "a").write_bytes(whole)
    assert is_noticed(tmp_path / "a", size - 1)
    assert is_noticed(tmp_path / "a", size, b"other key".ljust(32))
    assert not is_noticed(tmp_path / "a", size)


def test_no_byte_of_the_content_is_on_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "a", SEALED, b"CANARY^BIRD" * 10_000)
    on_disk = (tmp_path / "a").read_bytes()
    assert b"CANARY" not in on_disk
    assert "k" * 32 not in repr(SEALED) + repr(SEALED.blob(tmp_path / "a", 1))


def test_records_are_bound_to_their_file_and_number() -> None:
    assert Form().wrap("a", 1, b"record") == b"record"
    assert SEALED.unwrap("a", 1, SEALED.wrap("a", 1, b"record")) == b"record"
    for name, number in (("b", 1), ("a", 2)):
        with pytest.raises(BadSignature):
            SEALED.unwrap(name, number, SEALED.wrap("a", 1, b"record"))


def test_several_contents_of_one_file_are_each_bound_to_their_place(tmp_path: Path) -> None:
    path, place, blobs = tmp_path / "a", 0, []
    contents = [content_of(size) for size in (100, PIECE + 5, 7)]
    with path.open("wb") as file:
        for content in contents:
            SEALED.put(file.fileno(), "a", place, MemoryBlob(content))
            blobs.append(SEALED.blob(path, len(content), start=place))
            place += SEALED.extent(len(content))
    assert [blob.read() for blob in blobs] == contents
    data = bytearray(path.read_bytes())
    data[:SEALED_PIECE], data[SEALED_PIECE : 2 * SEALED_PIECE] = (
        data[SEALED_PIECE : 2 * SEALED_PIECE],
        data[:SEALED_PIECE],
    )
    path.write_bytes(data)
    for blob in blobs[:2]:
        with pytest.raises(OSError, match="changed"):
            blob.read()
    assert blobs[2].read() == contents[2]
