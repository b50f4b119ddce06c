"""Chunks: the same bytes come out whatever goes in, and nothing hostile gets past the announced size."""

from __future__ import annotations

import importlib.resources
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.blob import FileBlob, MemoryBlob
from idas_p2p.dicom.part10 import HEAD_SIZE, read_meta
from idas_p2p.errors import MalformedInstance, WireError
from idas_p2p.exchange.codec.choice import Effort
from idas_p2p.exchange.coding import MAX_DICTIONARIES, Coding, Decoder, Encoder, SeriesDictionaries, cuts
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.node.serve import layout_of
from idas_p2p.wire.fetching import Chunk
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.messages import decode_message, encode_message
from tests.exchange.codec.images import smooth

REAL_IMAGES = "IDAS_REAL_IMAGES"
"""Environment variable: a folder of DICOM files that are to travel as well."""

GREY = {"rows": 100, "columns": 80, "bits_allocated": 16}
RGB = {"rows": 60, "columns": 50, "bits_allocated": 8, "samples": 3}


def travel(
    data: bytes,
    layout: PixelLayout | None,
    *,
    packed: bool = False,
    series: str = "1",
    ends: Any = None,
    effort: Effort = Effort.DENSE,
) -> tuple[bytes, list[Chunk]]:
    """The data set as it comes out at the other end, and the chunks that carried it."""
    encoder, decoder = ends or (Encoder(), Decoder())
    chunks = [
        decode_message(encode_message(chunk))
        for chunk in encoder.chunks(series, MemoryBlob(data), layout, packed=packed, effort=effort)
    ]
    return b"".join(decoder.decode(series, chunk, first=n == 0) for n, chunk in enumerate(chunks)), chunks


layouts = st.builds(
    PixelLayout,
    st.integers(0, 3_500),
    st.integers(0, 3_500),
    rows=st.integers(0, 40),
    columns=st.integers(0, 70_000) | st.integers(1, 30),
    samples=st.sampled_from([1, 1, 3, 0, 2, 4]),
    bits_allocated=st.sampled_from([1, 8, 8, 12, 16, 16, 32, 64, 0, 65_535]),
    is_planar=st.booleans(),
    is_big_endian=st.booleans(),
)


@given(data=st.binary(max_size=3_000), layout=st.none() | layouts, packed=st.booleans(), effort=st.sampled_from(Effort))
def test_any_bytes_come_out_as_they_went_in(
    data: bytes, layout: PixelLayout | None, packed: bool, effort: Effort
) -> None:
    assert travel(data, layout, packed=packed, effort=effort)[0] == data


@given(layout=st.none() | layouts, size=st.integers(0, 3 * CHUNK_SIZE), start=st.integers(0, 3 * CHUNK_SIZE))
def test_chunks_follow_each_other_without_gaps_and_end_where_those_from_the_start_end(
    layout: PixelLayout | None, size: int, start: int
) -> None:
    whole, rest = list(cuts(size, layout)), list(cuts(size, layout, start=start))
    assert sum(length for _, length in whole) == size
    assert all(0 < length <= CHUNK_SIZE for _, length in whole)
    ends = [offset + length for offset, length in whole]
    assert [offset for offset, _ in whole] == [0, *ends][: len(whole)]
    assert [offset + length for offset, length in rest] == [end for end in ends if end > start]


def test_chunks_of_pixels_hold_whole_frames_or_whole_rows_of_one() -> None:
    small = PixelLayout(100, 50 * 2 * 300 * 300 + 1, rows=300, columns=300, bits_allocated=16)
    sizes = [size for _, size in cuts(100 + small.length + 9, small)]
    assert sizes == [100, *[5 * 180_000] * 10, 10]
    large = PixelLayout(100, 2 * 2_000 * 1_500, rows=2_000, columns=1_500, bits_allocated=16)
    assert [size for _, size in cuts(100 + large.length, large)] == [100, *[349 * 3_000] * 5, 255 * 3_000]


@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=6),
    head=st.binary(min_size=0, max_size=200),
    series=st.lists(st.sampled_from("AB"), min_size=6, max_size=6),
    effort=st.sampled_from(Effort),
)
def test_a_whole_series_comes_out_as_it_went_in(
    sizes: list[int], head: bytes, series: list[str], effort: Effort
) -> None:
    ends = Encoder(), Decoder()
    for size, name in zip(sizes, series, strict=False):
        data = head + smooth(size, 3) + b"tail"
        layout = PixelLayout(len(head), 6 * size, rows=size, columns=3, bits_allocated=16)
        assert travel(data, layout, series=name, ends=ends, effort=effort)[0] == data


@pytest.mark.parametrize("start", [1, 100, 101, 8_000, 16_099, 16_100, 16_104])
def test_what_goes_on_in_the_middle_comes_out_as_it_went_in(start: int) -> None:
    data = b"h" * 100 + smooth(100, 80) + b"tail"
    chunks = list(Encoder().chunks("1", MemoryBlob(data), PixelLayout(100, 16_000, **GREY), packed=False, start=start))  # type: ignore[arg-type]
    assert b"".join(Decoder().decode("1", chunk, first=False) for chunk in chunks) == data[start:]


def shipped() -> Iterator[Path]:
    """The files that pydicom, pydicom-data and deid-data ship."""
    for package in ("pydicom", "data_store", "deid_data"):
        root = Path(str(importlib.resources.files(package)))
        yield from (path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix not in (".py", ".pyc"))


def check_file(raw: bytes) -> list[Chunk] | None:
    """Send what the file holds twice, with each effort; None when it is no DICOM file."""
    try:
        meta = read_meta(raw[:HEAD_SIZE])
    except MalformedInstance:
        return None
    data = raw[meta.size :]
    instance = Instance(
        study_uid="1",
        series_uid="1",
        sop_class_uid="1",
        sop_instance_uid="1",
        transfer_syntax_uid=meta.transfer_syntax_uid,
        data=MemoryBlob(data),
    )
    layout, packed = layout_of(instance)
    ends = Encoder(), Decoder()
    for effort in Effort:
        for _ in range(2):
            back, chunks = travel(data, layout, packed=packed, ends=ends, effort=effort)
            assert back == data
    return chunks


@pytest.mark.slow
def test_every_file_the_packages_ship_comes_out_byte_for_byte() -> None:
    seen = coded = 0
    for path in shipped():
        raws = [path.read_bytes()]
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                raws = [archive.read(name) for name in archive.namelist()]
        for raw in raws:
            if (chunks := check_file(raw)) is not None:
                seen += 1
                coded += any(chunk.coding > Coding.ZSTD_SERIES for chunk in chunks)
    assert seen > 150
    assert coded > 50


def test_every_file_of_a_folder_comes_out_byte_for_byte() -> None:
    folder = os.environ.get(REAL_IMAGES)
    if not folder:
        pytest.skip(f"{REAL_IMAGES} names no folder of DICOM files")
    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    assert sum(check_file(path.read_bytes()) is not None for path in files) > 0


REAL = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_palette.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "image_dfl.dcm",
]


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_comes_out_byte_for_byte(name: str) -> None:
    assert check_file(Path(str(pydicom.data.get_testdata_file(name, download=False))).read_bytes()) is not None


@pytest.mark.parametrize("length", [1_000, 5_001, 30_000])
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "US1_UNCR.dcm", "rtdose.dcm"])
def test_a_file_that_is_cut_short_comes_out_byte_for_byte(name: str, length: int) -> None:
    path = Path(str(pydicom.data.get_testdata_file(name, download=False)))
    assert check_file(path.read_bytes()[:length]) is not None


def test_the_second_head_of_a_series_costs_almost_nothing() -> None:
    head = os.urandom(2_000)
    ends = Encoder(), Decoder()
    travel(head, None, ends=ends)
    _, (chunk,) = travel(head[:-1] + b"x", None, ends=ends)
    assert (chunk.coding, len(chunk.data) < 60) == (Coding.ZSTD_SERIES, True)


def test_pixels_are_coded_by_what_they_are_and_noise_goes_as_it_is() -> None:
    grey, rgb = PixelLayout(10, 16_000, **GREY), PixelLayout(10, 9_000, **RGB)  # type: ignore[arg-type]
    colours = np.repeat(np.frombuffer(smooth(60, 50, dtype="u1"), "u1"), 3).tobytes()
    codings = {
        (Effort.DENSE, Coding.JPEG_LS): (smooth(100, 80), grey),
        (Effort.LIGHT, Coding.DIFFERENCES): (smooth(100, 80), grey),
        (Effort.DENSE, Coding.JPEG_LS_COLOURS): (colours, rgb),
        (Effort.DENSE, Coding.RAW): (os.urandom(16_000), grey),
        (Effort.NONE, Coding.RAW): (bytes(16_000), grey),
    }
    for (effort, coding), (pixels, layout) in codings.items():
        _, chunks = travel(b"h" * 10 + pixels, layout, effort=effort)
        assert chunks[1].coding == coding


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
    layout = PixelLayout(66, 6, rows=1, columns=3, bits_allocated=16)
    for number in [*range(MAX_DICTIONARIES + 3)] * 2:
        data = b"head of a series, long enough to be a dictionary for the next one " + b"%06d" % number
        assert travel(data, layout, series=str(number), ends=ends)[0] == data


@pytest.mark.parametrize("compresses", [False, True])
def test_a_dictionary_is_the_first_head_of_its_series_for_ever(compresses: bool) -> None:
    dictionaries = SeriesDictionaries(compresses=compresses)
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
        pytest.param(Chunk(coding=6, size=4, data=b"four"), id="unknown coding"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_hostile_chunk_is_a_wire_error(chunk: Chunk, first: bool) -> None:
    with pytest.raises(WireError):
        Decoder().decode("1", chunk, first=first)


def test_a_first_chunk_of_pixels_is_refused() -> None:
    layout = PixelLayout(10, 16_000, **GREY)  # type: ignore[arg-type]
    for effort in (Effort.LIGHT, Effort.DENSE):
        _, (_, chunk) = travel(b"h" * 10 + smooth(100, 80), layout, effort=effort)
        with pytest.raises(WireError, match="first chunk"):
            Decoder().decode("1", chunk, first=True)


@given(coding=st.integers(0, 6), size=st.integers(0, 200), data=st.binary(max_size=200), first=st.booleans())
def test_any_chunk_decodes_to_its_announced_size_or_is_a_wire_error(
    coding: int, size: int, data: bytes, first: bool
) -> None:
    try:
        piece = Decoder().decode("1", Chunk(coding=coding, size=size, data=data), first=first)
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
