"""A folder of DICOM files as an archive: read where they lie, watched by looking again.

Law: a file is read again only when its size or time changed; what is not a DICOM file is passed over.
Belongs here: which file holds which instance. Not here: reading one (dicom/part10.py), when to look (node/harvest.py).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.matching import matches
from idas_p2p.dicom.part10 import scan_part10
from idas_p2p.dicom.scan import InstanceHeader
from idas_p2p.errors import ArchiveUnreachable, IdasError, MalformedInstance
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

MAX_FILES = 2_000_000  # under one folder; ours: about 1 GB of index


@dataclass(frozen=True, slots=True)
class _File:
    """One file as last seen; `header` is None when it is not a DICOM instance."""

    size: int
    changed: int  # nanoseconds, st_mtime_ns
    header: InstanceHeader | None


class FolderArchive:
    """Studies in the files under a folder.

    Args:
        folder: absolute path.
        bridge: runs the reading in a thread.
    """

    def __init__(self, folder: str, *, bridge: Bridge) -> None:
        self._folder, self._bridge = Path(folder), bridge
        self._files: dict[str, _File] = {}

    async def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        """Look at the folder and yield the studies in it.

        Raises:
            ArchiveUnreachable: the folder cannot be read.
        """
        self._files = await self._bridge.run(self._look, self._files)
        for study in self._studies():
            if matches(query, study):
                yield study

    async def fetch(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield the instances of a study from their files."""
        if not self._files:
            self._files = await self._bridge.run(self._look, self._files)
        wanted = [(path, header) for path, header in self._of_study(selection.study_uid) if _in(selection, header)]
        yield Total(len(wanted))
        for path, header in wanted:
            try:
                yield await self._bridge.run(_read, path, header.sop_instance_uid)
            except (OSError, MalformedInstance):
                reason = MalformedInstance("a file changed or vanished since it was found")
                yield InstanceFailed(sop_instance_uid=header.sop_instance_uid, reason=reason)

    def _of_study(self, study_uid: str) -> Iterator[tuple[Path, InstanceHeader]]:
        seen = set[str]()
        for name, file in sorted(self._files.items()):
            header = file.header
            if header and header.study.study_uid == study_uid and header.sop_instance_uid not in seen:
                seen.add(header.sop_instance_uid)
                yield Path(name), header

    def _studies(self) -> list[Study]:
        by_study: dict[str, dict[str, InstanceHeader]] = {}
        for file in self._files.values():
            if file.header:
                by_study.setdefault(file.header.study.study_uid, {})[file.header.sop_instance_uid] = file.header
        return [_summary(list(headers.values())) for headers in by_study.values()]

    def _look(self, known: dict[str, _File]) -> dict[str, _File]:
        if not self._folder.is_dir():
            raise ArchiveUnreachable("the folder does not exist or cannot be read")
        now: dict[str, _File] = {}
        for path, status in _walk(self._folder):
            file = known.get(path)
            if file is None or (file.size, file.changed) != (status.st_size, status.st_mtime_ns):
                file = _File(status.st_size, status.st_mtime_ns, _header(Path(path)))
            now[path] = file
            if len(now) >= MAX_FILES:
                break
        return now


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            if os.path.isfile(path):
                yield path, status


def _header(path: Path) -> InstanceHeader | None:
    try:
        return scan_part10(path)[1]
    except (OSError, IdasError):
        return None


def _read(path: Path, sop_instance_uid: str) -> Instance:
    instance, _ = scan_part10(path)
    if instance.sop_instance_uid != sop_instance_uid:
        raise MalformedInstance("another instance has taken its place")
    return instance


def _in(selection: Selection, header: InstanceHeader) -> bool:
    return selection.includes(series_uid=header.series_uid, sop_instance_uid=header.sop_instance_uid)


def _summary(headers: list[InstanceHeader]) -> Study:
    return replace(
        headers[0].study,
        modalities=tuple(sorted({header.modality for header in headers if header.modality})),
        series_count=len({header.series_uid for header in headers}),
        instance_count=len(headers),
    )
