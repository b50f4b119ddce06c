"""Invitations at the node that made them: which joining handshakes they allow, whom they admit, who waits for approval.

Law: an invitation admits as many nodes as it has uses, until it expires or is revoked. One that is used up still lets a
node it admitted ask again, since the answer may have been lost. When a member is removed, every invitation ever used
ends: whoever left may know its code. Source: docs/spec/federation.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Protocol

from idas_p2p.access.invitation import SECRET_SIZE, invitation_psk
from idas_p2p.crypto.kdf import derive
from idas_p2p.errors import BadConfiguration, Busy, NoSuchThing
from idas_p2p.wire.federation import Name
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Limit, decode, encode, exactly

PSK_ID_SIZE = 8  # bytes; protocol: docs/spec/transport.md section 3.2
MAX_INVITATIONS = 256  # not yet expired; ours
MAX_USES = 1_000  # of one invitation; ours, a federation has no more members
MAX_ASKING = 64  # nodes that wait for approval or were refused, of all invitations; ours
_KEY, _ASKING = "federation.open_invitations", "federation.asking"
_LABEL_SIZE = 4  # bytes of the label by which an operator names an invitation; ours


class Vault(Protocol):
    """Keeps named values over restarts."""

    def value(self, key: str) -> bytes | None:
        """What was last set, or None."""
        ...

    def set_value(self, key: str, value: bytes) -> None:
        """Keep a value; durable when it returns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenInvitation:
    """An invitation that has not expired; never prints itself."""

    code_secret: Annotated[bytes, exactly(SECRET_SIZE)]  # the secret in its code
    expires: U64  # Unix seconds
    uses_left: Annotated[int, Limit(0, MAX_USES)]
    was_used: bool
    needs_approval: bool

    def __repr__(self) -> str:
        return f"OpenInvitation({self.uses_left} uses left)"

    @property
    def psk_id(self) -> bytes:
        """Names the pre-shared key of its joining handshakes."""
        return psk_id(invitation_psk(self.code_secret))

    @property
    def label(self) -> str:
        """Names it to its operator; it tells nothing about its code."""
        return self.psk_id[:_LABEL_SIZE].hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingNode:
    """A node that asked to join with an invitation that needs approval."""

    node_id: NodeId
    institution: Name  # as it calls itself
    psk_id: Annotated[bytes, exactly(PSK_ID_SIZE)]  # of the invitation
    asked: U64  # Unix seconds
    is_refused: bool

    @classmethod
    def of(cls, node_id: NodeId, institution: str, *, proved: bytes, now: float) -> AskingNode:
        """One that asks at `now` and proved the key of an invitation."""
        return cls(node_id=node_id, institution=institution, psk_id=proved, asked=int(now), is_refused=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Invitations:
    items: Annotated[tuple[OpenInvitation, ...], Limit(0, MAX_INVITATIONS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    items: Annotated[tuple[AskingNode, ...], Limit(0, MAX_ASKING)]


def psk_id(psk: bytes) -> bytes:
    """Eight bytes that tell the other side which pre-shared key is meant."""
    return derive(psk, "idas psk id")[:PSK_ID_SIZE]


class Admission:
    """The invitations of one node.

    Args:
        vault: where they are kept.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        stored = vault.value(_KEY)
        self._items = decode(_Invitations, stored, max_size=65_536).items if stored else ()
        stored = vault.value(_ASKING)
        self._asking = decode(_Asking, stored, max_size=65_536).items if stored else ()

    def find_psk(self, wanted: bytes, *, now: float) -> bytes | None:
        """The key with this id, of an invitation that has not expired."""
        found = self.find(wanted, now=now)
        return invitation_psk(found.code_secret) if found else None

    def find(self, proved: bytes, *, now: float) -> OpenInvitation | None:
        """The invitation with this key, unless it has expired."""
        return next((item for item in self.current(now=now) if item.psk_id == proved), None)

    def current(self, *, now: float) -> list[OpenInvitation]:
        """The invitations that have not expired, used up or not."""
        return [item for item in self._items if now < item.expires]

    def add(
        self, code_secret: bytes, *, expires: float, uses: int, needs_approval: bool = False, now: float
    ) -> OpenInvitation:
        """Remember a new invitation.

        Raises:
            BadConfiguration: no uses, too many, over before it begins, or too many invitations.
        """
        if not 1 <= uses <= MAX_USES:
            raise BadConfiguration(f"an invitation has 1 to {MAX_USES} uses")
        if not now < expires < 2**63:
            raise BadConfiguration("an invitation expires later than now")
        current = self.current(now=now)
        if len(current) >= MAX_INVITATIONS:
            raise BadConfiguration(f"{MAX_INVITATIONS} invitations have not expired yet; revoke some")
        added = OpenInvitation(
            code_secret=code_secret,
            expires=int(expires),
            uses_left=uses,
            was_used=False,
            needs_approval=needs_approval,
        )
        self._keep([*current, added])
        return added

    def use(self, proved: bytes, *, now: float) -> None:
        """Take one use of the invitation with this key."""
        self._keep(
            [
                replace(item, uses_left=max(0, item.uses_left - 1), was_used=True) if item.psk_id == proved else item
                for item in self.current(now=now)
            ]
        )

    def revoke(self, label: str, *, now: float) -> OpenInvitation:
        """End an invitation, and what waits because of it.

        Raises:
            NoSuchThing: none that has not expired has this label.
        """
        gone = next((item for item in self.current(now=now) if item.label == label.lower()), None)
        if gone is None:
            raise NoSuchThing("no invitation has this label")
        self._keep([item for item in self.current(now=now) if item is not gone])
        return gone

    def end_used(self) -> None:
        """End every invitation that has admitted somebody."""
        self._keep([item for item in self._items if not item.was_used])

    # -- who waits for approval

    def asking(self, *, now: float) -> list[AskingNode]:
        """Who waits or was refused, by invitations that have not ended."""
        open_ids = {item.psk_id for item in self.current(now=now)}
        return [one for one in self._asking if one.psk_id in open_ids]

    def ask(self, node: AskingNode, *, now: float) -> bool:
        """Have a node wait, unless it was refused before; whether it may still hope.

        Raises:
            Busy: too many wait.
        """
        asking = self.asking(now=now)
        earlier = next((one for one in asking if one.node_id == node.node_id and one.psk_id == node.psk_id), None)
        if earlier is not None and (earlier.is_refused or earlier.institution == node.institution):
            return not earlier.is_refused
        kept = [one for one in asking if one is not earlier]
        if len(kept) >= MAX_ASKING:
            raise Busy("too many nodes wait for approval")
        self._keep_asking([*kept, node])
        return True

    def settle(self, node: AskingNode, *, is_refused: bool, now: float) -> None:
        """Have a node wait no longer; a refusal is remembered as long as the invitation."""
        others = [one for one in self.asking(now=now) if one.node_id != node.node_id]
        self._keep_asking([*others, replace(node, is_refused=True)] if is_refused else others)

    def _keep(self, items: list[OpenInvitation]) -> None:
        self._vault.set_value(_KEY, encode(_Invitations(items=tuple(items))))
        self._items = tuple(items)

    def _keep_asking(self, asking: list[AskingNode]) -> None:
        self._vault.set_value(_ASKING, encode(_Asking(items=tuple(asking))))
        self._asking = tuple(asking)
