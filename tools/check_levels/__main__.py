"""Plant identifiers of made-up patients in real files, show them at each level, and say what was right.

    python -m tools.check_levels [FOLDER...] [--files 500] [--json]

Files are those of pydicom, pydicom-data, deid-data and pynetdicom, then those of the folder that IDAS_REAL_IMAGES
names, then those of FOLDERs; nothing of them is kept. Exit status 1 when one thing was wrong. docs/security.md G19.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.levels.engine import Engine
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.part10 import read_meta
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import AccessDenied, MalformedInstance
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import BurnedIn, Level, Option, Region
from tools.check_levels.files import real_files
from tools.check_levels.judging import Book, Class, judge, judge_pixels
from tools.check_levels.planting import PEOPLE, Planted, plant

BOX_ROWS: Final = 8  # first rows of an image that the template blanks
PASSES: Final = replace(DEIDENTIFIED, burned_in=BurnedIn.ALLOW)
RESEARCH: Final = replace(
    PASSES,
    name="research",
    options=frozenset({Option.CLEAN_DESCRIPTORS, Option.RETAIN_MODIFIED_DATES, Option.RETAIN_SAFE_PRIVATE}),
)
"""The options that MIDI-B asks for."""
BOXED: Final = replace(RESEARCH, name="boxed", regions=(Region(boxes=((0, 0, 65_535, BOX_ROWS),)),))
SHOWN: Final = 40  # kinds of findings that are wrong, of each level
KEY: Final = bytes(32)  # of the pseudonyms; any will do


def check(paths: Iterable[Path]) -> tuple[list[Book], Counter[str], int]:
    """Plant in every file and judge every level; books, kinds of places by how often, and how many files."""
    books = [Book(level) for level in (OBSCURED, PASSES, RESEARCH, BOXED)]
    kinds, count = Counter[str](), 0
    for path in paths:
        planted = plant(path, PEOPLE[count % len(PEOPLE)])
        instance = instance_of(planted) if planted is not None else None
        if planted is None or instance is None:
            continue
        count += 1
        kinds.update(planted.kinds)
        for book in books[:-1]:
            try:
                judge(book, planted, engine(book.level).apply(instance))
            except (AccessDenied, MalformedInstance):
                book.refused += 1
        _pixels(books[-1], planted, instance)
    return books, kinds, count


@cache
def engine(level: Level) -> Engine:
    """What applies a level."""
    return Engine(Plan(level), Pseudonyms(KEY))


def instance_of(planted: Planted) -> Instance | None:
    """As an archive gives it; None when it could not be shown at all, planted or not."""
    meta = read_meta(planted.data)
    data = MemoryBlob(planted.data[meta.size :])
    try:
        instance = header_of(data, meta.transfer_syntax_uid).instance(data, meta.transfer_syntax_uid)
        engine(OBSCURED).parts(instance)
    except MalformedInstance:
        return None
    return instance


def _pixels(book: Book, planted: Planted, instance: Instance) -> None:
    if "PixelData" not in planted.dataset or int(planted.dataset.get("Rows", 0)) <= BOX_ROWS:
        return
    try:
        judge_pixels(book, planted, engine(book.level).apply(instance), BOX_ROWS)
    except (AccessDenied, MalformedInstance):
        judge_pixels(book, planted, None, BOX_ROWS)


def table(books: Sequence[Book]) -> dict[str, dict[str, list[int]]]:
    """How many findings were right, and how many there were, by level and class."""
    return {
        str(book.level): {
            str(kind): [book.right[kind], book.right[kind] + sum(kind is one for one, _, _ in book.wrong)]
            for kind in Class
            if book.right[kind] or any(kind is one for one, _, _ in book.wrong)
        }
        for book in books
    }


def _show(found: dict[str, Any], books: Sequence[Book]) -> None:
    print(f"{found['files']} files, {found['kinds']} kinds of places")
    levels = list(found["right"])
    print(f"{'':24}" + "".join(f"{level:>20}" for level in levels))
    for kind in Class:
        cells = (found["right"][level].get(str(kind)) for level in levels)
        print(f"{kind!s:24}" + "".join(f"{f'{cell[0]} of {cell[1]}' if cell else '-':>20}" for cell in cells))
    print(f"{'(not shown)':24}" + "".join(f"{found['refused'][level]:>20}" for level in levels))
    for book in books:
        files = Counter((kind, place) for kind, _, place in book.wrong)
        first = {(kind, place): file for kind, file, place in reversed(book.wrong)}
        for (kind, place), count in files.most_common(SHOWN):
            print(f"WRONG {book.level}: {kind}: {place}, {count} times, first in {first[kind, place]}")


def main() -> int:
    """Check and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_levels", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER", help="more DICOM files")
    parser.add_argument("--files", type=int, default=500, help="how many at most (500)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    books, kinds, count = check(islice(real_files(options.folders), options.files))
    found = {
        "files": count,
        "kinds": len(kinds),
        "right": table(books),
        "wrong": sum(len(book.wrong) for book in books),
        "refused": {str(book.level): book.refused for book in books},
    }
    if options.json:
        print(json.dumps(found))
    else:
        _show(found, books)
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
