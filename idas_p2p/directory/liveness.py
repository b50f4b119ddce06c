"""How fast peers answer, and which have fallen silent: the source of every timeout.

Belongs here: round-trip times, failures, back-off. Not here: timers (protocol.py), the table. Limits 10 and 15.
Source: RFC 6298 for the estimate, with bounds for a directory instead of a bulk transfer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from idas_p2p.directory.peers import Peer

INITIAL_TIMEOUT = 0.5  # seconds for a peer nobody knows
MIN_TIMEOUT = 0.25  # seconds; below this a busy machine looks dead
MAX_TIMEOUT = 2.0  # seconds
INITIAL_LATENESS = 0.25  # seconds for a peer nobody knows
MIN_LATENESS = 0.02  # seconds; ours: a scheduler's hiccup is no reason to ask another
MAX_LATENESS = 1.0  # seconds
MIN_ANSWERED = 0.5  # share of questions expected to be answered, at least: a dead network causes no flood
FIRST_BACK_OFF = 2.0  # seconds a silent peer is left alone, doubling
MAX_BACK_OFF = 300.0  # seconds
MAX_PEERS = 4_096  # remembered; ours: caps memory


@dataclass(slots=True)
class _History:
    smoothed: float = 0.0  # seconds; 0 before the first measurement
    variation: float = 0.0
    failures: int = 0  # in a row
    silent_until: float = 0.0  # monotonic seconds
    last_heard: float = 0.0
    last_sign: float = 0.0  # heard or challenged by


class Liveness:
    """What is known about the answering of each peer at its address: silence elsewhere says nothing about it."""

    def __init__(self) -> None:
        self._peers: OrderedDict[Peer, _History] = OrderedDict()
        self._everyone = _History()
        self._unanswered = 0.0  # share of the last questions that were not answered in time

    def heard(self, peer: Peer, *, now: float, round_trip: float | None = None) -> None:
        """An authentic message came; `round_trip` in seconds when it answered a question asked once."""
        history = self._of(peer)
        history.failures, history.silent_until, history.last_heard, history.last_sign = 0, 0.0, now, now
        if round_trip is not None:
            _measure(history, round_trip)
            _measure(self._everyone, round_trip)

    def challenged(self, peer: Peer, *, now: float) -> None:
        """Somebody at its address asked for a proof: no evidence of life, but a reason to wait a little longer."""
        self._of(peer).last_sign = now

    def failed(self, peer: Peer, *, now: float) -> int:
        """A question found no answer; returns how many in a row."""
        history = self._of(peer)
        history.failures += 1
        history.silent_until = now + min(MAX_BACK_OFF, FIRST_BACK_OFF * 2.0 ** (history.failures - 1))
        return history.failures

    def is_silent(self, peer: Peer, *, now: float) -> bool:
        """Whether to leave it alone for now."""
        history = self._peers.get(peer)
        return history is not None and now < history.silent_until

    def is_doubtful(self, peer: Peer) -> bool:
        """Whether the last question to it found no answer."""
        history = self._peers.get(peer)
        return history is not None and history.failures > 0

    def last_heard(self, peer: Peer) -> float:
        """Monotonic seconds of its last authentic message; 0 when none is remembered."""
        history = self._peers.get(peer)
        return history.last_heard if history else 0.0

    def timeout(self, peer: Peer) -> float:
        """Seconds after which a question is asked again."""
        history = self._measured(peer)
        if not history.smoothed:
            return INITIAL_TIMEOUT
        return min(MAX_TIMEOUT, max(MIN_TIMEOUT, history.smoothed + 4 * history.variation))

    def note_outcome(self, *, answered: bool) -> None:
        """A question of a lookup was answered in time, or not."""
        self._unanswered += (float(not answered) - self._unanswered) / 16

    def to_be_asked(self, *, for_answers: int) -> int:
        """How many to ask so that as many answers as wanted may be expected in time."""
        return round(for_answers / max(1 - self._unanswered, MIN_ANSWERED))

    def silent_at(self, peer: Peer, *, since: float) -> float:
        """When to wait for it no longer, both copies of the question having had their time."""
        known = self._peers.get(peer)
        return max(since, known.last_sign if known else 0.0) + 2 * self.timeout(peer)

    def late_at(self, peer: Peer, *, since: float) -> float:
        """When to ask another instead: monotonic seconds, counted from the last sign of this one after `since`."""
        history = self._measured(peer)
        lateness = history.smoothed + 2 * history.variation if history.smoothed else INITIAL_LATENESS
        known = self._peers.get(peer)
        return max(since, known.last_sign if known else 0.0) + min(MAX_LATENESS, max(MIN_LATENESS, lateness))

    def _measured(self, peer: Peer) -> _History:
        """The history to estimate from: its own, or everyone's while it was never measured."""
        history = self._peers.get(peer)
        return history if history is not None and history.smoothed else self._everyone

    def _of(self, peer: Peer) -> _History:
        history = self._peers.pop(peer, None) or _History()
        self._peers[peer] = history
        while len(self._peers) > MAX_PEERS:
            self._peers.popitem(last=False)
        return history


def _measure(history: _History, round_trip: float) -> None:
    if not history.smoothed:
        history.smoothed, history.variation = round_trip, round_trip / 2
        return
    history.variation += (abs(history.smoothed - round_trip) - history.variation) / 4
    history.smoothed += (round_trip - history.smoothed) / 8
