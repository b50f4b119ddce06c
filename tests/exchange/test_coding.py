"""Chunk codings: the same bytes come out whatever goes in, and nothing hostile gets past the announced size."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.errors import WireError
from idas_p2p.exchange.coding import MAX_DICTIONARIES, Coding, Decoder, Encoder, SeriesDictionaries
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.node.serve import layout_of
from idas_p2p.wire.messages import Chunk, decode_message, encode_message

REAL = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "JPEG2000.dcm",
    "US1_UNCR.dcm",
    "examples_palette.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "reportsi.dcm",
    "image_dfl.dcm",
]


def travel(
    data: bytes, layout: PixelLayout | None, *, packed: bool = False, series: str = "1", ends: Any = None
) -> tuple[bytes, list[Chunk]]:
    """The data set as it comes out at the other end, and the chunks that carried it."""
    encoder, decoder = ends or (Encoder(), Decoder())
    chunks = [
        decode_message(encode_message(chunk))
        for chunk in encoder.chunks(series, MemoryBlob(data), layout, packed=packed)
    ]
    return b"".join(decoder.decode(series, chunk, first=n == 0) for n, chunk in enumerate(chunks)), chunks


def smooth(samples: int, *, dtype: str = "<u2") -> bytes:
    """An image-like ramp with a little noise."""
    noise = np.random.default_rng(1).integers(0, 9, samples)
    return (np.arange(samples) // 3 + noise).astype(dtype).tobytes()


@given(
    data=st.binary(max_size=3_000),
    layout=st.none() | st.builds(PixelLayout, st.integers(0, 3_500), st.integers(0, 3_500)),
    packed=st.booleans(),
)
def test_any_bytes_come_out_as_they_went_in(data: bytes, layout: PixelLayout | None, packed: bool) -> None:
    assert travel(data, layout, packed=packed)[0] == data


@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=6),
    head=st.binary(min_size=0, max_size=200),
    series=st.lists(st.sampled_from("AB"), min_size=6, max_size=6),
    bits=st.sampled_from(["<u2", ">u2", "<i2", "u1"]),
)
def test_a_whole_series_comes_out_as_it_went_in(sizes: list[int], head: bytes, series: list[str], bits: str) -> None:
    ends = Encoder(), Decoder()
    for size, name in zip(sizes, series, strict=False):
        data = head + smooth(size, dtype=bits) + b"tail"
        layout = PixelLayout(len(head), len(data) - len(head) - 4)
        assert travel(data, layout, series=name, ends=ends)[0] == data


@pytest.mark.parametrize("extra", [-1, 0, 1, CHUNK_SIZE + 3])
@pytest.mark.parametrize("head", [0, 1, 777])
def test_sizes_around_a_chunk_come_out_as_they_went_in(extra: int, head: int) -> None:
    data = os.urandom(head) + smooth(CHUNK_SIZE // 2 + 1)[: CHUNK_SIZE + min(extra, 1)] + bytes(max(0, extra - 1))
    result, chunks = travel(data, PixelLayout(head, len(data) - head))
    assert result == data
    assert max(chunk.size for chunk in chunks) <= CHUNK_SIZE


@pytest.mark.parametrize("name", REAL)
def test_a_real_data_set_comes_out_byte_for_byte(name: str) -> None:
    instance = read_part10(Path(str(get_testdata_file(name, download=False))))
    layout, packed = layout_of(instance)
    data = instance.data.read()
    ends = Encoder(), Decoder()
    assert travel(data, layout, packed=packed, ends=ends)[0] == data
    again, chunks = travel(data, layout, packed=packed, ends=ends)
    assert again == data
    assert chunks[0].coding in (Coding.ZSTD_SERIES, Coding.RAW)


def test_the_second_head_of_a_series_costs_almost_nothing() -> None:
    head = os.urandom(2_000)
    ends = Encoder(), Decoder()
    travel(head, None, ends=ends)
    _, (chunk,) = travel(head[:-1] + b"x", None, ends=ends)
    assert (chunk.coding, len(chunk.data) < 60) == (Coding.ZSTD_SERIES, True)


def test_pixels_of_16_bits_go_as_differences_and_noise_as_it_is() -> None:
    _, chunks = travel(b"h" * 10 + smooth(5_000), PixelLayout(10, 10_000))
    assert chunks[1].coding == Coding.DELTA16
    _, chunks = travel(b"h" * 10 + os.urandom(5_000), PixelLayout(10, 5_000))
    assert chunks[1].coding == Coding.RAW


def test_an_odd_chunk_does_not_change_how_the_series_is_coded() -> None:
    ends = Encoder(), Decoder()
    data = b"h" * 10 + smooth(600_000)
    for _ in range(2):
        _, chunks = travel(data[:-1], PixelLayout(10, len(data) - 11), ends=ends)
        assert [chunk.coding for chunk in chunks[1:]] == [Coding.DELTA16, Coding.ZSTD]


def test_packed_data_is_not_coded_again_but_for_its_head() -> None:
    _, chunks = travel(bytes(3 * CHUNK_SIZE), None, packed=True)
    assert [chunk.coding for chunk in chunks] == [Coding.ZSTD, Coding.RAW, Coding.RAW]


def test_a_file_that_became_shorter_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(50))
    with pytest.raises(OSError, match="ended early"):
        list(Encoder().chunks("1", FileBlob(path, 0, 60), None, packed=False))


def test_more_series_than_dictionaries_still_come_out() -> None:
    ends = Encoder(), Decoder()
    for number in [*range(MAX_DICTIONARIES + 3)] * 2:
        data = b"head of a series, long enough to be a dictionary for the next " + b"%d" % number
        assert travel(data, None, series=str(number), ends=ends)[0] == data


def test_a_dictionary_is_the_first_head_of_its_series_for_ever() -> None:
    dictionaries = SeriesDictionaries()
    dictionaries.offer("1", b"short")
    assert dictionaries.get("1") is None
    dictionaries.offer("1", b"a" * 100)
    first = dictionaries.get("1")
    dictionaries.offer("1", b"b" * 100)
    assert dictionaries.get("1") is first


# -- hostile chunks


def compressed(data: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


BOMB = compressed(bytes(1 << 28))


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(Chunk(coding=Coding.RAW, size=5, data=b"four"), id="raw, shorter than announced"),
        pytest.param(Chunk(coding=Coding.RAW, size=3, data=b"four"), id="raw, longer than announced"),
        pytest.param(Chunk(coding=Coding.RAW, size=CHUNK_SIZE + 1, data=bytes(CHUNK_SIZE + 1)), id="too large"),
        pytest.param(Chunk(coding=Coding.ZSTD, size=10, data=BOMB), id="bomb that says so"),
        pytest.param(Chunk(coding=Coding.ZSTD, size=CHUNK_SIZE, data=BOMB), id="bomb for a whole chunk"),
        pytest.param(
            Chunk(coding=Coding.ZSTD, size=10, data=compressed(bytes(1 << 20), write_content_size=False)),
            id="bomb that hides its size",
        ),
        pytest.param(Chunk(coding=Coding.ZSTD, size=4, data=compressed(b"four") + b"more"), id="something behind"),
        pytest.param(Chunk(coding=Coding.ZSTD, size=4, data=compressed(b"four")[:-2]), id="cut short"),
        pytest.param(Chunk(coding=Coding.ZSTD, size=4, data=b""), id="empty"),
        pytest.param(Chunk(coding=Coding.ZSTD, size=4, data=b"noise and more noise"), id="noise"),
        pytest.param(Chunk(coding=Coding.ZSTD_SERIES, size=4, data=compressed(b"four")), id="no dictionary yet"),
        pytest.param(Chunk(coding=Coding.DELTA16, size=3, data=compressed(b"odd")), id="odd number of bytes"),
        pytest.param(Chunk(coding=4, size=4, data=b"four"), id="unknown coding"),
    ],
)
def test_a_hostile_chunk_is_a_wire_error(chunk: Chunk) -> None:
    with pytest.raises(WireError):
        Decoder().decode("1", chunk, first=True)


@given(coding=st.integers(0, 5), size=st.integers(0, 200), data=st.binary(max_size=200))
def test_any_chunk_decodes_to_its_announced_size_or_is_a_wire_error(coding: int, size: int, data: bytes) -> None:
    try:
        piece = Decoder().decode("1", Chunk(coding=coding, size=size, data=data), first=True)
    except WireError:
        return
    assert len(piece) == size


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/chunks.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_decode_to_their_outcomes(vector: dict[str, Any]) -> None:
    decoder = Decoder()
    chunks = [Chunk(coding=c["coding"], size=c["size"], data=bytes.fromhex(c["data"])) for c in vector["chunks"]]
    try:
        data = b"".join(decoder.decode("1", chunk, first=n == 0) for n, chunk in enumerate(chunks))
    except WireError:
        assert vector["outcome"] == "refused"
    else:
        assert (vector["outcome"], data.hex()) == ("success", vector["data"])
