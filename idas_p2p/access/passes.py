"""Passes: with the code of one, somebody who belongs to no federation fetches one study.

Law: a pass serves until it expires, is revoked or used up. Whoever begins to fetch with it takes one of its uses, by
the key of its machine; it alone may go on until it has said that everything arrived, and then nobody. What ended is
kept for a while, so that whoever comes too late is told why. Belongs here: that. Not here: the code (invitation.py),
serving it (node/pass_server.py). Source: docs/spec/federation.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, Protocol

from idas_p2p.access.admission import psk_id
from idas_p2p.access.invitation import SECRET_SIZE, pass_psk
from idas_p2p.crypto.kdf import derive
from idas_p2p.errors import BadConfiguration, NoSuchThing, PassExpired, PassRevoked, PassUsed
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Limit, decode, encode, exactly

MAX_PASSES: Final = 1_000  # kept, those that ended among them; ours
MAX_USES: Final = 100  # of one pass; ours: many receivers are a federation
MAX_LIFETIME: Final = 366 * 86_400.0  # seconds; ours
KEPT_FOR: Final = 30 * 86_400  # seconds after its end in which a pass is refused by its name; ours
_KEY: Final = "passes"
_LABEL_SIZE: Final = 4  # bytes of the label by which an operator names a pass; ours


class Vault(Protocol):
    """Keeps named values over restarts (store.settings.Settings)."""

    def value(self, key: str) -> bytes | None:
        """What was last set, or None."""
        ...

    def set_value(self, key: str, value: bytes) -> None:
        """Set it, durably."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A machine that fetches with a pass."""

    node: NodeId
    begun: U64  # Unix seconds
    done: U64 = 0  # when it said that everything arrived; 0: not yet


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pass:
    """One pass; never prints itself."""

    code_secret: Annotated[bytes, exactly(SECRET_SIZE)]
    study_uid: Annotated[str, Limit(1, 64)]
    level: Annotated[str, Limit(1, 32)]  # its name
    made: U64  # Unix seconds
    expires: U64
    uses: Annotated[int, Limit(1, MAX_USES)]
    revoked: U64 = 0  # when; 0: not
    receivers: Annotated[tuple[Receiver, ...], Limit(0, MAX_USES)] = ()

    def __repr__(self) -> str:
        return f"Pass({self.label})"

    @property
    def label(self) -> str:
        """Names it to its operator and in the audit log, and tells nothing of its code."""
        return derive(self.code_secret, "idas pas label")[:_LABEL_SIZE].hex()

    @property
    def psk_id(self) -> bytes:
        """Which key a handshake with it proves."""
        return psk_id(pass_psk(self.code_secret))

    def state(self, *, now: float) -> str:
        """`open`, `used`, `expired` or `revoked`."""
        if self.revoked:
            return "revoked"
        if now >= self.expires:
            return "expired"
        is_used = len(self.receivers) >= self.uses and all(one.done for one in self.receivers)
        return "used" if is_used else "open"

    def check(self, peer: NodeId, *, now: float) -> None:
        """Let a machine look or go on.

        Raises:
            PassRevoked, PassExpired, PassUsed: it does not serve, or not this machine.
        """
        if self.revoked:
            raise PassRevoked
        if now >= self.expires:
            raise PassExpired
        mine = next((one for one in self.receivers if one.node == peer), None)
        if mine.done if mine is not None else len(self.receivers) >= self.uses:
            raise PassUsed


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Passes:
    items: Annotated[tuple[Pass, ...], Limit(0, MAX_PASSES)]


class Passes:
    """The passes of one node.

    Args:
        vault: where they are kept.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        stored = vault.value(_KEY)
        items = decode(_Passes, stored, max_size=16_777_216).items if stored else ()
        self._items = {item.psk_id: item for item in items}
        self.version = 0  # raised by every change

    def all(self) -> list[Pass]:
        """Every pass, the newest last; those that ended are kept for KEPT_FOR."""
        return list(self._items.values())

    def find(self, proved: bytes) -> Pass | None:
        """The pass with the key of this id."""
        return self._items.get(proved)

    def find_psk(self, wanted: bytes) -> bytes | None:
        """The key with this id (32 bytes), also of a pass that ended: whoever has its code is told that it did."""
        found = self._items.get(wanted)
        return pass_psk(found.code_secret) if found is not None else None

    def make(self, code_secret: bytes, *, study_uid: str, level: str, expires: float, uses: int, now: float) -> Pass:
        """Remember a new pass.

        Raises:
            BadConfiguration: uses or expiry make no sense, or there are too many.
        """
        if not 1 <= uses <= MAX_USES:
            raise BadConfiguration(f"a pass has 1 to {MAX_USES} uses")
        if not now < expires <= now + MAX_LIFETIME:
            raise BadConfiguration(f"a pass expires later than now, and within {MAX_LIFETIME / 86_400:.0f} days")
        kept = [one for one in self._items.values() if now < max(one.revoked or one.expires, one.made) + KEPT_FOR]
        if len(kept) >= MAX_PASSES:
            raise BadConfiguration(
                f"{MAX_PASSES} passes are kept, those of the last {KEPT_FOR // 86_400} days among them"
            )
        made = Pass(
            code_secret=code_secret,
            study_uid=study_uid,
            level=level,
            made=int(now),
            expires=int(expires),
            uses=uses,
        )
        self._keep([*kept, made])
        return made

    def begin(self, one: Pass, peer: NodeId, *, now: float) -> None:
        """Take a use for a machine, unless it has one; errors as for Pass.check."""
        one = self._items[one.psk_id]
        one.check(peer, now=now)
        if all(receiver.node != peer for receiver in one.receivers):
            self._replace(replace(one, receivers=(*one.receivers, Receiver(node=peer, begun=int(now)))))

    def finish(self, one: Pass, peer: NodeId, *, now: float) -> bool:
        """A machine said that everything arrived: it gets nothing more; whether that was news."""
        one = self._items[one.psk_id]
        done = [
            replace(receiver, done=int(now)) if receiver.node == peer and not receiver.done else receiver
            for receiver in one.receivers
        ]
        if tuple(done) == one.receivers:
            return False
        self._replace(replace(one, receivers=tuple(done)))
        return True

    def revoke(self, label: str, *, now: float) -> Pass:
        """End a pass, what is under way with it too.

        Raises:
            NoSuchThing: none that is open has this label.
        """
        found = [one for one in self._items.values() if one.label == label.lower() and not one.revoked]
        if not found:
            raise NoSuchThing("no pass has this label, or it was revoked already")
        self._replace(replace(found[0], revoked=int(now)))
        return found[0]

    def _replace(self, changed: Pass) -> None:
        self._keep([changed if one.psk_id == changed.psk_id else one for one in self._items.values()])

    def _keep(self, items: list[Pass]) -> None:
        self._vault.set_value(_KEY, encode(_Passes(items=tuple(items))))
        self._items = {item.psk_id: item for item in items}
        self.version += 1
