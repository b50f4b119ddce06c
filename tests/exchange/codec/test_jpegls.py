"""The door to JPEG-LS: every depth and size comes back; no header that asks for anything else reaches the library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.jpegls import MAX_BITS, MAX_SIDE, MIN_BITS, decode, encode

ROWS, COLUMNS = 13, 17
FRAME = 2  # where the first marker segment begins


def image(bits: int, rows: int = ROWS, columns: int = COLUMNS) -> bytes:
    samples = np.random.default_rng(bits).integers(0, 1 << bits, (rows, columns))
    return samples.astype("<u2" if bits > 8 else "u1").tobytes()


def stream(bits: int = 12) -> bytearray:
    coded = encode(image(bits), rows=ROWS, columns=COLUMNS, bits=bits)
    assert coded is not None
    return bytearray(coded)


@pytest.mark.parametrize("bits", range(MIN_BITS, MAX_BITS + 1))
def test_every_depth_comes_back(bits: int) -> None:
    assert decode(bytes(stream(bits)), rows=ROWS, columns=COLUMNS, wide=bits > 8) == image(bits)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (MAX_SIDE, 1), (1, MAX_SIDE)], ids=str)
def test_every_size_comes_back_or_is_declined(size: tuple[int, int]) -> None:
    rows, columns = size
    coded = encode(image(12, rows, columns), rows=rows, columns=columns, bits=12)
    assert coded is None or decode(coded, rows=rows, columns=columns, wide=True) == image(12, rows, columns)


def refused(coded: bytes, *, wide: bool = True) -> str:
    with pytest.raises(WireError) as raised:
        decode(coded, rows=ROWS, columns=COLUMNS, wide=wide)
    return str(raised.value)


@pytest.mark.parametrize("place", [5, 6, 7, 8], ids=["rows, high", "rows, low", "columns, high", "columns, low"])
def test_another_size_is_refused_before_memory_is_taken_for_it(place: int) -> None:
    coded = stream()
    coded[FRAME + place] ^= 0x7F
    assert "another size" in refused(bytes(coded))


def test_more_components_are_refused() -> None:
    coded = stream()
    coded[FRAME + 9] = 3
    assert "another size or kind" in refused(bytes(coded))


@pytest.mark.parametrize(("bits", "wide"), [(8, True), (12, False), (1, False), (17, True), (0, False)])
def test_a_depth_that_needs_other_bytes_is_refused(bits: int, wide: bool) -> None:
    coded = stream()
    coded[FRAME + 4] = bits
    assert "another depth" in refused(bytes(coded), wide=wide)


SOS = b"\xff\xda\x00\x08\x01\x01"
CHANGES = {
    "lossy": (SOS + b"\0\0", SOS + b"\0\1"),
    "mapped by a table": (SOS + b"\0", SOS + b"\1"),
    "interleaved": (SOS + b"\0\0\0", SOS + b"\0\0\1"),
    "a mapping table": (SOS, b"\xff\xf8\x00\x06\x02\x01\x01\x00" + SOS),
    "an oversize image": (SOS, b"\xff\xf8\x00\x0c\x04\x04" + bytes(8) + SOS),
    "other thresholds": (SOS, b"\xff\xf8\x00\x0d\x01\x0f\xff\x00\x01\x00\x01\x00\x01\x00\x40" + SOS),
    "restart markers": (SOS, b"\xff\xdd\x00\x04\x00\x01" + SOS),
    "a colour transform": (SOS, b"\xff\xe8\x00\x07mrfx\x03" + SOS),
    "a comment": (SOS, b"\xff\xfe\x00\x04no" + SOS),
    "a scan before its frame": (b"\xff\xd8", b"\xff\xd8" + SOS + bytes(4)),
    "two frames": (b"\xff\xd8", b"\xff\xd8" + bytes(stream()[2:15])),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_marker_that_is_not_ours_is_refused(changed: tuple[bytes, bytes]) -> None:
    coded = bytes(stream())
    other = coded.replace(*changed, 1)
    assert other != coded
    assert "marker that none of ours has" in refused(other)


@pytest.mark.parametrize("cut", [1, 2, 3, 40])
def test_a_stream_that_does_not_end_with_its_scan_is_refused(cut: int) -> None:
    coded = bytes(stream())
    for other in (coded[:-cut], coded + bytes(cut), coded[:-cut] + b"\xff\xda" + coded[-cut:]):
        assert "does not end with its scan" in refused(other)


@pytest.mark.parametrize("length", range(0, 25))
def test_a_stream_cut_in_its_header_is_refused(length: int) -> None:
    refused(bytes(stream())[:length])


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4), st.integers(0, 500))
def test_any_bytes_give_an_image_of_the_size_asked_for_or_are_refused(
    changes: list[tuple[int, int]], length: int
) -> None:
    coded = stream(16)
    for place, value in changes:
        coded[place % len(coded)] = value
    try:
        decoded = decode(bytes(coded[:length]), rows=ROWS, columns=COLUMNS, wide=True)
    except WireError:
        return
    assert len(decoded) == 2 * ROWS * COLUMNS
