"""Keeps the directory true to the catalog: every study's terms are published, renewed and withdrawn.

Law: a study counts as published when the directory stored its records; until then it stays due, over restarts too.
What the directory was told about a term, and when, is kept in the database: many studies share terms, and neither a
shared term nor a restart tells the directory anything twice. Records are signed when they are sent, never kept.
A withdrawn study's own record gets a tombstone; its index terms are left to expire, for they only say "ask me".
Changes go out at once. Renewals are spread over the interval and go out many at a time, so that one visit to a region
of the key space (directory/placing.py) serves many records.

Belongs here: what is due, and what came of it. Not here: records (drafts.py), placing (directory/).
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.admission import Vault, psk_id
from idas_p2p.access.federations import Belonging
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.limits import RECORD_LIFETIME, REPUBLISH_INTERVAL
from idas_p2p.node.drafts import ClaimDraft, Sayings
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import Publication
from idas_p2p.wire.federation import Secrets

BATCH: Final = 4_096  # studies published together; ours: about 20,000 drafts of 600 bytes
SLICE: Final = 64  # studies or terms worked on before others get a turn: about 4 ms
IDLE_INTERVAL: Final = 1.0  # seconds between looks when nothing is due; ours
FAILURE_INTERVAL: Final = 5.0  # seconds before trying again when the directory stored nothing; ours
RENEWAL_INTERVAL: Final = 900.0  # seconds between renewals, so that many records share a visit to a region; ours
FRESH: Final = 0.75 * REPUBLISH_INTERVAL  # seconds a term is not stored again, whatever studies say the same; ours
FIRST_SPREAD: Final = 0.9  # share of the interval over which a new study's first renewal may fall; ours
LATER_SPREAD: Final = 0.1  # and its later ones
PUBLISHED_FOR: Final = "publish.secrets"
"""Name of the kept value that tells for which secrets the catalog was published: their psk_id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far publishing has come."""

    unpublished: int  # studies whose present state the directory does not know; feed.MAX_COUNTED also means more
    renewals_due: int  # studies it knows and is to be told again; likewise
    records: int  # terms it was told and that have not expired
    sending: int  # records of the present batch
    sent: int  # of them, how many are through


class Publisher:
    """Publishes this node's holdings.

    Args:
        identity: ours.
        federation: gives the secrets in force.
        directory: stores records.
        catalog: tells what is due.
        vault: remembers for which secrets the catalog was published.
        clock: the time.
        rng: spreads renewals; nothing secret.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Belonging,
        directory: Directory,
        catalog: Catalog,
        vault: Vault,
        *,
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._catalog, self._vault, self._clock = catalog, vault, clock
        self._rng = rng or random.Random()  # noqa: S311  # jitter
        self._published_for: bytes | None = None
        self._next_renewal = -math.inf  # monotonic seconds
        self._round: _Round | None = None
        self.backlog = 0  # studies whose present state the directory does not know

    def progress(self) -> Progress:
        """How far publishing has come; reads the database."""
        self._count()
        due = self._catalog.pending_count(now=self._clock.now())
        return Progress(
            unpublished=self.backlog,
            renewals_due=max(0, due - self.backlog),
            records=self._catalog.announced.count(),
            sending=self._round.total if self._round else 0,
            sent=self._round.sent if self._round else 0,
        )

    async def turn(self) -> float:
        """Publish some of what is due; return seconds until the next turn."""
        self._count()
        if not self._federation.is_member:
            return IDLE_INTERVAL
        self._start_over_for([blinder.secrets for blinder in self._federation.current_blinders()])
        renews = self._clock.monotonic() >= self._next_renewal
        interval = REPUBLISH_INTERVAL if renews else math.inf
        due = self._catalog.due(BATCH, now=self._clock.now(), interval=interval)
        if renews and len(due) < BATCH:
            self._next_renewal = self._clock.monotonic() + RENEWAL_INTERVAL
            self._catalog.announced.forget(before=self._clock.now() - RECORD_LIFETIME)
        if not due:
            return IDLE_INTERVAL
        publications: list[Publication] = []
        for start in range(0, len(due), 4 * SLICE):
            publications += self._catalog.look_up(due[start : start + 4 * SLICE])
            await asyncio.sleep(0)
        is_done = await self._publish(publications)
        self._count()
        return 0.0 if is_done else FAILURE_INTERVAL

    async def _publish(self, due: Sequence[Publication]) -> bool:
        """Publish these; return whether any is now published."""
        drafts = await self._drafts(due)
        self._round = current = _Round(drafts, self._catalog, self._clock)
        try:
            await self._directory.publish(drafts, on_stored=current.note)
        finally:
            self._round = None
        done = [publication for publication in due if publication.uid not in current.failed]
        for start in range(0, len(done), 8 * SLICE):
            self._catalog.published(done[start : start + 8 * SLICE], now=self._clock.now(), early=self._early)
            await asyncio.sleep(0)
        return bool(done)

    async def _drafts(self, due: Sequence[Publication]) -> list[ClaimDraft]:
        """Records of what the directory was not told lately."""
        sayings, now = Sayings(), self._clock.now()
        for number, publication in enumerate(due):
            sayings.add(publication)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        blinders, drafts = self._federation.current_blinders(), list[ClaimDraft]()
        every = list(sayings.by_term.values())
        for start in range(0, len(every), SLICE):
            some = {saying.name: saying for saying in every[start : start + SLICE]}
            claims = {name: saying.claim for name, saying in some.items() if not saying.is_withdrawn}
            told = self._catalog.announced.told(claims, since=now - FRESH, now=now)
            for saying in (saying for name, saying in some.items() if name not in told):
                for blinder in blinders:
                    places = blinder.places_to_write(saying.term, withdrawn=saying.is_withdrawn, now=now)
                    drafts += [ClaimDraft(saying, place, blinder, self._identity, self._clock) for place in places]
            await asyncio.sleep(0)
        return drafts

    def _early(self, publication: Publication) -> float:
        spread = LATER_SPREAD if publication.is_renewal else FIRST_SPREAD
        return self._rng.random() * spread * REPUBLISH_INTERVAL

    def _count(self) -> None:
        self.backlog = self._catalog.pending_count(now=self._clock.now(), interval=math.inf)

    def _start_over_for(self, secrets: Sequence[Secrets]) -> None:
        """Publish everything again when the secrets are new: all places have moved. A kill in between loses nothing."""
        current = b"".join(psk_id(one.psk) for one in secrets)
        if self._published_for is None:
            self._published_for = self._vault.value(PUBLISHED_FOR) or b""
        if self._published_for != current:
            self._catalog.announced.clear()
            self._catalog.publish_all_again()
            self._vault.set_value(PUBLISHED_FOR, current)
            self._published_for = current
            self._count()


class _Round:
    """What came of one batch so far.

    Args:
        drafts: the batch.
        catalog: keeps what the directory was told.
        clock: the time.
    """

    def __init__(self, drafts: Sequence[ClaimDraft], catalog: Catalog, clock: Clock) -> None:
        self._drafts, self._catalog, self._clock = drafts, catalog, clock
        self.total, self.sent = len(drafts), 0
        self.failed: set[str] = set()  # studies of which something could not be stored

    def note(self, stored: Sequence[tuple[int, int]]) -> None:
        """Some drafts are through: (number, nodes that hold it)."""
        self.sent += len(stored)
        self.failed.update(uid for number, count in stored if not count for uid in self._drafts[number].saying.uids)
        said = [self._drafts[number].saying for number, count in stored if count]
        self._catalog.announced.note({saying.name: saying.claim for saying in said}, now=self._clock.now())
