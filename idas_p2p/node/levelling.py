"""Levels at work: what the policy gives of a study is what an answer says of it and what its images are.

Law: nothing leaves this node at a level but what the level shows; an image that cannot be levelled is not sent. The
same image at the same level is the same bytes again, so that a transfer can be resumed.
Belongs here: from a level to the parts that apply it, and the way back from pseudonyms. Not here: which level (policy),
what it does to a data set (dicom/levels/). Source: docs/spec/levels.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from idas_p2p.blob import MemoryBlob
from idas_p2p.crypto.kdf import derive
from idas_p2p.dicom.levels.answers import Answers
from idas_p2p.dicom.levels.engine import Engine, Parts
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.part_answers import PartAnswers
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.errors import ArchiveFailed, IdasError, LocalError, StudyNotFound
from idas_p2p.events import log_failure
from idas_p2p.store.pseudonyms import PATIENT, STUDY, Pseudonym
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.level import Level
from idas_p2p.wire.parts import UID_OF, Part
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

MAX_REMEMBERED: Final = 200_000  # instances and series whose names were replaced; ours: about 50 MB
PROJECT_KEY: Final = "pseudonyms.project."  # before a project's name, in the vault

Run = Callable[[Callable[[Instance], Parts], Instance], Awaitable[Parts]]
"""Runs something in a thread."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as a level shows it, what its instance was made of, and the name it has in the archive."""

    event: RetrieveEvent
    parts: Parts | None = None
    name: str = ""


class Vault(Protocol):
    """Keeps named values over restarts."""

    def value(self, key: str) -> bytes | None:
        """What was last set, or None."""
        ...


class Memory(Protocol):
    """Remembers what was shown under a pseudonym (store.pseudonyms.PseudonymStore)."""

    def add(self, pairs: Iterable[Pseudonym]) -> None:
        """Remember pairs."""
        ...

    def original(self, kind: str, shown: str) -> str | None:
        """What a pseudonym means; None when it was never given."""
        ...


class View:
    """Studies as one level shows them.

    Args:
        level: that changes something.
        pseudonyms: of its project.
        store: remembers what was shown under a pseudonym.
        run: runs what takes its time in a thread.

    Raises:
        BadConfiguration: the level names an attribute that is none.
    """

    def __init__(self, level: Level, pseudonyms: Pseudonyms, store: Memory, *, run: Run) -> None:
        self.level, self._store, self._run = level, store, run
        self._plan = Plan(level)
        self._engine, self._answers = Engine(self._plan, pseudonyms), Answers(self._plan, pseudonyms)
        self._parts = PartAnswers(self._plan, pseudonyms, self._answers)
        self._stored = set[str]()
        self._originals = OrderedDict[str, str]()  # of series and instances, by what they go by here

    def study(self, study: Study) -> Study:
        """The study as the level shows it."""
        return self._answers.study(study)

    def part(self, study: Study, part: Part) -> Part:
        """A series or instance of a study, both as they are, as the level shows it."""
        shown = self._parts.part(study, part)
        if self._plan.maps_uids:
            for keyword in UID_OF.values():
                if original := part.value(keyword):
                    self._note(shown.value(keyword), original)
        return shown

    def originals(self, uids: Iterable[str]) -> tuple[str, ...]:
        """The series or instances that go by these UIDs here; none where it is not known of all of them."""
        return (self._known(uids) or ()) if self._plan.maps_uids else tuple(uids)

    def remember(self, study: Study, shown: Study) -> None:
        """Keep what leads back from what was shown, before it is."""
        if shown.study_uid in self._stored:
            return
        pairs = [Pseudonym(kind=STUDY, shown=shown.study_uid, original=study.study_uid)]
        if shown.patient_id != study.patient_id or shown.patient_name != study.patient_name:
            name = study.patient_id or study.patient_name
            pairs.append(Pseudonym(kind=PATIENT, shown=self._answers.patient(study), original=name))
        self._store.add(pair for pair in pairs if pair.shown != pair.original)
        if len(self._stored) >= MAX_REMEMBERED:
            self._stored.clear()
        self._stored.add(shown.study_uid)

    def superset(self, query: StudyQuery) -> StudyQuery | None:
        """A query that finds in the catalog whatever this one finds at the level, and more; None when that is none."""
        return self._answers.superset(query, self.original)

    def original(self, study_uid: str) -> str | None:
        """The study that goes by a UID here, as far as this node has shown it."""
        return self._store.original(STUDY, study_uid) if self._plan.maps_uids else study_uid

    def selection(self, asked: Selection) -> Selection:
        """What must be asked of the archive: all of the study where it is not known which of it is meant.

        Raises:
            StudyNotFound: the study was never shown.
        """
        study_uid = self.original(asked.study_uid)
        if study_uid is None:
            raise StudyNotFound
        if not self._plan.maps_uids:
            return asked
        series, instances = (self._known(uids) for uids in (asked.series_uids, asked.sop_instance_uids))
        if series is None or instances is None:
            return Selection(study_uid=study_uid)
        return Selection(study_uid=study_uid, series_uids=series, sop_instance_uids=instances)

    def _known(self, uids: Iterable[str]) -> tuple[str, ...] | None:
        found = [self._originals.get(uid) for uid in uids]
        return tuple(uid for uid in found if uid) if all(found) else None

    def joined(self, instance: Instance, parts: Parts) -> Instance:
        """The instance as the level shows it, from what was worked out when it was shown first."""
        return self._engine.joined(instance, parts)

    async def instance(self, instance: Instance) -> tuple[Instance, Parts]:
        """The instance as the level shows it, and what it was made of.

        Raises:
            IdasError: it cannot be shown at this level.
        """
        try:
            if self._engine.is_quick(instance):
                instance = replace(instance, data=MemoryBlob(instance.data.read()))
                parts = self._engine.parts(instance)
            else:
                parts = await self._run(self._engine.parts, instance)
            shown = self._engine.joined(instance, parts)
        except IdasError:
            raise
        except OSError as error:
            log_failure("instance_not_readable", error)
            raise ArchiveFailed from None
        except Exception as error:  # a bug, or an object nobody thought of: it is not shown, the others are
            log_failure("instance_not_levelled", error)
            raise LocalError from None
        if self._plan.maps_uids:
            self._note(shown.sop_instance_uid, instance.sop_instance_uid)
            self._note(shown.series_uid, instance.series_uid)
        return shown, parts

    def uid(self, original: str) -> str:
        """What a study, series or instance goes by here."""
        return self._engine.uid(original)

    def _note(self, shown: str, original: str) -> None:
        self._originals[shown] = original
        if len(self._originals) > MAX_REMEMBERED:
            self._originals.popitem(last=False)

    async def events(self, events: AsyncIterator[RetrieveEvent], asked: Selection) -> AsyncGenerator[Shown, None]:
        """Yield what an archive gives as the level shows it; only what was asked for."""
        is_part, told = bool(asked.series_uids or asked.sop_instance_uids), 0
        async for event in events:
            if isinstance(event, Total):
                if not is_part:
                    yield Shown(event)
                continue
            shown = await self._event(event)
            if is_part and not _is_asked_for(shown.event, asked):
                continue
            if is_part:
                told += 1
                yield Shown(Total(told))
            yield shown

    async def _event(self, event: Instance | InstanceFailed) -> Shown:
        name, failure = event.sop_instance_uid, event.reason if isinstance(event, InstanceFailed) else None
        if isinstance(event, Instance):
            try:
                return Shown(*await self.instance(event), name=name)
            except IdasError as error:
                failure = error
        return Shown(InstanceFailed(sop_instance_uid=self.uid(name), reason=failure or LocalError()), name=name)


def _is_asked_for(shown: RetrieveEvent, asked: Selection) -> bool:
    if isinstance(shown, Total):
        return True
    if isinstance(shown, InstanceFailed):
        return not asked.sop_instance_uids or shown.sop_instance_uid in asked.sop_instance_uids
    return asked.includes(series_uid=shown.series_uid, sop_instance_uid=shown.sop_instance_uid)


class Levelling:
    """Makes views of levels, and keeps them.

    Args:
        key: 32 secret bytes of this node, for levels without a project.
        vault: keys of projects.
        store: remembers what was shown under a pseudonym.
        run: runs what takes its time in a thread.
    """

    def __init__(self, key: bytes, vault: Vault, store: Memory, *, run: Run) -> None:
        self._key, self._vault, self._store, self._run = key, vault, store, run
        self._views: dict[tuple[str, bytes], View] = {}

    def view(self, level: Level) -> View:
        """How a level that changes something shows studies.

        Raises:
            BadConfiguration: the level names an attribute that is none.
        """
        key = self.project_key(level.project)
        known = self._views.get((level.mark, key))
        if known is None:
            if len(self._views) > 1_000:  # every change of a definition makes one
                self._views.clear()
            pseudonyms = Pseudonyms(key, domain=level.domain, uid_root=level.uid_root)
            known = self._views[level.mark, key] = View(level, pseudonyms, self._store, run=self._run)
        return known

    def project_key(self, project: str) -> bytes:
        """The secret of a project: the one its operators exchanged, else one of this node's own."""
        shared = self._vault.value(PROJECT_KEY + project) if project else None
        return shared or derive(self._key, "idas project", project)
