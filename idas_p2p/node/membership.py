"""This node as a member: founding, inviting, joining and removing, and who may open a channel to us.

Belongs here: what an operator or another node asks of the membership. Not here: how manifests spread (manifests.py),
how joining is spoken (joining.py), what follows from a manifest (access/federation.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.federation import Federation, psk_id
from idas_p2p.access.invitation import Invitation
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import (
    AwaitingApproval,
    BadConfiguration,
    DirectoryUnreachable,
    IdasError,
    RemoteError,
    Unreachable,
)
from idas_p2p.events import log_event
from idas_p2p.exchange.interfaces import Channel
from idas_p2p.node import joining
from idas_p2p.node.invitations import Invitations
from idas_p2p.node.manifests import Manifests
from idas_p2p.node.waiting import Waiting
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.rungs import Rung
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Contact
from idas_p2p.wire.federation import Change, Manifest
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

DIAL_TIMEOUT: Final = 20.0  # seconds to reach the inviting node; ours
ASK_INTERVAL: Final = 5.0  # seconds until a node that waits for approval asks again; ours


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Invited:
    """A new invitation; never prints its code."""

    code: str
    label: str  # names it to its operator
    kept_by: int  # other nodes that keep its record

    def __repr__(self) -> str:
        return f"Invited({self.label})"


class Membership:
    """Membership of this node.

    Args:
        identity: ours.
        institution: our name.
        federation: the state.
        manifests: keeps it current.
        invitations: in the directory.
        waiting: remembers a code while an administrator has to approve.
        remember_contact: keeps the contact of a code that served.
        other_paths: to a node, beside its addresses.
        way: how connections leave this machine.
        clock: the time.
        obstacle: why this node cannot be in a further federation of a name and 32 bytes; None when it can.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        federation: Federation,
        manifests: Manifests,
        invitations: Invitations,
        *,
        waiting: Waiting,
        remember_contact: Callable[[Contact], None],
        other_paths: Callable[[NodeId], Awaitable[Sequence[Rung]]],
        way: Way = DIRECT,
        clock: Clock,
        obstacle: Callable[[str, bytes], str | None] = lambda name, federation: None,
    ) -> None:
        self._obstacle = obstacle
        self._other_paths, self._way = other_paths, way
        self.waiting, self.remember_contact = waiting, remember_contact
        self._identity, self._institution, self._federation = identity, institution, federation
        self._manifests, self._invitations, self._clock = manifests, invitations, clock

    # -- asked by the operator

    def create(self, name: str) -> Manifest:
        """Found a federation.

        Raises:
            BadConfiguration: this node belongs to one already, or the name is not fit to be one.
        """
        if obstacle := self._obstacle(name, b""):
            raise BadConfiguration(obstacle)
        manifest = self._federation.create(self._institution, name, now=self._clock.now())
        self.waiting.forget()
        self._manifests.announce()
        return manifest

    async def invite(self, *, lifetime: float, uses: int, needs_approval: bool = False) -> Invited:
        """Make an invitation; it is usable when this returns.

        Args:
            lifetime: seconds.
            uses: how many nodes may join with it.
            needs_approval: whether each of them waits until it is approved here.

        Raises:
            NotAnAdmin, NotAMember: this node cannot invite.
            BadConfiguration: its uses or expiry make no sense, or there are too many.
            DirectoryUnreachable: it could not be left in the directory.
        """
        now = self._clock.now()
        invitation, name = self._invitations.make(random_bytes(16)), self._federation.require_member().name
        made = self._federation.invite(
            invitation, expires=now + lifetime, uses=uses, needs_approval=needs_approval, now=now
        )
        try:
            kept_by = await self._invitations.publish(
                invitation.secret, federation_name=name, expires=int(now + lifetime)
            )
        except DirectoryUnreachable:
            self._federation.revoke(made.label, now=now)  # nobody will see its code
            raise
        return Invited(code=invitation.to_code(), label=made.label, kept_by=kept_by)

    async def join(self, code: str) -> Manifest:
        """Become a member with a code.

        Raises:
            BadCode: not a valid code, or the inviter refused it.
            BadConfiguration: this node is a member already.
            AwaitingApproval: the inviter's administrator has to approve first; `turn` asks again until then.
            PeerUnreachable, DirectoryUnreachable: somebody needed did not answer.
            HandshakeFailed: the code is not open at the inviting node any more.
        """
        if self._federation.is_member:
            raise BadConfiguration("this node belongs to this federation already")
        self.waiting.forget()
        try:
            return await self._join(code)
        except AwaitingApproval:
            self.waiting.remember(code)
            raise

    async def _join(self, code: str) -> Manifest:
        invitation = Invitation.from_code(code)
        record = await self._invitations.find(invitation)
        channel = await dial(
            self._identity,
            record.inviter,
            record.addresses,
            purpose=Purpose.JOIN,
            psk=Psk(psk_id=psk_id(invitation.psk), key=invitation.psk),
            timeout=DIAL_TIMEOUT,
            rungs=await self._other_paths(record.inviter),
            way=self._way,
        )
        manifest = await joining.ask_to_join(channel, self._institution)
        if obstacle := self._obstacle(manifest.name, manifest.federation):
            raise BadConfiguration(obstacle)
        if refusal := self._federation.install(manifest, now=self._clock.now(), inviter=record.inviter):
            raise RemoteError(f"the inviting node sent a manifest that is not valid: {refusal}")
        log_event("joined", epoch=manifest.epoch, count=len(manifest.members))
        self.remember_contact(invitation.contact)
        self._manifests.secrets_changed()
        return manifest

    async def turn(self) -> float:
        """Ask again where an administrator had to approve first; return seconds until the next turn."""
        if (code := self.waiting.code()) is not None and not self._federation.is_member:
            try:
                await self._join(code)
            except (AwaitingApproval, Unreachable):
                return ASK_INTERVAL
            except IdasError as error:
                log_event("join_refused", reason=error.code)
                self.waiting.give_up(error.detail or error.code)
                return ASK_INTERVAL
            self.waiting.forget()
        return ASK_INTERVAL

    def remove(self, name: str) -> Manifest:
        """Remove a member and change all secrets; the others are told in the background.

        Raises:
            NotAnAdmin, NotAMember: this node cannot.
            NoSuchThing: no member has this name.
            BadConfiguration: it is an administrator.
        """
        before = self._federation.roster()
        manifest = self._federation.remove(name, now=self._clock.now())
        self._manifests.secrets_changed()
        self._manifests.announce(also=before.keys() - self._federation.roster().keys())
        return manifest

    def approve(self, name: str) -> Manifest:
        """Admit a node that waits for it; errors as for `Federation.approve`."""
        manifest = self._federation.approve(name, now=self._clock.now())
        self._manifests.announce()
        return manifest

    def change_admins(self, act: int, name: str) -> tuple[Change, int]:
        """Vote on who is an administrator; the change and how many votes it lacks, as `Federation.change_admins`."""
        _, change, missing = self._federation.change_admins(act, name, now=self._clock.now())
        self._manifests.announce()
        return change, missing

    def leave(self) -> str:
        """Forget the federation; what it was called.

        Raises:
            NotAMember, BadConfiguration: there is none, or this node administers others.
        """
        name = self._federation.manifest.name if self._federation.manifest else ""
        self._federation.leave()
        log_event("left")
        self._manifests.secrets_changed()
        return name

    # -- asked by other nodes (exchange.answer.Membership, transport.listener)

    @property
    def epoch(self) -> int:
        """In force; 0 for none."""
        return self._federation.epoch

    @property
    def state(self) -> bytes:
        """Eight bytes that are equal for nodes that know the same; empty for none."""
        return self._federation.state

    def manifest_for(self, known: frozenset[bytes]) -> bytes | None:
        """A manifest in force, encoded, whose digest is none of these."""
        manifest = self._federation.lacking(known)
        return manifest.to_bytes() if manifest else None

    def take_manifest(self, data: bytes) -> None:
        """Put in force a manifest that came from anybody.

        Raises:
            RemoteError: it says nothing that could be put in force here.
        """
        self._manifests.take(data)

    def is_current_member(self, channel: Channel) -> bool:
        """Whether the peer is on the roster in force and proved the key in force."""
        return self._federation.is_current(channel.psk_id) and self.is_on_roster(channel.peer)

    def is_on_roster(self, node_id: NodeId) -> bool:
        """Whether the manifest in force names this node."""
        return self._federation.institution(node_id) is not None

    def find_psk(self, purpose: Purpose, wanted: bytes) -> bytes | None:
        """The pre-shared key a handshake asks for, or None when there is none for this purpose."""
        if purpose is Purpose.JOIN:
            return self._federation.find_invitation_psk(wanted, now=self._clock.now())
        return self._federation.find_member_psk(wanted)

    def admits(self, peer: NodeId, purpose: Purpose, proved: bytes) -> bool:
        """Whether a peer that proved a key may have a channel.

        One that proved the key in force may be newer on the roster than our manifest: it may open a control link and
        show us the newer manifest, and nothing else until then.
        """
        if purpose is Purpose.JOIN:
            return True
        if self.is_on_roster(peer):
            return purpose is Purpose.CONTROL or self._federation.is_current(proved)
        return purpose is Purpose.CONTROL and self._federation.is_current(proved)

    async def answer_join(self, channel: Channel) -> None:
        """Admit a node whose handshake proved an invitation."""
        manifest = await joining.answer_join(channel, self._federation, now=self._clock.now())
        if manifest is not None:
            self._manifests.announce()
