"""Large studies from few files: copies that differ in the UIDs of series and instance, patched in place.

Belongs here: making them. A copy has the size of its source, and its pixels; a coding that looks no further than one
instance, as ours, gains nothing by the repetition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from tools.images import StudyFiles

_ROOT = b"2.25."  # for UIDs that are nothing but a number; PS3.5 B.2


class NotPatchable(Exception):
    """A file whose UIDs are too short, or not where they can be replaced; take other files."""


@dataclass(frozen=True, slots=True)
class _Source:
    """One file to be copied, and the two UIDs in it that each copy replaces."""

    raw: bytes
    instance: bytes
    series: bytes

    @classmethod
    def read(cls, path: Path) -> _Source:
        image = pydicom.dcmread(path, stop_before_pixels=True)
        source = cls(path.read_bytes(), str(image.SOPInstanceUID).encode(), str(image.SeriesInstanceUID).encode())
        if source.raw.count(source.instance) < 2 or min(len(source.instance), len(source.series)) < 20:
            raise NotPatchable(str(path))
        return source

    def copy(self, round_: int) -> bytes:
        instance, series = (another_uid(uid, round_) for uid in (self.instance, self.series))
        return self.raw.replace(self.instance, instance).replace(self.series, series)


def another_uid(uid: bytes, number: int) -> bytes:
    """A UID of the same length that is the same for the same number, and as good as never for another."""
    digest = hashlib.sha256(b"%d:%b" % (number, uid)).hexdigest()
    digits = str(int(digest, 16)).encode()[: len(uid) - len(_ROOT) - 1]
    return (_ROOT + b"1" + digits).ljust(len(uid), b"0")


def write_copies(folder: Path, files: Sequence[Path], *, count: int) -> StudyFiles:
    """Write `count` instances of one study: the files themselves, then copies of them, each round a series of its own.

    Args:
        folder: made when missing.
        files: of one study, each with UIDs of 20 characters or more.
        count: how many instances.

    Raises:
        NotPatchable: a file's UIDs cannot be replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = [_Source.read(path) for path in files[:count]]
    paths = []
    for number in range(count):
        round_, place = divmod(number, len(sources))
        paths.append(folder / f"{number:06}.dcm")
        paths[-1].write_bytes(sources[place].copy(round_) if round_ else sources[place].raw)
    study_uid = str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    return StudyFiles(study_uid, tuple(paths))
