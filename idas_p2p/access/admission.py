"""Invitations at the node that made them: which joining handshakes they allow, and how many nodes they admit.

Law: an invitation admits as many nodes as it has uses, until it expires. One that is used up still lets a node it
admitted ask again, since the answer may have been lost. When a member is removed, every invitation ever used ends:
whoever left may know its code. Source: docs/spec/federation.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Protocol

from idas_p2p.access.invitation import SECRET_SIZE, invitation_psk
from idas_p2p.crypto.kdf import derive
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.schema import U64, Limit, decode, encode, exactly

PSK_ID_SIZE = 8  # bytes; protocol: docs/spec/transport.md section 3.2
MAX_INVITATIONS = 256  # not yet expired; ours
MAX_USES = 1_000  # of one invitation; ours, a federation has no more members
_KEY = "federation.invitations"


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

    def __repr__(self) -> str:
        return f"OpenInvitation({self.uses_left} uses left)"

    @property
    def psk_id(self) -> bytes:
        """Names the pre-shared key of its joining handshakes."""
        return psk_id(invitation_psk(self.code_secret))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Invitations:
    items: Annotated[tuple[OpenInvitation, ...], Limit(0, MAX_INVITATIONS)]


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

    def find_psk(self, wanted: bytes, *, now: float) -> bytes | None:
        """The key with this id, of an invitation that has not expired."""
        found = self._find(wanted, now=now)
        return invitation_psk(found.code_secret) if found else None

    def has_use_left(self, proved: bytes, *, now: float) -> bool:
        """Whether the invitation with this key may admit one more node."""
        found = self._find(proved, now=now)
        return found is not None and found.uses_left > 0

    def usable(self, *, now: float) -> list[tuple[bytes, int]]:
        """Code secret and expiry (Unix seconds) of each invitation that may admit one more node."""
        return [(item.code_secret, item.expires) for item in self._current(now) if item.uses_left]

    def add(self, code_secret: bytes, *, expires: float, uses: int, now: float) -> None:
        """Remember a new invitation.

        Raises:
            BadConfiguration: no uses, too many, over before it begins, or too many invitations.
        """
        if not 1 <= uses <= MAX_USES:
            raise BadConfiguration(f"an invitation has 1 to {MAX_USES} uses")
        if not now < expires < 2**63:
            raise BadConfiguration("an invitation expires later than now")
        current = self._current(now)
        if len(current) >= MAX_INVITATIONS:
            raise BadConfiguration(f"{MAX_INVITATIONS} invitations have not expired yet; wait until some have")
        added = OpenInvitation(code_secret=code_secret, expires=int(expires), uses_left=uses, was_used=False)
        self._keep((*current, added))

    def use(self, proved: bytes, *, now: float) -> None:
        """Take one use of the invitation with this key."""
        found = self._find(proved, now=now)
        self._keep(
            tuple(
                replace(item, uses_left=item.uses_left - 1, was_used=True) if item is found else item
                for item in self._current(now)
            )
        )

    def end_used(self) -> None:
        """End every invitation that has admitted somebody."""
        self._keep(tuple(item for item in self._items if not item.was_used))

    def _find(self, wanted: bytes, *, now: float) -> OpenInvitation | None:
        return next((item for item in self._current(now) if item.psk_id == wanted), None)

    def _current(self, now: float) -> tuple[OpenInvitation, ...]:
        return tuple(item for item in self._items if now < item.expires)

    def _keep(self, items: tuple[OpenInvitation, ...]) -> None:
        self._vault.set_value(_KEY, encode(_Invitations(items=items)))
        self._items = items
