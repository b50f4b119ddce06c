"""Work on one piece: what is to be done, the doing, and both as bytes between a node and its worker processes.

Law: what a worker answers is parsed like what a peer sends: it has read hostile bytes.
Belongs here: jobs, outcomes, their bytes. Not here: who does them (workshop.py), the processes (processes.py). Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import zstandard

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.differences import unzstd
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.pieces import JPEG_LS_CODINGS, JPEG_LS_WAYS, Coded, Coding, Way, code_piece, decode_piece
from idas_p2p.limits import CHUNK_SIZE, MAX_MESSAGE_SIZE

HEAD_LEVEL: Final = 3  # of zstd, for heads; ours

_ENCODE: Final = struct.Struct(">BLBBBLBL")  # kind, the grid (no columns: none), how many ways; size
_DECODE: Final = struct.Struct(">BBLL")  # kind, coding, size of the piece and of the data
_OUTCOME: Final = struct.Struct(">BBBL")  # done, coding, way, size
_ENCODING, _DECODING = 1, 2
_NO_WAY: Final = 255


@dataclass(frozen=True, slots=True)
class Encode:
    """Code a piece in the best of some ways."""

    piece: Octets
    grid: Grid | None
    ways: tuple[Way, ...]

    @property
    def size(self) -> int:
        """Bytes of the piece."""
        return len(self.piece)

    is_done: Final = False

    @property
    def is_heavy(self) -> bool:
        """Whether it would keep other threads from running."""
        return not JPEG_LS_WAYS.isdisjoint(self.ways)

    def perform(self) -> Coded:
        """Do it."""
        return code_piece(self.piece, self.grid, self.ways)

    def to_bytes(self) -> bytes:
        """For a worker."""
        grid = self.grid or Grid(columns=0, sample_size=1)
        kind = grid.planar | grid.big_endian << 1
        shape = (grid.columns, grid.sample_size, grid.samples, kind, grid.rows)
        return b"".join((_ENCODE.pack(_ENCODING, *shape, len(self.ways), self.size), bytes(self.ways), self.piece))


@dataclass(frozen=True, slots=True)
class EncodeHead:
    """Code the head of a data set, with the dictionary of its series if there is one."""

    piece: Octets
    dictionary: zstandard.ZstdCompressionDict | None
    is_heavy: Final = False
    is_done: Final = False

    @property
    def size(self) -> int:
        """Bytes of the head."""
        return len(self.piece)

    def perform(self) -> Coded:
        """Do it."""
        compressor = zstandard.ZstdCompressor(level=HEAD_LEVEL, dict_data=self.dictionary, write_checksum=False)
        data = compressor.compress(self.piece)
        if len(data) >= self.size:
            return Coded(Coding.RAW, self.piece)
        return Coded(Coding.ZSTD if self.dictionary is None else Coding.ZSTD_SERIES, data)


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode a chunk; with the dictionary of its series where its coding takes it."""

    coding: int
    size: int
    data: Octets
    dictionary: zstandard.ZstdCompressionDict | None = None

    @property
    def is_done(self) -> bool:
        """Whether the bytes are there already."""
        return self.coding == Coding.RAW

    @property
    def is_heavy(self) -> bool:
        """Whether it would keep other threads from running."""
        return self.coding in JPEG_LS_CODINGS

    def perform(self) -> Octets:
        """Do it; WireError when it is not what it says."""
        if self.coding != Coding.ZSTD_SERIES:
            return decode_piece(self.coding, self.size, self.data)
        if self.dictionary is None:
            raise WireError("a chunk needs the first head of its series, which has not come")
        if self.size > CHUNK_SIZE:
            raise WireError("a chunk is too large")
        return unzstd(self.size, self.data, self.dictionary)

    def to_bytes(self) -> bytes:
        """For a worker."""
        return b"".join((_DECODE.pack(_DECODING, self.coding, self.size, len(self.data)), self.data))


Job = Encode | EncodeHead | Decode
Outcome = Coded | Octets | WireError


def perform_all(jobs: Sequence[Job]) -> list[Outcome]:
    """Do jobs one after another; what is malformed is an outcome."""
    return [_outcome(job) for job in jobs]


def _outcome(job: Job) -> Outcome:
    try:
        return job.perform()
    except WireError as error:
        return error


def read_jobs(data: bytes) -> Iterator[Encode | Decode]:
    """The jobs of a batch, in a worker."""
    offset = 0
    while offset < len(data):
        if data[offset] == _ENCODING:
            _, columns, sample_size, samples, kind, rows, count, size = _ENCODE.unpack_from(data, offset)
            offset += _ENCODE.size
            ways = tuple(map(Way, data[offset : offset + count]))
            offset += count
            grid = Grid(columns, sample_size, samples, bool(kind & 1), rows, bool(kind & 2)) if columns else None
            yield Encode(data[offset : offset + size], grid, ways)
        else:
            _, coding, piece_size, size = _DECODE.unpack_from(data, offset)
            offset += _DECODE.size
            yield Decode(coding, piece_size, data[offset : offset + size])
        offset += size


def outcome_bytes(outcome: Outcome) -> bytes:
    """An outcome, in a worker."""
    if isinstance(outcome, Coded):
        way = _NO_WAY if outcome.way is None else outcome.way
        return b"".join((_OUTCOME.pack(1, outcome.coding, way, len(outcome.data)), outcome.data))
    if not isinstance(outcome, WireError):
        return b"".join((_OUTCOME.pack(1, 0, _NO_WAY, len(outcome)), outcome))
    text = str(outcome).encode()
    return _OUTCOME.pack(0, 0, _NO_WAY, len(text)) + text


def read_outcomes(data: bytes, jobs: Sequence[Job]) -> list[Outcome]:
    """What a worker made of a batch.

    Raises:
        ValueError: not an answer to these jobs.
    """
    outcomes, offset = list[Outcome](), 0
    for job in jobs:
        if len(data) < offset + _OUTCOME.size:
            raise ValueError("a worker's answer is cut short")
        done, coding, way, size = _OUTCOME.unpack_from(data, offset)
        offset += _OUTCOME.size
        body = data[offset : offset + size]
        offset += size
        if len(body) != size or size > MAX_MESSAGE_SIZE:
            raise ValueError("a worker's answer is cut short")
        if not done:
            outcomes.append(WireError(body.decode(errors="replace")))
        elif isinstance(job, Decode):
            if size != job.size:
                raise ValueError("a worker's answer has another size")
            outcomes.append(body)
        else:
            outcomes.append(Coded(Coding(coding), body, None if way == _NO_WAY else Way(way)))
    if offset != len(data):
        raise ValueError("a worker answers more than it was asked")
    return outcomes
