"""Which instance to want from which holder: a queue that all work off, so that the faster gives more.

Law: an instance is wanted from one holder at a time; what a dead, silent or lying one owes goes back to the queue; when
the queue is empty an idle holder may be asked for what a slower one still owes, and the first whole copy counts. An
instance is delivered once. Belongs here: these decisions. Not here: which copy is taken (copies.py), how fast a holder
is (pace.py), links (conversation.py). Pure: reads no clock. Source: docs/spec/exchange.md section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from idas_p2p.errors import ArchiveFailed, IdasError
from idas_p2p.exchange.copies import Copies, Copy
from idas_p2p.exchange.pace import Pace
from idas_p2p.exchange.share import Share

MAX_AHEAD: Final = 512  # instances that are here and wait for the lists of others; ours
MAX_AHEAD_SIZE: Final = 268_435_456  # bytes of them; ours
MIN_OUTSTANDING: Final = 2  # instances wanted of one holder, however large; ours: the next follows without a pause


class Shares:
    """One retrieval from several holders.

    Args:
        kept: digests of the instances that are here already, by SOP Instance UID.
    """

    def __init__(self, kept: Mapping[str, bytes] | None = None) -> None:
        self.copies = Copies()
        self._shares: list[Share] = []
        self._kept = dict(kept or {})  # whole and verified
        self._ready = dict[str, int]()  # kept and listed, in order, not delivered: bytes of each
        self._ahead = 0  # bytes of them all
        self._stale = list[str]()  # here in another version than the one that is wanted
        self._judged: tuple[int, ...] = ()  # the accepted holders when `stale` looked last
        self._known = set[str]()  # listed or lost by anybody
        self._pending = set[str]()  # listed and not delivered
        self._owners = dict[str, set[int]]()  # holders that owe an instance
        self._lost = dict[str, IdasError]()  # why an instance could not be had, the last time

    def join(self, *, expected: int, now: float) -> int:
        """One holder more, which says to have `expected` instances; return its number."""
        self._shares.append(Share(expected, Pace(now)))
        return self.copies.join()

    def opened(self, number: int, *, now: float) -> None:
        """A link to a holder is open; it lists everything anew."""
        self._shares[number].is_up = True
        self._shares[number].pace.heard(0, busy=False, now=now)

    def announced(self, number: int, count: int) -> None:
        """A holder says how many instances it has."""
        self._shares[number].expected = count

    def came(self, number: int, size: int, *, now: float) -> None:
        """A message came from a holder, with so many bytes of data sets."""
        self._shares[number].pace.heard(size, busy=bool(self._shares[number].owes), now=now)

    def listed(self, number: int, uid: str, copy: Copy) -> None:
        """A holder lists an instance."""
        self.copies.listed(number, uid, copy)
        self._known.add(uid)
        is_delivered, is_kept = uid in self.copies.delivered, self._kept.get(uid) == copy.digest
        (self._shares[number].settled if is_delivered or is_kept else self._shares[number].queue).append(uid)
        if not is_delivered:
            self._pending.add(uid)
            if is_kept:
                self._make_ready(uid, copy)

    def list_ended(self, number: int, *, now: float) -> None:
        """A holder has listed all it has."""
        self.copies.list_ended(number, now=now)
        self._shares[number].expected = self.copies.count(number)

    def wanted(self, number: int, uid: str) -> None:
        """An instance was wanted of a holder, or comes from it unasked."""
        copy = self.copies.copy_of(uid)
        if uid not in self.copies.delivered and self._kept.pop(uid, None) is not None:
            self._stale.append(uid)
        self._shares[number].owes[uid] = copy.size if copy else 0
        self._owners.setdefault(uid, set()).add(number)

    def arrived(self, number: int, uid: str, copy: Copy) -> None:
        """A holder gave an instance: it is here, whole and verified; of another copy than is taken, it is stale."""
        self._no_longer_owes(number, uid)
        if uid in self.copies.delivered or self._kept.get(uid) == copy.digest:
            return
        if self.copies.copy_of(uid) != copy:  # wanted before the other copy was known
            if uid not in self._ready:
                self._stale.append(uid)
            self._requeue(uid)
            return
        self._kept[uid] = copy.digest
        self._make_ready(uid, copy)
        for other in self.copies.holders_of(uid):
            self._shares[other].settled.append(uid)

    def failed(self, number: int, uid: str, error: IdasError, *, lied: bool = False, for_good: bool = True) -> None:
        """A holder cannot give an instance, or gave other bytes than it said."""
        share = self._shares[number]
        self._no_longer_owes(number, uid)
        if for_good:
            share.failed.add(uid)
            if uid not in self.copies.delivered:
                self._known.add(uid)
                self._lost[uid] = error
        share.has_lied = share.has_lied or lied
        self._requeue(uid)

    def cut(self, number: int) -> None:
        """The link to a holder broke; it may come again."""
        share = self._shares[number]
        share.is_up = False
        share.queue.clear()
        share.settled.clear()
        for uid in list(share.owes):
            self._no_longer_owes(number, uid)
            self._requeue(uid)

    def gone(self, number: int) -> None:
        """A holder is given up."""
        self.cut(number)
        self._shares[number].is_gone = True
        self.copies.gone(number)

    def wants(self, number: int, *, round_trip: float, now: float) -> list[str]:
        """What to want of a holder now, most urgent first; it is `round_trip` seconds away and back."""
        share = self._shares[number]
        if number not in self.copies.accepted or not share.is_up or share.is_silent(is_listing=False, now=now):
            return []
        chosen: list[str] = []
        window = share.pace.window(round_trip)
        while len(share.owes) < MIN_OUTSTANDING or (share.owed < window and len(share.owes) < MAX_AHEAD):
            uid = self._next(number, now=now)
            if uid is None:
                break
            share.queue.remove(uid)
            self.wanted(number, uid)
            chosen.append(uid)
        if not share.owes and not share.queue and not share.has_lied and (late := self._late(number, round_trip)):
            self.wanted(number, late)
            chosen.append(late)
        return chosen

    def settled(self, number: int) -> list[str]:
        """Instances that a holder lists and need not keep any more; told once."""
        settled, self._shares[number].settled = self._shares[number].settled, []
        return settled

    def deliver(self, *, now: float) -> str | None:
        """The next instance to deliver, which is delivered with that; None when none can be."""
        silent = self._silent(now)
        for uid in self._ready:
            if self._is_right(uid) and self.copies.deliver(uid, silent=silent, now=now):
                self._unready(uid)
                self._pending.discard(uid)
                self._lost.pop(uid, None)
                return uid
        return None

    def stale(self) -> list[str]:
        """Instances that are here in another version than the one that is taken: told once, to be thrown away."""
        stale, self._stale = self._stale, []
        if self._judged != self.copies.accepted:
            self._judged = self.copies.accepted
            for uid in [one for one in self._ready if not self._is_right(one) and self.copies.copy_of(one)]:
                self._unready(uid)
                del self._kept[uid]
                self._requeue(uid)
                stale.append(uid)
        return stale

    def release(self, now: float) -> None:
        """Take back what silent holders owe, so that others can give it; it counts all the same if it comes."""
        for number in self._silent(now):
            for uid in self._shares[number].owes:
                owners = self._owners.get(uid, set())
                if number in owners:
                    owners.discard(number)
                    self._requeue(uid)

    @property
    def total(self) -> int:
        """Instances there are, as far as is known; one that has gone is believed as long as nobody listed all."""
        accepted = (self._shares[number] for number in self.copies.accepted)
        said = (share.expected for share in accepted if not (share.is_gone and self.was_whole))
        known = len(self._known)
        if self.copies.differing:
            known = sum(not self.copies.is_left_out(uid) for uid in self._known)
        return max(known, *said, 0)

    @property
    def ahead(self) -> int:
        """Instances that are here and not delivered."""
        return len(self._ready)

    @property
    def failures(self) -> Mapping[str, IdasError]:
        """The instances that could not be had, and why; final when `is_over`."""
        missing = {uid: ArchiveFailed() for uid in self._pending if not self.copies.is_left_out(uid)}
        return {**missing, **self._lost}

    @property
    def was_whole(self) -> bool:
        """Whether an accepted holder has listed all it has."""
        return any(self.copies.is_whole(number) for number in self.copies.accepted)

    def is_answering(self, number: int, *, now: float) -> bool:
        """Whether a holder's link is open and it says what it owes."""
        return number not in self._silent(now)

    def is_idle(self, number: int) -> bool:
        """Whether a holder's link is open, and it neither owes nor lists anything."""
        return self._shares[number].is_up and not (self._shares[number].owes or self.copies.is_open(number))

    def is_over(self, *, now: float) -> bool:
        """Whether nothing more can come of this."""
        silent = self._silent(now)
        known = len(self._pending) + len(self.copies.delivered)
        for number in self.copies.accepted:
            share = self._shares[number]
            waits = self.copies.is_open(number) and not share.is_gone
            if waits and not (number in silent and self.was_whole and share.expected <= known):
                return False
        return not any(self._can_come(uid) for uid in self._pending)

    def _is_right(self, uid: str) -> bool:
        copy = self.copies.copy_of(uid)
        return copy is not None and self._kept[uid] == copy.digest

    def _make_ready(self, uid: str, copy: Copy) -> None:
        if uid not in self._ready:
            self._ready[uid] = copy.size
            self._ahead += copy.size

    def _unready(self, uid: str) -> None:
        self._ahead -= self._ready.pop(uid)

    def _no_longer_owes(self, number: int, uid: str) -> None:
        self._shares[number].owes.pop(uid, None)
        self._owners.get(uid, set()).discard(number)

    def _requeue(self, uid: str) -> None:
        """Let every holder that lists an instance be asked for it, before anything else."""
        if uid in self.copies.delivered or uid in self._ready or self._owners.get(uid):
            return
        for number in self.copies.holders_of(uid):
            share = self._shares[number]
            if share.is_up and uid not in share.failed and uid not in share.owes:
                share.queue.appendleft(uid)

    def _next(self, number: int, *, now: float) -> str | None:
        """The first in a holder's queue that is still to be had and may be had now; it stays there."""
        share = self._shares[number]
        while share.queue and self._is_settled(number, share.queue[0]):
            share.queue.popleft()
        for uid in islice(share.queue, None if share.has_lied else 1):
            if share.has_lied and (self._is_settled(number, uid) or self._has_better(number, uid)):
                continue
            is_ahead = len(self._ready) + len(share.owes) >= MAX_AHEAD or self._ahead >= MAX_AHEAD_SIZE
            is_right = not is_ahead or self.copies.may_deliver(uid, silent=self._silent(now), now=now)
            return uid if is_right else None
        return None

    def _is_settled(self, number: int, uid: str) -> bool:
        """Whether an instance need not, or cannot, be wanted of a holder now."""
        share, is_owed = self._shares[number], bool(self._owners.get(uid))
        return is_owed or uid in self.copies.delivered or uid in self._ready or uid in share.failed or uid in share.owes

    def _has_better(self, number: int, uid: str) -> bool:
        """Whether a holder that has not lied can give what this one, which has, lists too."""
        others = (self._shares[other] for other in self.copies.holders_of(uid) if other != number)
        return any(other.is_up and not other.has_lied and uid not in other.failed for other in others)

    def _late(self, number: int, round_trip: float) -> str | None:
        """What an idle holder would give sooner than the one that owes it."""
        mine = self._shares[number].pace
        for other, share in enumerate(self._shares):
            for uid, size, seconds in share.promised() if other != number else ():
                may_give = uid not in self._shares[number].failed and number in self.copies.holders_of(uid)
                is_settled = uid in self._ready or uid in self.copies.delivered or len(self._owners.get(uid, ())) > 1
                if may_give and not is_settled and mine.seconds(size) + round_trip < seconds:
                    return uid
        return None

    def _can_come(self, uid: str) -> bool:
        holders = [self._shares[number] for number in self.copies.holders_of(uid)]
        return any(uid in self._ready or (not one.is_gone and uid not in one.failed) for one in holders)

    def _silent(self, now: float) -> frozenset[int]:
        """Holders that owe us something and say nothing."""
        return frozenset(
            number
            for number, share in enumerate(self._shares)
            if not share.is_up or share.is_silent(is_listing=self.copies.is_open(number), now=now)
        )
