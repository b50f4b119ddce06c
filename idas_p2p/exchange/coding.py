"""How a data set is cut into chunks, and how each is coded: the head with the first of its series, pixels as pixels.

A data set is its head (all before the pixels), chunks of whole frames or rows, and its tail. Heads go through zstd with
the first head of the same series as dictionary; what does not shrink goes as it is.
Belongs here: cuts, dictionaries, what there is to do, in order. Not here: the codings (codec), when and where they are
done (outbox.py, unpack.py). Pure. Source: docs/spec/exchange.md section 5; figures: docs/performance.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import zstandard

from idas_p2p.blob import Blob, Octets, view
from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.choice import Effort, SeriesWays
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.jobs import HEAD_LEVEL, Decode, Encode, EncodeHead
from idas_p2p.exchange.codec.pieces import Coded, Coding, Way
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.fetching import Chunk

MAX_DICTIONARY_SIZE: Final = 131_072  # bytes; protocol: the heads of some makers take 78,000
MIN_DICTIONARY_SIZE: Final = 64  # bytes; protocol
MAX_DICTIONARIES: Final = 64  # series of one transfer; later ones go without; protocol

__all__ = ["Coding"]  # where others look for it


class SeriesDictionaries:
    """The first head of each series; both sides of a transfer keep the same.

    Args:
        compresses: whether they are made ready for compressing, which saves a tenth of a millisecond each time.
    """

    def __init__(self, *, compresses: bool = False) -> None:
        self._heads: dict[str, zstandard.ZstdCompressionDict] = {}
        self._compresses = compresses

    def get(self, series_uid: str) -> zstandard.ZstdCompressionDict | None:
        """The dictionary of a series, or None before its first head."""
        return self._heads.get(series_uid)

    def offer(self, series_uid: str, head: Octets) -> None:
        """Take a series' first chunk as its dictionary, once."""
        if series_uid in self._heads or len(head) < MIN_DICTIONARY_SIZE or len(self._heads) >= MAX_DICTIONARIES:
            return
        dictionary = zstandard.ZstdCompressionDict(head[:MAX_DICTIONARY_SIZE], dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        if self._compresses:
            dictionary.precompute_compress(level=HEAD_LEVEL)
        self._heads[series_uid] = dictionary


@dataclass(frozen=True, slots=True)
class Piece:
    """What one chunk will carry, and what is to be done with it."""

    offset: int  # bytes from the start of the data set
    data: Octets
    grid: Grid | None = None  # of whole rows of pixels
    ways: SeriesWays | None = None  # what its series has taught; of pixels only


class Encoder:
    """Cuts the data sets of one transfer, in the order they are sent, and says what is to be done with each piece."""

    def __init__(self) -> None:
        self._dictionaries = SeriesDictionaries(compresses=True)
        self._ways: dict[str, SeriesWays] = {}

    def pieces(self, series_uid: str, data: Blob, layout: PixelLayout | None, *, start: int = 0) -> Iterator[Piece]:
        """Read the pieces of one data set.

        Args:
            series_uid: of the instance.
            data: the data set.
            layout: where native pixels lie; None when unknown.
            start: bytes that the other side has; they are left out.

        Raises:
            OSError: the data set cannot be read, or has become shorter.
        """
        grid = None if layout is None else grid_of(layout)
        begin, end, _ = _pixels(data.size, layout)
        for offset, size in cuts(data.size, layout, start=start):
            piece = view(data, offset, size)
            if len(piece) != size:
                raise OSError("a data set ended early")
            if not begin <= offset < end or offset == start:  # what goes on where it was cut may be no whole rows
                yield Piece(offset, piece)
            else:
                of_rows = grid is not None and size % grid.row_size == 0
                yield Piece(offset, piece, grid if of_rows else None, self._ways_of(series_uid))

    def job(self, series_uid: str, piece: Piece, effort: Effort) -> Encode | EncodeHead | None:
        """What is to be done with the next piece; None when it goes as it is. Here heads become dictionaries."""
        if piece.offset == 0:
            dictionary = self._dictionaries.get(series_uid)
            self._dictionaries.offer(series_uid, piece.data)
            return EncodeHead(piece.data, dictionary) if effort else None
        if not effort:
            return None
        if piece.ways is None:
            return Encode(piece.data, None, (Way.ZSTD,))
        return Encode(piece.data, piece.grid, piece.ways.ways(effort))

    def chunks(
        self,
        series_uid: str,
        data: Blob,
        layout: PixelLayout | None,
        *,
        packed: bool,
        start: int = 0,
        effort: Effort = Effort.DENSE,
    ) -> Iterator[Chunk]:
        """Yield the coded chunks of one data set, each coded here and now.

        Args:
            series_uid: as for `pieces`, and so the next two.
            data: see above.
            layout: see above.
            packed: the data set is compressed already: only its head is worth coding.
            start: bytes that the other side has; they are left out.
            effort: how hard to try.
        """
        for piece in self.pieces(series_uid, data, layout, start=start):
            spent = Effort.NONE if packed and piece.offset else effort
            job = self.job(series_uid, piece, spent)
            yield chunk_of(piece, spent, None if job is None else job.perform())

    def _ways_of(self, series_uid: str) -> SeriesWays:
        if series_uid not in self._ways and len(self._ways) >= MAX_DICTIONARIES:
            return SeriesWays()
        return self._ways.setdefault(series_uid, SeriesWays())


def chunk_of(piece: Piece, effort: Effort, coded: Coded | None) -> Chunk:
    """The chunk of a piece, coded or as it is; what it taught is noted."""
    if coded is None:
        return Chunk(coding=Coding.RAW, size=len(piece.data), data=piece.data)
    if piece.ways is not None:
        piece.ways.learn(effort, len(piece.data), coded)
    return Chunk(coding=coded.coding, size=len(piece.data), data=coded.data)


class Decoder:
    """Reverses an Encoder; what it is given is hostile until the instance's digest was checked."""

    def __init__(self) -> None:
        self._dictionaries = SeriesDictionaries()

    def job(self, series_uid: str, chunk: Chunk, *, first: bool) -> Decode:
        """What is to be done with the next chunk.

        Args:
            series_uid: of the instance.
            chunk: as received.
            first: whether it is the first of its instance: then nothing after it may be asked for before `done`.

        Raises:
            WireError: a first chunk coded as pixels, or larger than a chunk may be.
        """
        if chunk.size > CHUNK_SIZE:
            raise WireError("a chunk is too large")
        if first and chunk.coding > Coding.ZSTD_SERIES:
            raise WireError("the first chunk of an instance is coded as pixels")
        dictionary = self._dictionaries.get(series_uid) if chunk.coding == Coding.ZSTD_SERIES else None
        return Decode(chunk.coding, chunk.size, chunk.data, dictionary)

    def done(self, series_uid: str, piece: Octets) -> None:
        """The first chunk of an instance was decoded: the dictionary of its series if that has none."""
        self._dictionaries.offer(series_uid, piece)

    def decode(self, series_uid: str, chunk: Chunk, *, first: bool) -> Octets:
        """Return the bytes of a chunk, decoded here and now.

        Raises:
            WireError: unknown coding, malformed, or not the announced number of bytes.
        """
        piece = self.job(series_uid, chunk, first=first).perform()
        if first:
            self.done(series_uid, piece)
        return piece


def cuts(size: int, layout: PixelLayout | None, *, start: int = 0) -> Iterator[tuple[int, int]]:
    """Offsets and sizes of the chunks from `start` on: head, pixels and tail never share one.

    They end where those from 0 on end: only the first may begin elsewhere, and is then coded without regard to samples.
    """
    begin, end, step = _pixels(size, layout)
    edges = sorted({0, begin, end, size}) if begin < end else [0, size]
    for part, until in itertools.pairwise(edges):
        of_part = step if part == begin and begin < end else CHUNK_SIZE
        for offset in range(part, until, of_part):
            stop = min(offset + of_part, until)
            if stop > start:
                yield max(offset, start), stop - max(offset, start)


def grid_of(layout: PixelLayout) -> Grid | None:
    """How the pixels lie, where that is known and a row fits a chunk."""
    sample_size, odd_bits = divmod(layout.bits_allocated, 8)
    if not layout.rows or not layout.columns or odd_bits or sample_size not in (1, 2, 4, 8):
        return None
    if layout.samples not in (1, 3):
        return None
    grid = Grid(
        columns=layout.columns,
        sample_size=sample_size,
        samples=layout.samples,
        planar=layout.is_planar and layout.samples == 3,
        rows=layout.rows,
        big_endian=layout.is_big_endian,
    )
    return grid if grid.row_size <= CHUNK_SIZE else None


def _pixels(size: int, layout: PixelLayout | None) -> tuple[int, int, int]:
    """Where pixels begin and whole rows of them end, and how many bytes a chunk takes: whole frames, or rows of one."""
    if layout is None or not 0 < layout.offset <= size:
        return 0, 0, CHUNK_SIZE
    length = min(layout.length, size - layout.offset)
    if (grid := grid_of(layout)) is None:
        return layout.offset, layout.offset + length, CHUNK_SIZE
    unit = grid.frame_size if grid.frame_size <= CHUNK_SIZE else grid.row_size
    whole = length - length % (grid.row_size if not grid.planar else unit)
    if not whole:
        return layout.offset, layout.offset + length, CHUNK_SIZE
    return layout.offset, layout.offset + whole, CHUNK_SIZE // unit * unit
