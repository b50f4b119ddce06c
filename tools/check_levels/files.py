"""Real DICOM files to plant in: those that Python packages ship, and those of folders that the caller names.

Belongs here: which files. Not here: what is planted (planting.py).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from idas_p2p.dicom.part10 import read_part10
from idas_p2p.errors import MalformedInstance

PACKAGES: Final = ("pydicom.data", "data_store", "deid_data", "pynetdicom")  # data_store is what pydicom-data installs
REAL_IMAGES: Final = "IDAS_REAL_IMAGES"  # names a folder of more series
LARGEST: Final = 16_777_216  # bytes; ours: what is larger has more pixels, and no more to find
_NO_IMAGE: Final = frozenset({".py", ".pyc", ".json", ".txt", ".md", ".xml"})


def real_files(folders: Iterable[Path] = ()) -> Iterator[Path]:
    """Instances of the packages, then of IDAS_REAL_IMAGES and of folders, each content once."""
    named = [Path(os.environ[REAL_IMAGES])] if os.environ.get(REAL_IMAGES) else []
    seen = set[bytes]()
    for folder in (*_of_packages(), *named, *folders):
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _NO_IMAGE or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
            if digest not in seen and _is_instance(path):
                seen.add(digest)
                yield path


def _of_packages() -> Iterator[Path]:
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            yield Path(spec.submodule_search_locations[0])


def _is_instance(path: Path) -> bool:
    try:
        read_part10(path)
    except (MalformedInstance, OSError):
        return False
    return True
