"""A study from all our archives that hold it, each instance once.

Law: the fullest archive gives what it has; what it broke off, lost or never had comes from the next ones, which are
asked only for what they list and nobody gave yet. An archive that cannot list is asked for all when it counts more.
Belongs here: going from archive to archive. Not here: which archives hold a study (holdings.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from idas_p2p.errors import IdasError, InstanceChanged, StudyNotFound
from idas_p2p.events import log_event
from idas_p2p.node.sources import ArchiveSource
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total


@dataclass(frozen=True, slots=True)
class Holder:
    """An archive that holds a study."""

    name: str
    source: ArchiveSource
    instance_count: int  # of the study, as the archive counts; 0 when it does not


class _Union:
    """What came so far."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.given = set[str]()
        self.failed: dict[str, InstanceFailed] = {}  # another archive may have them
        self.unnamed: list[InstanceFailed] = []  # lost instances that not even the archive can name
        self.total = 0
        self.was_whole = False  # one archive gave all it has
        self.failure: IdasError = StudyNotFound()

    def grown(self, total: int) -> list[Total]:
        """The total to tell, if it is another than before."""
        if total <= self.total:
            return []
        self.total = total
        return [Total(total)]

    def take(self, event: Instance | InstanceFailed) -> list[RetrieveEvent]:
        """What to tell of an event."""
        uid = event.sop_instance_uid
        if uid in self.given:
            is_spoilt = isinstance(event, InstanceFailed) and isinstance(event.reason, InstanceChanged)
            return [event] if is_spoilt else []
        if isinstance(event, InstanceFailed):
            if uid:
                self.failed[uid] = event
            else:
                self.unnamed.append(event)
            return []
        self.failed.pop(uid, None)
        self.given.add(uid)
        return [*self.grown(len(self.given)), event]


async def united(holders: Sequence[Holder], selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
    """Yield the selected instances of a study.

    Args:
        holders: the fullest first.
        selection: what of the study.

    Raises:
        StudyNotFound: there are none, or none gives a single instance of it.
        ArchiveUnreachable, ArchiveFailed: the last that has it does not answer, or broke off.
    """
    union = _Union(selection)
    for holder in holders:
        part = await _missing(holder, union) if union.was_whole else selection
        if part is None:
            continue
        async with aclosing(_from_one(holder, part, union)) as events:
            async for event in events:
                yield event
    if not union.was_whole:
        raise union.failure
    lost = [*union.failed.values(), *union.unnamed]
    if (count := len(union.given) + len(lost)) != union.total:
        yield Total(count)  # one that broke off had counted otherwise
    for failed in lost:
        yield failed


async def _from_one(holder: Holder, part: Selection, union: _Union) -> AsyncGenerator[RetrieveEvent, None]:
    """What one archive gives that nobody gave yet."""
    before, has_it = len(union.given) if part != union.selection else 0, False
    failed_before, unnamed_before, was_whole = dict(union.failed), list(union.unnamed), union.was_whole
    try:
        async with aclosing(holder.source.fetch(part)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Total):
                    shown: list[RetrieveEvent] = [*union.grown(before + event.count)]
                else:
                    has_it, shown = True, union.take(event)
                for one in shown:
                    yield one
    except IdasError as problem:
        log_event("archive_fetch_failed", archive=holder.name, reason=problem.code, next_step=problem.detail)
        if was_whole:
            lost = [uid for uid in part.sop_instance_uids if uid not in union.given]
            union.failed |= {uid: InstanceFailed(sop_instance_uid=uid, reason=problem) for uid in lost}
        else:
            union.failed, union.unnamed, union.failure = failed_before, unnamed_before, problem
        return
    union.was_whole = was_whole or has_it


async def _missing(holder: Holder, union: _Union) -> Selection | None:
    """What to ask an archive for when another gave all it has; None when that is nothing."""
    selection = union.selection
    try:
        listed = await holder.source.list_instances(selection.study_uid)
    except IdasError as problem:
        log_event("archive_not_listed", archive=holder.name, reason=problem.code, next_step=problem.detail)
        is_whole = not selection.series_uids and not selection.sop_instance_uids
        return selection if is_whole and holder.instance_count > len(union.given) else None
    missing = tuple(
        uid
        for series_uid, uid in dict.fromkeys(listed)
        if uid not in union.given and selection.includes(series_uid=series_uid, sop_instance_uid=uid)
    )
    return replace(selection, series_uids=(), sop_instance_uids=missing) if missing else None
