"""Keeps the directory true to what this node says about groups: as admin of members, and of its own users.

Law: of its users it tells only groups for which an admin lets it vouch; what it took back it goes on to take back until
the statement would have ended by itself. Belongs here: what is to be said, and when again. Not here: records
(access/tokens.py), reading those of others (groupings.py). Source: docs/spec/directory.md section 5.7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from idas_p2p.access.admission import psk_id
from idas_p2p.access.blinding import Blinder
from idas_p2p.access.federation import Federation
from idas_p2p.access.tokens import Belonging, token_record
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration, NotAnAdmin
from idas_p2p.events import log_event
from idas_p2p.limits import RECORD_LIFETIME, REPUBLISH_INTERVAL
from idas_p2p.node.groupings import Groupings
from idas_p2p.store.said import NODES, USER, VOUCHES, Said, SaidStore
from idas_p2p.store.settings import Settings
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import fold

USER_LIFETIME: Final = 7 * 86_400.0  # seconds a token about a user is good for; it is renewed at half of that; ours
LOOK_INTERVAL: Final = 2.0  # seconds between looks for what is to be said; ours: a change is told within a minute
LEAVE_FRESH: Final = (
    60.0  # seconds a leave to vouch, or its lack, is not looked up again; ours: a lookup for each group
)
BATCH: Final = 64  # records stored at once; ours
MAX_SAID: Final = 20_000  # statements of one node; ours: a day's renewal of as many is a quarter of a record a second


class Directory(Protocol):
    """Stores records."""

    async def put(self, records: Sequence[Record]) -> list[int]:
        """How many nodes hold each now."""
        ...


class Tokens:
    """Says who belongs to which groups.

    Args:
        identity: ours.
        federation: whether we are admin, and where tokens lie.
        directory: stores them.
        groupings: whether we may vouch for a group.
        settings: our users' groups.
        said: what was said.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        federation: Federation,
        directory: Directory,
        groupings: Groupings,
        settings: Settings,
        said: SaidStore,
        *,
        clock: Clock,
    ) -> None:
        self._identity, self._federation, self._directory = identity, federation, directory
        self._groupings, self._settings, self._said, self._clock = groupings, settings, said, clock
        self._stored: dict[tuple[str, str, str], tuple[Said, float]] = {}  # and when, in monotonic seconds
        self._stored_for = b""  # psk_id of the secrets

    def say(self, kind: str, group: str, members: Sequence[NodeId], *, until: float, withdrawn: bool = False) -> None:
        """As admin, put members into a node group, or let them vouch for a client group; or take that back.

        Raises:
            NotAnAdmin: this node is none.
            BadConfiguration: the group has no name.
        """
        if not self._federation.is_admin:
            raise NotAnAdmin
        if not (name := fold(group)):
            raise BadConfiguration("a group's name has at least one letter or digit")
        made = [Said(kind=kind, group_name=name, member=str(m), until=until, withdrawn=withdrawn) for m in members]
        self._said.say(made)
        log_event("group_statement", count=len(made), reason="withdrawn" if withdrawn else kind)

    def all(self) -> list[tuple[Said, bool]]:
        """Everything this node says, and whether the directory has it."""
        return [(one, self._stored.get(one.key, (None, 0.0))[0] == one) for one in self._said.all()]

    async def turn(self) -> float:
        """Say what is new or due again; return seconds until the next look."""
        if not self._federation.is_member:
            return LOOK_INTERVAL
        now = self._clock.now()
        if (secrets := psk_id(self._federation.secrets.psk)) != self._stored_for:
            self._stored_for, self._stored = secrets, {}
        await self._settle_users(now)
        self._said.forget(before=now - RECORD_LIFETIME)
        due = [one for one in self._said.all()[:MAX_SAID] if self._is_due(one) and self._may_say(one)]
        for start in range(0, len(due), BATCH):
            await self._store(due[start : start + BATCH], now)
        return LOOK_INTERVAL

    async def _settle_users(self, now: float) -> None:
        """Make what is said of our users what their groups are now, for groups that we may vouch for."""
        groups = {fold(group.name): group.members for group in self._settings.groups()}
        asked = {group: Belonging(member=self._identity.node_id, group=group, vouches=True) for group in groups}
        await self._groupings.look_up(asked.values(), fresh=LEAVE_FRESH)
        accounts = {user.name for user in self._settings.users()}
        wanted = {
            (USER, group, member)
            for group, members in groups.items()
            if self._groupings.is_true(asked[group], is_used=False)
            for member in members
            if member in accounts
        }
        known = {one.key: one for one in self._said.all() if one.kind == USER}
        fresh = {key for key, one in known.items() if not one.withdrawn and one.until - now > USER_LIFETIME / 2}
        until = math.floor(now + USER_LIFETIME)
        changed = [Said(kind=k, group_name=g, member=m, until=until) for k, g, m in sorted(wanted - fresh)]
        gone = (one for key, one in known.items() if key not in wanted and not one.withdrawn)
        changed += [replace(one, withdrawn=True) for one in gone]
        if changed:
            self._said.say(changed)

    def _is_due(self, one: Said) -> bool:
        stored, at = self._stored.get(one.key, (None, 0.0))
        return stored != one or self._clock.monotonic() - at >= REPUBLISH_INTERVAL

    def _may_say(self, one: Said) -> bool:
        return one.kind == USER or self._federation.is_admin

    async def _store(self, some: Sequence[Said], now: float) -> None:
        blinder = Blinder(self._federation.secrets)
        records = [self._record(blinder, one, now) for one in some]
        replicas = await self._directory.put(records)
        at = self._clock.monotonic()
        self._stored |= {one.key: (one, at) for one, count in zip(some, replicas, strict=True) if count}

    def _record(self, blinder: Blinder, one: Said, now: float) -> Record:
        if one.kind == USER:
            about = Belonging(member=self._identity.node_id, group=one.group_name, user=one.member)
        else:
            about = Belonging(member=NodeId.parse(one.member), group=one.group_name, vouches=one.kind == VOUCHES)
        return token_record(self._identity, blinder, about, expires=one.until, withdrawn=one.withdrawn, now=now)


__all__ = ["NODES", "USER", "VOUCHES", "Tokens"]
