"""Who belongs to which groups, by the tokens in the directory.

Law: only what a token proves counts, and only groups that rules name are looked up. What was found is used for
FRESH seconds before it is looked up again, and goes on to count while the directory does not answer, up to HELD. So a
membership that is taken back ends within a minute, running transfers included, and the directory's silence ends none.
Belongs here: looking up and remembering. Not here: what a token proves (access/tokens.py), publishing (tokens.py).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.compiled import Policy
from idas_p2p.access.subjects import Requester
from idas_p2p.access.tokens import Belonging, refusal, token_places
from idas_p2p.clock import Clock
from idas_p2p.errors import IdasError
from idas_p2p.events import log_event
from idas_p2p.store.settings import Settings
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import fold

FRESH: Final = 20.0  # seconds what was found is used before it is looked up again; ours
HELD: Final = 900.0  # seconds it counts while the directory does not answer; ours
USED: Final = 60.0  # seconds after its last use a membership is still looked up again; ours
LOOK_INTERVAL: Final = 5.0  # seconds between looks for what is due; ours
LOOKUP_TIMEOUT: Final = 3.0  # seconds for all lookups of one question; ours: a find has 8
MAX_LOOKUPS_AT_ONCE: Final = 16  # ours
MAX_REMEMBERED: Final = 50_000  # memberships; ours: about 20 MB


class Directory(Protocol):
    """Reads records by key."""

    async def get(self, key: bytes) -> list[Record]:
        """Verified records at a key; raises an IdasError when nobody answers."""
        ...


class Members(Protocol):
    """What of the federation is asked here."""

    def admins(self) -> tuple[NodeId, ...]:
        """Who may sign."""
        ...

    def blinders(self, *, now: float) -> list[Blinder]:
        """How to find places."""
        ...


class Rules(Protocol):
    """The policy in force."""

    @property
    def policy(self) -> Policy:
        """The rules."""
        ...


@dataclass(slots=True)
class _Found:
    """What the directory said about one belonging; times are monotonic seconds."""

    is_true: bool
    found_at: float
    used_at: float


class Groupings:
    """The groups of requesters, as far as they are proved.

    Args:
        node_id: ours.
        institution: ours, as other members see it.
        settings: the groups of our own users.
        federation: admins, and where tokens lie.
        directory: where they are read.
        rules: name the groups that matter.
        clock: the time.
    """

    def __init__(
        self,
        node_id: NodeId,
        institution: str,
        settings: Settings,
        *,
        federation: Members,
        directory: Directory,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._node_id, self._institution, self._settings = node_id, institution, settings
        self._federation, self._directory, self._rules, self._clock = federation, directory, rules, clock
        self._found: OrderedDict[Belonging, _Found] = OrderedDict()

    async def of(self, requester: Requester) -> Requester:
        """The requester with the groups that it is proved to be in, looked up where that is not known or not fresh."""
        await self.look_up(self._wanted(requester))
        return self.known(requester)

    def known(self, requester: Requester) -> Requester:
        """The same with those that are known now."""
        policy, member, user = self._rules.policy, requester.node_id, requester.user
        return replace(
            requester,
            node_groups=frozenset(g for g in policy.node_groups if self.is_true(Belonging(member=member, group=g))),
            client_groups=frozenset(
                g
                for g in policy.client_groups
                if user
                and self.is_true(Belonging(member=member, group=g, user=user))
                and self.is_true(Belonging(member=member, group=g, vouches=True))
            ),
        )

    def own(self, user: str) -> Requester:
        """A user of this node, in the groups that its operator put it into."""
        groups = {fold(group.name) for group in self._settings.groups() if user and user in group.members}
        return Requester(
            node_id=self._node_id,
            institution=self._institution,
            user=user,
            client_groups=frozenset(groups),
            is_own=True,
        )

    def is_true(self, about: Belonging, *, is_used: bool = True) -> bool:
        """Whether somebody is known to belong; what is used is looked up again by itself."""
        found, now = self._found.get(about), self._clock.monotonic()
        if found is None:
            return False
        found.used_at = now if is_used else found.used_at
        return found.is_true and now - found.found_at < HELD

    async def look_up(self, wanted: Iterable[Belonging], *, fresh: float = FRESH) -> None:
        """Look up what is not known or was found `fresh` seconds ago; what the directory does not tell stays."""
        now = self._clock.monotonic()
        due = [one for one in wanted if (known := self._found.get(one)) is None or now - known.found_at >= fresh]
        places = asyncio.Semaphore(MAX_LOOKUPS_AT_ONCE)

        async def look(about: Belonging) -> None:
            async with places:
                await self._look(about)

        if due:
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT), asyncio.TaskGroup() as group:
                    for about in due:
                        group.create_task(look(about))
            except TimeoutError:
                log_event("tokens_not_found_in_time", count=len(due))

    async def turn(self) -> float:
        """Look up again what was used lately; return seconds until the next turn."""
        since = self._clock.monotonic() - USED
        await self.look_up([about for about, found in self._found.items() if found.used_at >= since])
        return LOOK_INTERVAL

    async def _look(self, about: Belonging) -> None:
        now, is_true = self._clock.now(), False
        try:
            for blinder in self._federation.blinders(now=now):
                for place in token_places(blinder, about, now=now):
                    for record in await self._directory.get(place.node_id.kademlia_id):
                        why = refusal(blinder, record, about, admins=self._federation.admins(), now=now)
                        is_true = is_true or why is None
        except IdasError as error:
            log_event("token_lookup_failed", reason=error.code)
            return
        self._remember(about, is_true)

    def _remember(self, about: Belonging, is_true: bool) -> None:
        now, before = self._clock.monotonic(), self._found.pop(about, None)
        self._found[about] = _Found(is_true, now, before.used_at if before else now)
        while len(self._found) > MAX_REMEMBERED:
            self._found.popitem(last=False)

    def _wanted(self, requester: Requester) -> Iterator[Belonging]:
        """What must be known of a requester, by the groups that rules name."""
        policy, member = self._rules.policy, requester.node_id
        for group in policy.node_groups:
            yield Belonging(member=member, group=group)
        for group in policy.client_groups if requester.user else ():
            yield Belonging(member=member, group=group, user=requester.user)
            yield Belonging(member=member, group=group, vouches=True)
