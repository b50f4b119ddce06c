"""A folder of DICOM files as an archive: read where they lie, watched by looking again.

Law: a file is read again only when its size or time changed, and only when it has been left alone for a moment, so that
one being copied is not taken for whole; one that changes while it is sent is noticed and fails; what is not a DICOM
file is passed over, as are hidden files; a folder that cannot be read to its end says nothing about what vanished.
Belongs here: which file holds which instance. Not here: reading one (dicom/part10.py), when to look (node/harvest.py).
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

from idas_p2p.blob import FileBlob, WatchedFile, mark_of
from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.listed_parts import in_portions
from idas_p2p.dicom.matching import matches
from idas_p2p.dicom.part10 import scan_part10
from idas_p2p.dicom.scan import InstanceHeader
from idas_p2p.errors import ArchiveUnreachable, IdasError, InstanceChanged, MalformedInstance
from idas_p2p.events import log_event
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.parts import Part, Within
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

MAX_FILES: Final = 2_000_000  # under one folder; ours: about 1 GB of index
SETTLE_SECONDS: Final = 1.0  # since a file's last change until it is read; ours: whoever copies it writes more often
READ_AT_ONCE: Final = 32  # files in one trip to a thread; ours: a trip costs more than a look at a file


@dataclass(frozen=True, slots=True)
class _File:
    """One file as last seen; `header` is None when it is not a DICOM instance."""

    size: int
    changed: int  # nanoseconds, st_mtime_ns
    header: InstanceHeader | None
    touched: int = 0  # nanoseconds, st_ctime_ns, which nobody can set; 0: too young to tell a later change by
    inode: int = 0
    transfer_syntax_uid: str = ""
    offset: int = 0  # bytes before the data set

    def is_as_it_was(self, status: os.stat_result) -> bool:
        """Whether the file is certainly the one that was read."""
        mark = (self.inode, self.size, self.changed)
        return bool(self.touched) and self.touched == status.st_ctime_ns and mark == mark_of(status)


@dataclass(frozen=True, slots=True)
class _Index:
    """Everything in the folder at one look."""

    files: dict[str, _File] = field(default_factory=dict)  # by path
    studies: dict[str, dict[str, str]] = field(default_factory=dict)  # paths by Study and SOP Instance UID
    is_settled: bool = True  # whether no file was too young to be read


class FolderArchive:
    """Studies in the files under a folder.

    Args:
        folder: absolute path.
        bridge: runs the reading in a thread.
        clock: the time, to tell a file that was left alone.
    """

    def __init__(self, folder: str, *, bridge: Bridge, clock: Clock) -> None:
        self._folder, self._bridge, self._clock = Path(folder), bridge, clock
        self._index = _Index()
        self._was_read = False

    async def find_studies(self, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """Look at the folder and yield the studies in it.

        Raises:
            ArchiveUnreachable: the folder cannot be read.
        """
        await self._look()
        if not self._index.is_settled:
            await asyncio.sleep(SETTLE_SECONDS)
            await self._look()
        index = self._index
        for paths in index.studies.values():
            study = _summary([index.files[path].header for path in paths.values()])
            if study is not None and matches(query, study):
                yield study

    async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield the instances of a study from their files.

        Raises:
            ArchiveUnreachable: the folder cannot be read.
        """
        if not self._was_read:
            await self._look()
        index = self._index
        paths = index.studies.get(selection.study_uid, {})
        wanted = {uid: path for uid, path in paths.items() if _is_in(selection, index.files[path].header)}
        yield Total(len(wanted))
        left = iter(wanted.items())
        while some := [(uid, Path(path), index.files[path]) for uid, path in islice(left, READ_AT_ONCE)]:
            for event in await self._bridge.run(_read_all, some, self._clock.now()):
                yield event

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each instance of a study, as of the last look.

        Raises:
            ArchiveUnreachable: the folder cannot be read.
        """
        if not self._was_read:
            await self._look()
        headers = [self._index.files[path].header for path in self._index.studies.get(study_uid, {}).values()]
        return [(header.series_uid, header.sop_instance_uid) for header in headers if header is not None]

    async def find_parts(self, within: Within) -> AsyncGenerator[Part, None]:
        """Yield what the files of a study, as of the last look, tell of its series and of themselves.

        Raises:
            ArchiveUnreachable: the folder cannot be read.
        """
        if not self._was_read:
            await self._look()
        paths = self._index.studies.get(within.study_uid, {}).values()
        instances = [_unwatched(Path(path), self._index.files[path]) for path in paths]
        wanted = [one for one in instances if one is not None and _is_of(within, one.series_uid)]
        wanted.sort(key=lambda one: one.series_uid)
        async with aclosing(in_portions(self._bridge, wanted, within)) as parts:
            async for part in parts:
                yield part

    async def _look(self) -> None:
        self._index = await self._bridge.run(_look, self._folder, self._index.files, self._clock.now())
        self._was_read = True


def _look(folder: Path, known: dict[str, _File], now: float) -> _Index:
    """Look at every file; those that did not change since are not read again. `now` is Unix seconds."""
    index, unsettled = _Index(), False
    for path, status in _walk(folder):
        file = known.get(path)
        if file is None or (file.size, file.changed) != (status.st_size, status.st_mtime_ns):
            if 0 <= now - status.st_mtime < SETTLE_SECONDS:
                unsettled = True
            else:
                file = _read_header(path, status, now)
        if file is not None:
            index.files[path] = file
            if header := file.header:
                index.studies.setdefault(header.study.study_uid, {}).setdefault(header.sop_instance_uid, path)
        if len(index.files) >= MAX_FILES:
            log_event("folder_too_large", count=MAX_FILES)
            break
    return replace(index, is_settled=not unsettled)


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every file under the folder, in a fixed order.

    Raises:
        ArchiveUnreachable: it, or a folder in it, cannot be read.
    """
    if not folder.is_dir():
        raise ArchiveUnreachable("the folder does not exist")
    for root, folders, names in os.walk(folder, onerror=_give_up):
        folders.sort()
        for name in sorted(name for name in names if not name.startswith(".")):
            path = os.path.join(root, name)
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ArchiveUnreachable(f"a file cannot be looked at: {error.strerror}") from None
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _give_up(error: OSError) -> None:
    """Say that a folder cannot be read, unless it vanished this moment."""
    if not isinstance(error, FileNotFoundError):
        raise ArchiveUnreachable(f"a folder cannot be read: {error.strerror}") from None


def _read_header(path: str, status: os.stat_result, now: float) -> _File | None:
    """What is in a file; None when it cannot be read now, so that the next look tries again."""
    try:
        instance, header = scan_part10(Path(path))
    except OSError:
        return None
    except IdasError:
        return _File(status.st_size, status.st_mtime_ns, None)
    return _File(
        status.st_size,
        status.st_mtime_ns,
        header,
        touched=status.st_ctime_ns if now - status.st_ctime >= SETTLE_SECONDS else 0,
        inode=status.st_ino,
        transfer_syntax_uid=sys.intern(instance.transfer_syntax_uid),
        offset=status.st_size - instance.data.size,
    )


def _read_all(files: Sequence[tuple[str, Path, _File]], now: float) -> list[Instance | InstanceFailed]:
    """The instances in files, of the names and last seen as said."""
    events = list[Instance | InstanceFailed]()
    for uid, path, known in files:
        try:
            events.append(_read(path, uid, known, now))
        except (OSError, MalformedInstance, InstanceChanged):
            reason = InstanceChanged("a file changed or vanished since it was found")
            events.append(InstanceFailed(sop_instance_uid=uid, reason=reason))
    return events


def _read(path: Path, sop_instance_uid: str, known: _File, now: float) -> Instance:
    """The instance in a file as it is now; a change from now on is noticed when its bytes are read.

    Raises:
        InstanceChanged: another is there, or it is being written.
        MalformedInstance, OSError: none is there.
    """
    status = path.stat()
    if known.header is not None and known.is_as_it_was(status):
        data = WatchedFile(path, known.offset, status.st_size - known.offset, mark_of(status))
        return known.header.instance(data, known.transfer_syntax_uid)
    is_new = (status.st_size, status.st_mtime_ns) != (known.size, known.changed)
    instance, _ = scan_part10(path)
    if instance.sop_instance_uid != sop_instance_uid:
        raise InstanceChanged("another instance has taken its place")
    if is_new and 0 <= now - status.st_mtime < SETTLE_SECONDS:
        raise InstanceChanged("it is being written")
    size = instance.data.size
    return replace(instance, data=WatchedFile(path, status.st_size - size, size, mark_of(status)))


def _unwatched(path: Path, known: _File) -> Instance | None:
    """The instance in a file to look at: what it says was read before, or is empty where the file has changed."""
    if known.header is None:
        return None
    data = FileBlob(path, known.offset, known.size - known.offset)
    return known.header.instance(data, known.transfer_syntax_uid)


def _is_of(within: Within, series_uid: str) -> bool:
    return not within.series_uids or series_uid in within.series_uids


def _is_in(selection: Selection, header: InstanceHeader | None) -> bool:
    return header is not None and selection.includes(
        series_uid=header.series_uid, sop_instance_uid=header.sop_instance_uid
    )


def _summary(headers: list[InstanceHeader | None]) -> Study | None:
    """One study from the headers of its instances."""
    found = [header for header in headers if header is not None]
    if not found:
        return None
    return replace(
        found[0].study,
        modalities=tuple(sorted({header.modality for header in found if header.modality})),
        series_count=len({header.series_uid for header in found}),
        instance_count=len(found),
    )
