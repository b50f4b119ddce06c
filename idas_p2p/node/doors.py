"""Who may open which channel to this node: members, joining nodes, holders of passes, users at workstations.

Belongs here: from a purpose to who decides, and how often strangers may try. Not here: membership (memberships.py),
passes (access/passes.py), what is served (serve.py). Source: docs/spec/transport.md section 5.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from idas_p2p.access.admission import psk_id
from idas_p2p.access.audit.events import Device, Note
from idas_p2p.access.guessing import Guesses
from idas_p2p.access.passes import Passes
from idas_p2p.clock import Clock
from idas_p2p.crypto.handshake import Refusal
from idas_p2p.crypto.kdf import derive
from idas_p2p.errors import AuditUnavailable
from idas_p2p.node.memberships import Memberships
from idas_p2p.node.refusals import Refusals
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

PROVED_NOTHING: Final = frozenset(
    {Refusal.UNKNOWN_PSK, Refusal.BAD_PROOF, Refusal.WRONG_IDENTITY, Refusal.NOT_ADMITTED}
)
"""Failures of a handshake that are worth a record: what speaks another protocol, or nothing, is no node."""
UNKNOWN_PASS: Final = "unknown_pass"  # noqa: S105  # the reason in the audit log


def sign_in_psk(node_id: NodeId) -> bytes:
    """The pre-shared key of channels on which users sign in: no secret, but of whoever knows the node's key."""
    return derive(node_id.raw, "idas sign in")


class Doors:
    """Decides about handshakes (transport.listener).

    Args:
        node_id: ours.
        memberships: decide about members and joining nodes.
        passes: of this node.
        note: writes down who tries codes that nobody has.
        clock: the time.
    """

    def __init__(self, node_id: NodeId, memberships: Memberships, passes: Passes, *, note: Note, clock: Clock) -> None:
        self._memberships, self._passes, self._clock = memberships, passes, clock
        self._sign_in = sign_in_psk(node_id)
        self._refusals = Refusals(note, clock)
        self.guesses = Guesses()

    def find_psk(self, purpose: Purpose, wanted: bytes) -> bytes | None:
        """The key (32 bytes) of a purpose and its id; None when there is none."""
        if purpose is Purpose.PASS:
            return self._passes.find_psk(wanted)
        if purpose is Purpose.SIGN_IN:
            return self._sign_in if wanted == psk_id(self._sign_in) else None
        return self._memberships.find_psk(purpose, wanted)

    def admits(self, peer: NodeId, purpose: Purpose, proved: bytes) -> bool:
        """Whether a peer that proved a key may have a channel."""
        return purpose in (Purpose.PASS, Purpose.SIGN_IN) or self._memberships.admits(peer, purpose, proved)

    def belongs(self, channel: Channel) -> bool:
        """Whether a channel may stay open though the members are others now."""
        return channel.purpose in (Purpose.PASS, Purpose.SIGN_IN) or self._memberships.belongs(channel)

    def may_try(self, host: str, purpose: Purpose) -> bool:
        """Whether a key is looked for; as transport.listener.Strangers."""
        return purpose is not Purpose.PASS or self.guesses.may_try(host, now=self._clock.now())

    def tried(self, host: str, purpose: Purpose, *, is_right: bool) -> None:
        """Count and write down who tries codes of passes that nobody has."""
        if purpose is not Purpose.PASS:
            return
        if is_right:
            self.guesses.succeeded(host)
            return
        self.guesses.failed(host, now=self._clock.now())
        with suppress(AuditUnavailable):  # it is refused all the same
            self._refusals.add(Device(address=host), UNKNOWN_PASS)

    def refused(self, host: str, refusal: Refusal, purpose: Purpose | None) -> None:
        """Write down who tried to come in as a node and proved nothing; of codes of passes, `tried` does."""
        if refusal not in PROVED_NOTHING or purpose is Purpose.PASS:
            return
        with suppress(AuditUnavailable):  # it is refused all the same
            self._refusals.add(Device(address=host), refusal)
