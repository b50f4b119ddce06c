"""Measure the codings on a folder of DICOM files: python -m tools.measure_coding FOLDER... [--json].

For each folder, and without one for some images that PyPI ships: ratio, and megabytes of pixels a second of processor
time on one core, coding and decoding, of each way and of zlib-6 and zstd-3 beside them; and the ratio of whole files as
they cross a line of few MB/s (dense) or many (light), heads with the dictionary of their series.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import zstandard
from pydicom.data import get_testdata_file

from idas_p2p.dicom.part10 import read_part10
from idas_p2p.errors import MalformedInstance
from idas_p2p.exchange.codec.choice import Effort
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.pieces import Way, code_piece, decode_piece
from idas_p2p.exchange.coding import Encoder
from idas_p2p.node.serve import layout_of
from idas_p2p.wire.instance import Instance

SHIPPED = ("CT_small.dcm", "MR_small.dcm", "US1_UNCR.dcm", "examples_palette.dcm", "rtdose.dcm", "liver_1frame.dcm")
MAX_PIXELS = 64_000_000  # bytes of pixels measured of one folder
PEERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "zlib-6": (lambda data: zlib.compress(data, 6), zlib.decompress),
    "zstd-3": (zstandard.ZstdCompressor(level=3).compress, zstandard.ZstdDecompressor().decompress),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One way on one set of images."""

    images: str
    way: str
    ratio: float
    encode: float  # MB/s of one core
    decode: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_coding", description="Measure the codings.")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="of DICOM files")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    sets = {folder.name: files_of(folder) for folder in options.folders}
    sets = sets or {name: [Path(str(get_testdata_file(name, download=False)))] for name in SHIPPED}
    rows = [row for name, files in sets.items() for row in measure(name, list(instances(files)))]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print("| images | way | ratio | MB/s encode | MB/s decode |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.images} | {row.way} | {row.ratio:.2f} | {row.encode:.0f} | {row.decode:.0f} |")
    sys.stdout.flush()


def files_of(folder: Path) -> list[Path]:
    """All files below a folder, in order."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def instances(files: Iterable[Path]) -> Iterator[Instance]:
    """Those of the files that are instances."""
    for path in files:
        try:
            yield read_part10(path)
        except MalformedInstance:
            continue


def measure(name: str, found: list[Instance]) -> Iterator[Row]:
    """All ways on one set of images."""
    pieces = pixels_of(found)
    for way in Way:
        done = [(piece, code_piece(piece, grid, (way,))) for piece, grid in pieces]
        if all(coded.way is None for _, coded in done):
            continue  # not made for such pixels
        encode = clock(lambda way=way: [code_piece(piece, grid, (way,)) for piece, grid in pieces])  # type: ignore[misc]
        decode = clock(lambda done=done: [decode_piece(c.coding, len(p), c.data) for p, c in done])  # type: ignore[misc]
        yield row(name, way.name.lower(), [len(coded.data) for _, coded in done], pieces, encode, decode)
    for peer, (compress, decompress) in PEERS.items():
        packed = [compress(piece) for piece, _ in pieces]
        encode = clock(lambda compress=compress: [compress(piece) for piece, _ in pieces])  # type: ignore[misc]
        decode = clock(lambda packed=packed, decompress=decompress: [decompress(data) for data in packed])  # type: ignore[misc]
        yield row(name, peer, [len(data) for data in packed], pieces, encode, decode)
    yield from whole_files(name, found)


def pixels_of(found: list[Instance]) -> list[tuple[bytes, Grid]]:
    """The pieces of pixels that the encoder makes, up to MAX_PIXELS."""
    pieces, size = list[tuple[bytes, Grid]](), 0
    for instance in found:
        layout, packed = layout_of(instance)
        if packed or size > MAX_PIXELS:
            continue
        for piece in Encoder().pieces(instance.series_uid, instance.data, layout):
            if piece.grid is not None:
                pieces.append((bytes(piece.data), piece.grid))
                size += len(piece.data)
    return pieces


def whole_files(name: str, found: list[Instance]) -> Iterator[Row]:
    """Whole data sets, as one transfer brings them, for each effort; and through zlib-6."""
    size = sum(instance.data.size for instance in found)
    for effort in (Effort.LIGHT, Effort.DENSE):
        encoder, begun, coded = Encoder(), time.process_time(), 0
        for instance in found:
            layout, packed = layout_of(instance)
            chunks = encoder.chunks(instance.series_uid, instance.data, layout, packed=packed, effort=effort)
            coded += sum(len(chunk.data) for chunk in chunks)
        speed = size / 1e6 / (time.process_time() - begun)
        yield Row(name, f"whole files, {effort.name.lower()}", size / coded, speed, float("nan"))
    packed_size = sum(len(zlib.compress(instance.data.read(), 6)) for instance in found)
    yield Row(name, "whole files, zlib-6", size / packed_size, float("nan"), float("nan"))


def row(name: str, way: str, coded: list[int], pieces: list[tuple[bytes, Grid]], encode: float, decode: float) -> Row:
    """The figures of one way."""
    size = sum(len(piece) for piece, _ in pieces)
    return Row(name, way, size / sum(coded), size / 1e6 / encode, size / 1e6 / decode)


def clock(work: Callable[[], object]) -> float:
    """Seconds of processor time that some work takes."""
    begun = time.process_time()
    work()
    return max(time.process_time() - begun, 1e-9)


if __name__ == "__main__":
    main()
