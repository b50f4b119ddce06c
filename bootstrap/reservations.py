"""Who waits at this relay, who may be connected with whom, and which dialer an answer belongs to.

Belongs here: deciding and counting. Not here: bytes (relay_link.py), bandwidth (traffic.py), time (passed in).
Source: docs/spec/relay.md sections 4 to 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from bootstrap.guests import Guests
from bootstrap.relay_settings import RelaySettings
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.relaying import VOUCHER_LIFETIME, is_voucher, sign_voucher
from idas_p2p.directory.budgets import Budgets
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import NONCE_SIZE, Connect, RelayRefusal

RESERVE_RATE: Final = 1.0  # reservations a second that one site may ask for; ours: an outage of 256 nodes takes minutes
RESERVE_BURST: Final = 600.0  # at once
CONNECT_RATE: Final = 20.0  # connections a second that one site may ask for; ours
CONNECT_BURST: Final = 400.0  # at once
MAX_PENDING_PER_NODE: Final = 32  # dialers that wait for one node to answer; ours, as many as a node opens at once
MAX_PENDING_PER_BLOCK: Final = 16  # of them from one site, so that no site shuts out the others; ours
ANSWER_TIMEOUT: Final = 5.0  # seconds a node has to answer; ours

L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class Place(Generic[L]):
    """A node that waits here."""

    link: L
    block: str
    shown: Membership | None  # by which it waits


@dataclass(frozen=True, slots=True)
class Pending(Generic[L]):
    """A dialer that waits for the target to answer."""

    dialer: L
    dialer_id: NodeId
    dialer_block: str
    target: NodeId
    target_block: str
    until: float  # monotonic seconds


class Reservations(Generic[L]):
    """The book of a relay. A link is whatever the caller has, and is only handed back.

    Args:
        identity: the relay's; signs vouchers.
        settings: bounds, and who may wait here.
        relays: NodeIds of relays, this one's too: they neither wait at a relay nor dial through one.
        random_bytes: a secure source of nonces.
    """

    def __init__(
        self,
        identity: SigningKey,
        settings: RelaySettings,
        *,
        relays: frozenset[NodeId],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._identity, self._settings, self._random_bytes = identity, settings, random_bytes
        self._relays, self._guests = relays | {identity.node_id}, Guests(settings)
        self._places: dict[NodeId, Place[L]] = {}
        self._blocks: Counter[str] = Counter()
        self._pending: dict[bytes, Pending[L]] = {}
        self._waiting: Counter[NodeId] = Counter()  # dialers by target
        self._reserving = Budgets(rate=RESERVE_RATE, burst=RESERVE_BURST)
        self._connecting = Budgets(rate=CONNECT_RATE, burst=CONNECT_BURST)
        self.is_draining = False
        self.refusals: Counter[RelayRefusal] = Counter()
        self.granted = 0  # reservations made or prolonged

    def __len__(self) -> int:
        return len(self._places)

    def configure(self, settings: RelaySettings) -> None:
        """Decide by other settings from now on; `leaving` tells who may not wait here any more."""
        self._settings = settings
        self._guests.configure(settings)

    def leaving(self, *, monotonic: float) -> list[tuple[L, RelayRefusal]]:
        """The links of nodes that may not wait here any more, each counted as refused."""
        if self._guests.is_open:
            return []
        found = [
            (place.link, self._guests.may_stay(node, place.shown, monotonic=monotonic))
            for node, place in self._places.items()
        ]
        return [(link, self._count(refusal)) for link, refusal in found if refusal]

    def links(self) -> list[L]:
        """Of the nodes that wait here."""
        return [place.link for place in self._places.values()]

    def reserve(
        self,
        node: NodeId,
        link: L,
        block: str,
        *,
        shown: Membership | None = None,
        monotonic: float,
        now: float,
    ) -> tuple[int, bytes] | RelayRefusal:
        """Let a node wait here, on this link and no other from now on.

        Args:
            node: who proved its key on the link.
            link: where it is told of dialers.
            block: its site.
            shown: the membership it shows, if any.
            monotonic: seconds of the steady clock.
            now: Unix seconds.

        Returns:
            Expiry (Unix seconds) and signature of the voucher, or why not.
        """
        refusal = self._may_wait(node, block, monotonic)
        if refusal is None:
            self._reserving.spend(block, 1.0, now=monotonic)
            refusal = self._guests.refusal(node, shown, monotonic=monotonic, now=now)
        if refusal:
            return self._count(refusal)
        self._leave(node)
        self._places[node] = Place(link, block, shown)
        self._blocks[block] += 1
        self.granted += 1
        expires = int(now) + VOUCHER_LIFETIME
        return expires, sign_voucher(self._identity, node, expires=expires)

    def _may_wait(self, node: NodeId, block: str, monotonic: float) -> RelayRefusal | None:
        is_new = node not in self._places
        if self.is_draining:
            return RelayRefusal.DRAINING
        if node in self._relays:
            return RelayRefusal.RELAY_OVER_RELAY
        if not self._reserving.allows(block, now=monotonic):
            return RelayRefusal.TOO_OFTEN
        if is_new and len(self._places) >= self._settings.reservations:
            return RelayRefusal.FULL
        if is_new and self._blocks[block] >= self._settings.reservations_per_block:
            return RelayRefusal.TOO_MANY_FROM_BLOCK
        return None

    def leave(self, node: NodeId, link: L) -> None:
        """A link has ended; a newer one of the same node stays."""
        place = self._places.get(node)
        if place is not None and place.link is link:
            self._leave(node)

    def _leave(self, node: NodeId) -> None:
        place = self._places.pop(node, None)
        if place is not None:
            self._blocks -= Counter({place.block: 1})

    def connect(
        self, request: Connect, dialer_id: NodeId, link: L, block: str, *, monotonic: float, now: float
    ) -> tuple[L, bytes] | RelayRefusal:
        """Let a dialer wait for the node it names.

        Returns:
            The target's link, and the nonce to tell it; or why not.
        """
        target = NodeId(request.target)
        refusal = self._may_connect(request, target, dialer_id, block, monotonic, now)
        if refusal:
            return self._count(refusal)
        self._connecting.spend(block, 1.0, now=monotonic)
        place, nonce = self._places[target], self._random_bytes(NONCE_SIZE)
        self._pending[nonce] = Pending(link, dialer_id, block, target, place.block, monotonic + ANSWER_TIMEOUT)
        self._waiting[target] += 1
        return place.link, nonce

    def _may_connect(
        self, request: Connect, target: NodeId, dialer_id: NodeId, block: str, monotonic: float, now: float
    ) -> RelayRefusal | None:
        if self.is_draining:
            return RelayRefusal.DRAINING
        if target in self._relays or dialer_id in self._relays:
            return RelayRefusal.RELAY_OVER_RELAY
        if not self._connecting.allows(block, now=monotonic):
            return RelayRefusal.TOO_OFTEN
        if not is_voucher(request.signature, node=target, relay=self._identity.node_id, expires=request.expires):
            self._connecting.spend(block, 1.0, now=monotonic)
            return RelayRefusal.BAD_VOUCHER
        if request.expires <= now - MAX_CLOCK_SKEW:
            return RelayRefusal.EXPIRED_VOUCHER
        if target not in self._places:
            return RelayRefusal.NO_RESERVATION
        if self._waiting[target] >= MAX_PENDING_PER_NODE:
            return RelayRefusal.TOO_MANY_FROM_NODE
        if sum(waits.target == target and waits.dialer_block == block for waits in self._pending.values()) >= (
            MAX_PENDING_PER_BLOCK
        ):
            return RelayRefusal.TOO_MANY_FROM_BLOCK
        return None

    def awaiting(self, target: NodeId) -> list[bytes]:
        """The nonces of those that wait for a node: it may have been told of them on a link that is dead."""
        return [nonce for nonce, pending in self._pending.items() if pending.target == target]

    def answer(self, nonce: bytes) -> Pending[L] | None:
        """The dialer that an answer belongs to; a nonce counts once."""
        pending = self._pending.pop(nonce, None)
        if pending is not None:
            self._waiting -= Counter({pending.target: 1})
        return pending

    def forget(self, link: L) -> None:
        """A dialer has gone before it was answered."""
        for nonce in [nonce for nonce, pending in self._pending.items() if pending.dialer is link]:
            self.answer(nonce)

    def expire(self, *, monotonic: float) -> list[L]:
        """Dialers that have waited long enough, each counted as refused."""
        late = [nonce for nonce, pending in self._pending.items() if pending.until <= monotonic]
        found = [pending.dialer for nonce in late if (pending := self.answer(nonce)) is not None]
        for _ in found:
            self._count(RelayRefusal.TARGET_SILENT)
        return found

    def _count(self, refusal: RelayRefusal) -> RelayRefusal:
        self.refusals[refusal] += 1
        return refusal
