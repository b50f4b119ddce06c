"""How the bytes of a data set travel: lossless codings of one chunk each; pure, the same bytes come out.

A data set is cut into its head (all before the pixels), chunks of pixels, and its tail. Heads go through zstd with the
first head of the same series as dictionary; pixels of 16-bit samples as differences, split into byte planes, through
zstd; what does not shrink goes as it is. Source: docs/spec/exchange.md section 5; figures: docs/performance.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import IntEnum

import numpy as np
import zstandard

from idas_p2p.blob import Blob
from idas_p2p.errors import WireError
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.messages import Chunk

MAX_DICTIONARY_SIZE = 131_072  # bytes; protocol: the heads of some makers take 78,000
MAX_DICTIONARIES = 64  # series of one transfer; later ones go without; protocol
_HEAD_LEVEL, _PIXEL_LEVEL = 3, 1  # zstd levels; ours


class Coding(IntEnum):
    """How a chunk's bytes are coded."""

    RAW = 0
    ZSTD = 1
    ZSTD_SERIES = 2  # zstd with the series' first head as dictionary
    DELTA16 = 3  # differences of 16-bit little-endian samples, low bytes then high bytes, zstd


class SeriesDictionaries:
    """The first head of each series; both sides of a transfer keep the same."""

    def __init__(self) -> None:
        self._heads: dict[str, zstandard.ZstdCompressionDict] = {}

    def get(self, series_uid: str) -> zstandard.ZstdCompressionDict | None:
        """The dictionary of a series, or None before its first head."""
        return self._heads.get(series_uid)

    def offer(self, series_uid: str, head: bytes) -> None:
        """Take a series' first chunk as its dictionary, once."""
        if series_uid not in self._heads and len(head) >= 64 and len(self._heads) < MAX_DICTIONARIES:
            self._heads[series_uid] = zstandard.ZstdCompressionDict(
                head[:MAX_DICTIONARY_SIZE], dict_type=zstandard.DICT_TYPE_RAWCONTENT
            )


class Encoder:
    """Codes the data sets of one transfer, in the order they are sent."""

    def __init__(self) -> None:
        self._dictionaries = SeriesDictionaries()
        self._best: dict[str, Coding] = {}  # by series

    def chunks(self, series_uid: str, data: Blob, layout: PixelLayout | None, *, packed: bool) -> Iterator[Chunk]:
        """Yield the coded chunks of one data set.

        Args:
            series_uid: of the instance.
            data: the data set.
            layout: where native pixels lie; None when unknown.
            packed: the data set is compressed already: only its head is worth coding.

        Raises:
            OSError: the data set cannot be read, or has become shorter.
        """
        for offset, size in _cuts(data.size, layout):
            piece = data.read(offset, size)
            if len(piece) != size:
                raise OSError("a data set ended early")
            if offset == 0:
                yield self._head(series_uid, piece)
            elif packed:
                yield _raw(piece)
            elif layout and layout.offset <= offset < layout.offset + layout.length:
                yield self._pixels(series_uid, piece)
            else:
                yield _smaller(piece, Coding.ZSTD, _zstd(piece, _PIXEL_LEVEL))

    def _pixels(self, series_uid: str, piece: bytes) -> Chunk:
        """Code pixels as the first chunk of the series was coded best; an odd number of bytes has no 16-bit samples."""
        best = self._best.get(series_uid)
        if len(piece) % 2 or best is Coding.ZSTD:
            return _smaller(piece, Coding.ZSTD, _zstd(piece, _PIXEL_LEVEL))
        differences = _smaller(piece, Coding.DELTA16, _delta16(piece))
        if best is Coding.DELTA16:
            return differences
        plain = _smaller(piece, Coding.ZSTD, _zstd(piece, _PIXEL_LEVEL))
        smaller = min(differences, plain, key=lambda chunk: len(chunk.data))
        if len(self._best) < MAX_DICTIONARIES:
            self._best[series_uid] = Coding.ZSTD if smaller is plain else Coding.DELTA16
        return smaller

    def _head(self, series_uid: str, piece: bytes) -> Chunk:
        dictionary = self._dictionaries.get(series_uid)
        self._dictionaries.offer(series_uid, piece)
        coding = Coding.ZSTD if dictionary is None else Coding.ZSTD_SERIES
        return _smaller(piece, coding, _zstd(piece, _HEAD_LEVEL, dictionary))


class Decoder:
    """Reverses an Encoder; what it is given is hostile until the instance's digest was checked."""

    def __init__(self) -> None:
        self._dictionaries = SeriesDictionaries()

    def decode(self, series_uid: str, chunk: Chunk, *, first: bool) -> bytes:
        """Return the bytes of a chunk.

        Args:
            series_uid: of the instance.
            chunk: as received.
            first: whether it is the first of its instance.

        Raises:
            WireError: unknown coding, or not the announced number of bytes.
        """
        piece = self._decode(series_uid, chunk)
        if len(piece) != chunk.size:
            raise WireError("a chunk does not have its announced size")
        if first:
            self._dictionaries.offer(series_uid, piece)
        return piece

    def _decode(self, series_uid: str, chunk: Chunk) -> bytes:
        if chunk.size > CHUNK_SIZE:
            raise WireError("a chunk is too large")
        if chunk.coding == Coding.RAW:
            return chunk.data
        if chunk.coding == Coding.ZSTD:
            return _unzstd(chunk)
        if chunk.coding == Coding.ZSTD_SERIES:
            if (dictionary := self._dictionaries.get(series_uid)) is None:
                raise WireError("a chunk needs the first head of its series, which has not come")
            return _unzstd(chunk, dictionary)
        if chunk.coding == Coding.DELTA16:
            return _undelta16(_unzstd(chunk))
        raise WireError("unknown coding of a chunk")


def _cuts(size: int, layout: PixelLayout | None) -> Iterator[tuple[int, int]]:
    """Offsets and sizes of the chunks: head, pixels and tail never share one."""
    edges = [0, size]
    if layout is not None and 0 < layout.offset <= size:
        edges = sorted({0, layout.offset, min(size, layout.offset + layout.length), size})
    for begin, end in itertools.pairwise(edges):
        for offset in range(begin, end, CHUNK_SIZE):
            yield offset, min(CHUNK_SIZE, end - offset)


def _raw(piece: bytes) -> Chunk:
    return Chunk(coding=Coding.RAW, size=len(piece), data=piece)


def _smaller(piece: bytes, coding: Coding, coded: bytes) -> Chunk:
    return Chunk(coding=coding, size=len(piece), data=coded) if len(coded) < len(piece) else _raw(piece)


def _zstd(piece: bytes, level: int, dictionary: zstandard.ZstdCompressionDict | None = None) -> bytes:
    compressor = zstandard.ZstdCompressor(level=level, dict_data=dictionary, write_checksum=False)
    return compressor.compress(piece)


def _unzstd(chunk: Chunk, dictionary: zstandard.ZstdCompressionDict | None = None) -> bytes:
    try:
        if zstandard.frame_content_size(chunk.data) != chunk.size:
            raise WireError("a chunk does not have its announced size")
        return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(
            chunk.data, max_output_size=chunk.size, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise WireError("a chunk cannot be decompressed") from None


def _delta16(piece: bytes) -> bytes:
    samples = np.frombuffer(piece, dtype="<u2")
    differences = np.empty_like(samples)
    differences[:1] = samples[:1]
    np.subtract(samples[1:], samples[:-1], out=differences[1:])
    planes = differences.view(np.uint8).reshape(-1, 2).T
    return _zstd(np.ascontiguousarray(planes).tobytes(), _PIXEL_LEVEL)


def _undelta16(planes: bytes) -> bytes:
    if len(planes) % 2:
        raise WireError("a chunk of 16-bit samples has an odd size")
    differences = np.ascontiguousarray(np.frombuffer(planes, dtype=np.uint8).reshape(2, -1).T).view("<u2").ravel()
    return np.cumsum(differences, dtype="<u2").tobytes()
