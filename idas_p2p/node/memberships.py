"""The memberships of a node, one for each federation it is in, and which of them a channel or a command is about.

Belongs here: that, and making one for a further federation. Not here: what one does (membership.py, manifests.py), what
holds in several (access/federations.py). Source: docs/spec/federation.md section 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from idas_p2p.access.audit.events import Note
from idas_p2p.access.federation import Federation
from idas_p2p.access.federations import Federations
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.contacts import Contacts
from idas_p2p.node.invitations import Invitations
from idas_p2p.node.links import Links
from idas_p2p.node.manifests import Manifests
from idas_p2p.node.membership import Membership
from idas_p2p.node.membership_log import MembershipLog
from idas_p2p.node.waiting import Waiting
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.way import Way
from idas_p2p.wire.address import Address
from idas_p2p.wire.federation import Manifest
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId


@dataclass(frozen=True, slots=True)
class Member:
    """This node in one federation."""

    federation: Federation
    manifests: Manifests
    membership: Membership


class Memberships:
    """All memberships of this node.

    Args:
        identity: ours.
        institution: our name.
        federations: the state of each.
        contacts: whom a machine that knows nobody should call.
        directory: carries headers and invitations.
        links: to members.
        own_addresses: where we can be dialled.
        way: how connections leave this machine.
        note: writes a record of what changed.
        on_new_secrets: called when members may not be any more.
        tasks: owns background work.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        federations: Federations,
        *,
        contacts: Contacts,
        directory: Directory,
        links: Links,
        own_addresses: Callable[[], tuple[Address, ...]],
        way: Way,
        note: Note,
        on_new_secrets: Callable[[], None],
        tasks: TaskOwner,
        clock: Clock,
    ) -> None:
        self._identity, self._institution, self._federations = identity, institution, federations
        self._contacts, self._directory, self._links, self._way = contacts, directory, links, way
        self._note, self._on_new_secrets, self._tasks, self._clock = note, on_new_secrets, tasks, clock
        self._invitations = Invitations(
            identity.node_id,
            directory,
            contact=lambda: contacts.for_others(identity.node_id, own_addresses()),
            own_addresses=own_addresses,
            clock=clock,
        )
        links.on_differing = self.compare
        self._members = [self._make(federation) for federation in federations.places]

    def _make(self, federation: Federation) -> Member:
        manifests = Manifests(
            self._identity,
            federation,
            self._directory,
            self._invitations,
            self._links,
            clock=self._clock,
            tasks=self._tasks,
            on_new_secrets=self._on_new_secrets,
            on_change=MembershipLog(federation, self._note).look,
        )
        waiting_key = derive(self._identity.x25519_secret(), "idas join code")
        membership = Membership(
            self._identity,
            self._institution,
            federation,
            manifests,
            self._invitations,
            waiting=Waiting(self._federations.vault(federation), waiting_key),
            remember_contact=self._contacts.remember,
            other_paths=self._links.rungs,
            way=self._way,
            clock=self._clock,
            obstacle=self._federations.obstacle,
        )
        return Member(federation, manifests, membership)

    @property
    def first(self) -> Member:
        """In the federation that rules speak of which name none."""
        return self._members[0]

    def all(self) -> list[Member]:
        """In every federation, and in places where this node is in none."""
        return list(self._members)

    def named(self, name: str | None) -> Member:
        """In the federation of this name; errors as for Federations.named."""
        return self._of(self._federations.named(name))

    def create(self, name: str) -> Manifest:
        """Found a federation beside those this node is in; errors as for Membership.create."""
        return self._free().membership.create(name)

    async def join(self, code: str) -> Manifest:
        """Join a federation beside those this node is in; errors as for Membership.join."""
        waiting = (member for member in self._members if member.membership.waiting.code() == code)
        return await (next(waiting, None) or self._free()).membership.join(code)

    # -- asked by other nodes

    def on(self, channel: Channel) -> Member:
        """The membership that a channel is about, by the key that its peer proved."""
        if channel.purpose is Purpose.JOIN:
            now = self._clock.now()
            inviting = (m for m in self._members if m.federation.find_invitation_psk(channel.psk_id, now=now))
            return next(inviting, self.first)
        return self._of(self._federations.proved_by(channel.psk_id))

    def belongs(self, channel: Channel) -> bool:
        """Whether the peer of a channel is a member still."""
        return self.on(channel).membership.is_on_roster(channel.peer)

    def find_psk(self, purpose: Purpose, wanted: bytes) -> bytes | None:
        """The pre-shared key a handshake asks for, or None when there is none for this purpose."""
        found = (member.membership.find_psk(purpose, wanted) for member in self._members)
        return next((psk for psk in found if psk is not None), None)

    def admits(self, peer: NodeId, purpose: Purpose, proved: bytes) -> bool:
        """Whether a peer that proved a key may have a channel; as Membership.admits."""
        if purpose is Purpose.JOIN:
            return self.first.membership.admits(peer, purpose, proved)
        return self._of(self._federations.proved_by(proved)).membership.admits(peer, purpose, proved)

    async def compare(self, link: ControlLink) -> None:
        """Bring both ends of a fresh link to the same manifests of its federation; errors as for Manifests.compare."""
        await self._of(self._federations.proved_by(link.channel.psk_id)).manifests.compare(link)

    # -- turns

    async def spread(self) -> float:
        """The turn of every federation's manifests; one that fails does not keep the others waiting."""
        return await self._turn([member.manifests.turn for member in self._members])

    async def ask(self) -> float:
        """The turn of every membership that may wait for approval."""
        return await self._turn([member.membership.turn for member in self._members])

    async def _turn(self, turns: list[Callable[[], object]]) -> float:
        ends = await asyncio.gather(*(turn() for turn in turns), return_exceptions=True)  # type: ignore[call-overload]
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return float(min(ends))

    def _free(self) -> Member:
        """A place for a further federation: one that is free and waits for none, else a new one."""
        for member in self._members:
            if not member.federation.is_member and member.membership.waiting.code() is None:
                return member
        self._members.append(self._make(self._federations.add()))
        return self._members[-1]

    def _of(self, federation: Federation) -> Member:
        return next(member for member in self._members if member.federation is federation)
