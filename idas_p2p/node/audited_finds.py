"""Queries of other members, and what of our patients they showed, in the audit log.

Law: the log names the study and the patient as our archives know them, whatever the level has made of them for the
member. Belongs here: that. Not here: when it is recorded (audited.py), what is found (holdings.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, subject, subject_of
from idas_p2p.access.subjects import Requester
from idas_p2p.errors import AuditUnavailable, IdasError, TooManyMatches
from idas_p2p.node.audited import Log, Shown, recorded_hits
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.parts import HeldParts
from idas_p2p.wire.audit import Subject
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.parts import PartQuery, StudyPart
from idas_p2p.wire.query import StudyQuery


class AuditedParts:
    """Series and images of what this node holds, for members that ask (exchange.interfaces.PartSource).

    Args:
        held: ours.
        holdings: names their patients.
        log: the audit log.
    """

    def __init__(self, held: HeldParts, holdings: Holdings, log: Log) -> None:
        self._held, self._holdings, self._log = held, holdings, log

    async def find_parts(self, requester: Requester, query: PartQuery, *, limit: int) -> AsyncIterator[StudyPart]:
        """As HeldParts.find; no study is shown unrecorded, each once.

        Raises:
            TooManyMatches: there are more than `limit`.
        """
        actor, noted = Actor.of(requester), set[str]()
        self._log.note(events.queried(actor, query.all_keys()))
        try:
            async with aclosing(self._held.find(requester, query)) as found:
                async for one in found:
                    if (limit := limit - 1) < 0:
                        raise TooManyMatches("more series or images than one answer holds")
                    if one.original not in noted:
                        noted.add(one.original)
                        subject = subject_of_study(self._holdings, one.original)
                        for event in events.shown(actor, [subject], level=one.level):
                            self._log.note(event)
                    yield StudyPart(one.study, one.part)
        except IdasError as error:
            if not isinstance(error, AuditUnavailable):
                self._log.note(events.queried(actor, query.all_keys(), reason=error.code))
            raise


class AuditedFinds:
    """What this node holds, for members that ask (exchange.interfaces.FindSource).

    Args:
        holdings: ours.
        log: the audit log.
    """

    def __init__(self, holdings: Holdings, log: Log) -> None:
        self._holdings, self._log = holdings, log

    async def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncIterator[Hit]:
        """As Holdings.find; nothing is shown unrecorded."""
        hits: AsyncGenerator[Hit, None] = self._holdings.find(requester, query, limit=limit)
        found = recorded_hits(self._log.note, Actor.of(requester), query, hits, self._shown)
        async with aclosing(found):
            async for hit in found:
                yield hit

    def _shown(self, hit: Hit) -> Shown:
        level = hit.ticket.level
        study_uid = self._holdings.original(level, hit.study.study_uid)
        return Shown(subject_of_study(self._holdings, study_uid), level=level)


def subject_of_study(holdings: Holdings, study_uid: str) -> Subject:
    """A study and its patient, as our fullest archive knows them; the study alone where none has it."""
    entries = holdings.best_entries(study_uid)
    return subject_of(entries[0].study) if entries else subject(study_uid)
