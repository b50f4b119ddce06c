"""Keeps the directory true to the catalog: every study's terms are published, renewed and withdrawn.

Law: a study counts as published when the directory stored its records; until then it stays due, over restarts too.
A withdrawn study's own record gets a tombstone; its index terms are left to expire, for they only say "ask me".
Belongs here: from due studies to records. Not here: blinding (access/blinding.py), placing (directory/).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.admission import Vault, psk_id
from idas_p2p.access.blinding import Blinder
from idas_p2p.access.federation import Federation
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.limits import REPUBLISH_INTERVAL
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import Publication
from idas_p2p.wire.federation import Secrets
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import Field, Term, study_terms

BATCH: Final = 64  # studies published together; ours
IDLE_INTERVAL: Final = 1.0  # seconds between looks when nothing is due; ours
FAILURE_INTERVAL: Final = 5.0  # seconds before trying again when the directory stored nothing; ours
FRESH: Final = REPUBLISH_INTERVAL / 2  # seconds an index term is not stored again for another study; ours
MAX_FRESH: Final = 200_000  # index terms remembered before stale ones are dropped; ours: about 40 MB
PUBLISHED_FOR: Final = "publish.secrets"
"""Name of the kept value that tells for which secrets the catalog was published: their psk_id."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A record and what it is about: to know afterwards which studies are published."""

    record: Record
    term: Term
    uids: frozenset[str]  # studies that are published only when this record is stored


@dataclass(slots=True)
class _Claim:
    """What will be said under one term."""

    uids: set[str]
    count: int = 0
    withdrawn: bool = False


class Publisher:
    """Publishes this node's holdings.

    Args:
        identity: ours.
        federation: gives the secrets in force.
        directory: stores records.
        catalog: tells what is due.
        vault: remembers for which secrets the catalog was published.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Federation,
        directory: Directory,
        catalog: Catalog,
        vault: Vault,
        *,
        clock: Clock,
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._catalog, self._vault, self._clock = catalog, vault, clock
        self._published_for: bytes | None = None
        self._fresh: dict[Term, float] = {}  # index terms and when they were stored, monotonic seconds
        self.backlog = 0

    async def turn(self) -> float:
        """Publish some of what is due; return seconds until the next turn."""
        self.backlog = self._catalog.pending_count(now=self._clock.now())
        if not self._federation.is_member:
            return IDLE_INTERVAL
        self._start_over_for(self._federation.secrets)
        if not self.backlog:
            return IDLE_INTERVAL
        return 0.0 if await self.publish_some() else FAILURE_INTERVAL

    async def publish_some(self) -> bool:
        """Publish one batch; return whether any study is now published."""
        due = self._catalog.pending(BATCH, now=self._clock.now())
        fresh = self._fresh  # secrets that change during the wait below put another in its place
        placed = self._records(due)
        replicas = await self._directory.put([one.record for one in placed])
        missed = {one.term for one, count in zip(placed, replicas, strict=True) if not count}
        failed = {uid for one in placed if one.term in missed for uid in one.uids}
        for term in {one.term for one in placed if one.term.field is not Field.STUDY} - missed:
            fresh[term] = self._clock.monotonic()
        done = [publication for publication in due if publication.uid not in failed]
        self._catalog.published(done, now=self._clock.now())
        self._forget_stale()
        return bool(done)

    def _start_over_for(self, secrets: Secrets) -> None:
        """Publish everything again when the secrets are new: all places have moved. A kill in between loses nothing."""
        current = psk_id(secrets.psk)
        if self._published_for is None:
            self._published_for = self._vault.value(PUBLISHED_FOR) or b""
        if self._published_for != current:
            self._fresh = {}
            self._catalog.publish_all_again()
            self._vault.set_value(PUBLISHED_FOR, current)
            self._published_for = current
            self.backlog = self._catalog.pending_count(now=self._clock.now())

    def _records(self, due: Sequence[Publication]) -> list[_Placed]:
        blinder, now = Blinder(self._federation.secrets), self._clock.now()
        return [
            _Placed(
                blinder.claim_record(self._identity, place, count=claim.count, withdrawn=claim.withdrawn, now=now),
                term,
                frozenset(claim.uids),
            )
            for term, claim in _claims(due).items()
            if claim.withdrawn or term.field is Field.STUDY or not self._is_fresh(term)
            for place in blinder.places_to_write(term, now=now)
        ]

    def _is_fresh(self, term: Term) -> bool:
        return self._clock.monotonic() - self._fresh.get(term, -FRESH) < FRESH

    def _forget_stale(self) -> None:
        if len(self._fresh) > MAX_FRESH:
            for term in [term for term in self._fresh if not self._is_fresh(term)]:
                del self._fresh[term]


def _claims(due: Sequence[Publication]) -> dict[Term, _Claim]:
    """What to say under each term of the due studies."""
    claims: dict[Term, _Claim] = {}
    for publication in due:
        if publication.study is None:
            claims[Term(Field.STUDY, publication.uid)] = _Claim({publication.uid}, withdrawn=True)
            continue
        for term in study_terms(publication.study):
            claim = claims.setdefault(term, _Claim(set()))
            claim.uids.add(publication.uid)
            if term.field is Field.STUDY:
                claim.count = publication.study.instance_count
    return claims
