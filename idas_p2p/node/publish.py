"""Keeps the directory true to the catalog: every study's terms are published, renewed and withdrawn.

Law: a study counts as published when the directory stored its records; until then it stays due, over restarts too.
A withdrawn study's own record gets a tombstone; its index terms are left to expire, for they only say "ask me".
Belongs here: from due studies to records. Not here: blinding (access/blinding.py), placing (directory/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.federation import Federation
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.errors import IdasError
from idas_p2p.events import log_event
from idas_p2p.limits import REPUBLISH_INTERVAL
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import Publication
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import Field, Term, study_terms

BATCH: Final = 64  # studies published together; ours
IDLE_INTERVAL: Final = 1.0  # seconds between looks when nothing is due; ours
FAILURE_INTERVAL: Final = 5.0  # seconds before trying again when the directory stored nothing; ours
FRESH: Final = REPUBLISH_INTERVAL / 2  # seconds an index term is not stored again for another study; ours


@dataclass(frozen=True, slots=True)
class _Placed:
    """A record and what it is about: to know afterwards which studies are published."""

    record: Record
    term: Term
    uid: str


class Publisher:
    """Publishes this node's holdings.

    Args:
        identity: ours.
        federation: gives the blinder in force.
        directory: stores records.
        catalog: tells what is due.
        clock: the time.
    """

    def __init__(
        self, identity: SigningKey, federation: Federation, directory: Directory, catalog: Catalog, *, clock: Clock
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._catalog, self._clock = catalog, clock
        self._fresh: dict[Term, float] = {}  # index terms and when they were stored, monotonic seconds
        self.backlog = 0

    def start_over(self) -> None:
        """Publish everything again: the places have moved."""
        self._fresh.clear()
        self._catalog.publish_all_again()

    async def run(self) -> None:
        """Publish what is due, for ever."""
        while True:
            self.backlog = self._catalog.pending_count(now=self._clock.now())
            try:
                done = bool(self.backlog and self._federation.is_member) and await self.publish_some()
            except IdasError as error:
                log_event("publish_failed", reason=error.code, count=self.backlog)
                done = False
            if not done:
                await asyncio.sleep(FAILURE_INTERVAL if self.backlog else IDLE_INTERVAL)

    async def publish_some(self) -> bool:
        """Publish one batch; return whether anything was stored."""
        due = self._catalog.pending(BATCH, now=self._clock.now())
        placed = self._records(due)
        replicas = await self._directory.put([one.record for one in placed])
        failed = {one.uid for one, count in zip(placed, replicas, strict=True) if not count}
        for one, count in zip(placed, replicas, strict=True):
            if count and one.term.field is not Field.STUDY:
                self._fresh[one.term] = self._clock.monotonic()
        done = [publication for publication in due if publication.uid not in failed]
        self._catalog.published(done, now=self._clock.now())
        self._forget_stale()
        return bool(done)

    def _records(self, due: Sequence[Publication]) -> list[_Placed]:
        blinder = Blinder(self._federation.secrets)
        terms = dict[Term, tuple[str, int, bool]]()
        for publication in due:
            if publication.study is None:
                terms[Term(Field.STUDY, publication.uid)] = publication.uid, 0, True
                continue
            for term in study_terms(publication.study):
                if term.field is Field.STUDY:
                    terms[term] = publication.uid, publication.study.instance_count, False
                elif not self._is_fresh(term):
                    terms.setdefault(term, (publication.uid, 0, False))
        now = self._clock.now()
        return [
            _Placed(blinder.claim_record(self._identity, place, count=count, withdrawn=withdrawn, now=now), term, uid)
            for term, (uid, count, withdrawn) in terms.items()
            for place in blinder.places_to_write(term, now=now)
        ]

    def _is_fresh(self, term: Term) -> bool:
        return self._clock.monotonic() - self._fresh.get(term, -FRESH) < FRESH

    def _forget_stale(self) -> None:
        if len(self._fresh) > 200_000:
            self._fresh = {term: at for term, at in self._fresh.items() if self._is_fresh(term)}
