"""The streams under way and what each may still send: sessions, bandwidth and bytes a day.

Belongs here: counting and deciding. Not here: sockets (splice.py), equal shares (shares.py), time (passed in).
Source: docs/spec/relay.md section 7.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from bootstrap.relay_settings import RelaySettings
from bootstrap.shares import Want, allot
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import RelayRefusal

TICK: Final = 0.05  # seconds between two allotments; ours
BURST: Final = 262_144.0  # bytes a quiet session may send at once, and the least a session is taken to want; ours
DAY: Final = 86_400.0  # seconds
MAX_NAMES: Final = 100_000  # whose bytes of the day are remembered; ours: about 20 MB
TOTAL: Final = "*"


class Session:
    """One stream: between whom, and what it may send before the next allotment.

    Args:
        target, dialer: the two nodes.
        names: of everything it counts against: total, nodes, blocks.
    """

    __slots__ = ("allowance", "carried", "dialer", "is_held", "names", "target", "used")

    def __init__(self, target: NodeId, dialer: NodeId, names: tuple[str, ...]) -> None:
        self.target, self.dialer, self.names = target, dialer, names
        self.allowance = BURST  # bytes; below zero it owes
        self.used = 0  # bytes since the last allotment
        self.carried = 0  # bytes
        self.is_held = False  # whether it had to wait since the last allotment

    def spend(self, count: int) -> bool:
        """Count bytes that were carried; whether it may go on at once."""
        self.allowance -= count
        self.used += count
        self.carried += count
        if self.allowance <= 0:
            self.is_held = True
        return not self.is_held


class Traffic:
    """All streams.

    Args:
        settings: the bounds.
    """

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._counts: Counter[str] = Counter()  # sessions by name
        self._today: Counter[str] = Counter()  # bytes by name
        self._day = -1
        self.sessions: set[Session] = set()
        self.begun = 0  # sessions

    def configure(self, settings: RelaySettings) -> None:
        """Count by other bounds from now on."""
        self._settings = settings

    def begin(self, *, target: NodeId, dialer: NodeId, blocks: tuple[str, str], now: float) -> Session | RelayRefusal:
        """Count a new stream in, or say why not.

        Args:
            target: the node that waited.
            dialer: the other.
            blocks: of the target and of the dialer.
            now: Unix seconds.
        """
        names = (TOTAL, f"node {target}", f"node {dialer}", *(f"block {block}" for block in dict.fromkeys(blocks)))
        settings = self._settings
        if self._counts[TOTAL] >= settings.sessions.total:
            return RelayRefusal.FULL
        if self._counts[names[1]] >= settings.sessions.per_node or self._counts[names[2]] >= settings.sessions.per_node:
            return RelayRefusal.TOO_MANY_FROM_NODE
        if any(self._counts[name] >= settings.sessions.per_block for name in names[3:]):
            return RelayRefusal.TOO_MANY_FROM_BLOCK
        if self._is_spent(names, now):
            return RelayRefusal.OVER_BUDGET
        session = Session(target, dialer, names)
        self.sessions.add(session)
        self.begun += 1
        self._counts.update(names)
        return session

    def end(self, session: Session) -> None:
        """Count a stream out; may be repeated."""
        if session in self.sessions:
            self.sessions.remove(session)
            self._settle(session)
            self._counts -= Counter(session.names)

    def turn(self, *, seconds: float, now: float) -> list[Session]:
        """Allot what may be sent in the next `seconds`; returns the sessions that are over the budget of the day."""
        active = [session for session in self.sessions if session.used or session.is_held or session.allowance < BURST]
        if not active:
            return []
        sharing = Counter(name for session in active for name in session.names[1:3])
        wants = [self._want(session, sharing) for session in active]
        names = {name for session in active for name in session.names}
        capacity = {name: self._rate(name) * seconds for name in names}
        for session, grant in zip(active, allot(wants, capacity), strict=True):
            self._settle(session)
            if session.is_held:
                session.allowance = min(session.allowance, 0.0) + grant
            else:
                session.allowance = min(session.allowance + grant, _goal(session))
            session.used, session.is_held = 0, session.allowance <= 0
        return [session for session in active if self._is_spent(session.names, now)]

    def _want(self, session: Session, sharing: Counter[str]) -> Want:
        amount = math.inf if session.is_held else _rounded(_goal(session) - session.allowance)
        return Want(amount, 1.0 / max(sharing[name] for name in session.names[1:3]), session.names)

    def _settle(self, session: Session) -> None:
        for name in session.names:
            if name in self._today or len(self._today) < MAX_NAMES:
                self._today[name] += session.used

    def _rate(self, name: str) -> float:
        return _width(name, self._settings.rate.total, self._settings.rate.per_node, self._settings.rate.per_block)

    def _is_spent(self, names: tuple[str, ...], now: float) -> bool:
        if (day := int(now // DAY)) != self._day:
            self._day = day
            self._today.clear()
        amount = self._settings.amount
        return any(
            self._today[name] >= _width(name, amount.total, amount.per_node, amount.per_block)
            for name in names
            if name in self._today
        )


def _rounded(amount: float) -> float:
    """The next power of two: sessions of like speed are then settled together, and a thousand in a few steps."""
    return 0.0 if amount <= 0 else 2.0 ** math.ceil(math.log2(amount))


def _goal(session: Session) -> float:
    """What a session that need not wait should have: twice what it sent, and so room to grow."""
    return max(BURST, 2.0 * session.used)


def _width(name: str, total: float, per_node: float, per_block: float) -> float:
    if name == TOTAL:
        return total
    return per_node if name.startswith("node ") else per_block
