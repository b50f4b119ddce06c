"""Which copy of a study is taken when several holders list it: their copies are united where they agree, never mixed.

Law: what was delivered is at every moment part of one copy, or of copies that agree in every instance that both list,
now and for ever. Of two holders that list an instance differently one is left out whole: the one from which nothing
came yet, else the one that is gone, else the one that was asked later. Belongs here: agreement. Not here: who sends
what (shares.py). Pure. Source: docs/spec/exchange.md section 6.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

LIST_GRACE: Final = 2.0  # seconds a holder with a whole list waits for the list of one that goes before it; ours


@dataclass(frozen=True, slots=True)
class Copy:
    """What tells one version of an instance from another."""

    size: int  # bytes
    digest: bytes  # BLAKE3


@dataclass(slots=True)
class _Holder:
    """What one holder says of a study."""

    listed: dict[str, Copy] = field(default_factory=dict)
    list_ended_at: float | None = None  # monotonic seconds
    is_broken: bool = False  # the rest of its list will not come
    is_gone: bool = False  # lists and sends nothing more
    contradicts: bool = False  # lists otherwise what was delivered
    conflicts: set[int] = field(default_factory=set)  # holders that list something otherwise
    agreeing: int = 0  # instances delivered that it lists

    @property
    def is_open(self) -> bool:
        """Whether it may still list something."""
        return self.list_ended_at is None and not self.is_gone and not self.is_broken


class Copies:
    """What every holder lists, and what was delivered."""

    def __init__(self) -> None:
        self._holders: list[_Holder] = []
        self._listing = dict[str, list[int]]()  # by SOP Instance UID: who lists it
        self._bound = set[int]()  # holders whose copies what was delivered is of
        self._accepted: tuple[int, ...] | None = None  # None: to be found again
        self.delivered = dict[str, Copy]()

    def join(self) -> int:
        """One holder more; return its number. Earlier ones go before later ones."""
        self._holders.append(_Holder())
        self._accepted = None
        return len(self._holders) - 1

    def listed(self, number: int, uid: str, copy: Copy) -> None:
        """A holder lists an instance, perhaps again and otherwise than before."""
        holder = self._holders[number]
        if holder.listed.get(uid) == copy:
            return
        if uid not in holder.listed:
            self._listing.setdefault(uid, []).append(number)
            holder.agreeing += uid in self.delivered
        holder.listed[uid] = copy
        if self.delivered.get(uid, copy) != copy and not holder.contradicts:
            holder.contradicts, self._accepted = True, None
        for other in self._listing[uid]:
            if self._holders[other].listed[uid] != copy and other not in holder.conflicts:
                holder.conflicts.add(other)
                self._holders[other].conflicts.add(number)
                self._accepted = None

    def list_ended(self, number: int, *, now: float) -> None:
        """A holder has listed all it has."""
        if self._holders[number].list_ended_at is None:
            self._holders[number].list_ended_at = now

    def list_broken(self, number: int) -> None:
        """A holder cannot list all it has."""
        self._holders[number].is_broken = True

    def gone(self, number: int) -> None:
        """A holder says nothing more."""
        self._holders[number].is_gone = True
        self._accepted = None

    @property
    def accepted(self) -> tuple[int, ...]:
        """The holders whose copies agree and are taken, in their order."""
        if self._accepted is None:
            self._accepted = self._accept()
        return self._accepted

    @property
    def differing(self) -> frozenset[int]:
        """The holders whose copies were left out because they differ."""
        return frozenset(
            number
            for number, holder in enumerate(self._holders)
            if holder.contradicts or (number not in self.accepted and holder.conflicts & {*self.accepted})
        )

    def _accept(self) -> tuple[int, ...]:
        accepted: list[int] = []
        for number in sorted(range(len(self._holders)), key=self._precedence):
            holder = self._holders[number]
            is_of_use = number in self._bound or not holder.contradicts
            if is_of_use and not holder.conflicts.intersection(accepted):
                accepted.append(number)
        return tuple(accepted)

    def _precedence(self, number: int) -> tuple[bool, bool, int]:
        """Those of which something was delivered go first, those that are gone last."""
        return number not in self._bound, self._holders[number].is_gone, number

    def is_open(self, number: int) -> bool:
        """Whether a holder may still list something."""
        return self._holders[number].is_open

    def is_whole(self, number: int) -> bool:
        """Whether a holder has listed all it has."""
        return self._holders[number].list_ended_at is not None

    def count(self, number: int) -> int:
        """How many instances a holder has listed."""
        return len(self._holders[number].listed)

    def listed_by(self, number: int, uid: str) -> Copy | None:
        """The version of an instance that a holder lists."""
        return self._holders[number].listed.get(uid)

    def is_left_out(self, uid: str) -> bool:
        """Whether only holders whose copies were left out list an instance."""
        return self.differing.issuperset(self._listing.get(uid, (-1,)))

    def copy_of(self, uid: str) -> Copy | None:
        """The version of an instance that is taken; None while no accepted holder lists it."""
        return next((self._holders[number].listed[uid] for number in self.holders_of(uid)), None)

    def holders_of(self, uid: str) -> list[int]:
        """The accepted holders that list an instance."""
        return [number for number in self._listing.get(uid, ()) if number in self.accepted]

    def may_deliver(self, uid: str, *, silent: Collection[int], now: float) -> bool:
        """Whether the accepted version of an instance can be delivered without mixing copies, whatever is listed later.

        Args:
            uid: its SOP Instance UID.
            silent: holders that owe us something and say nothing: nobody waits for their lists.
            now: monotonic seconds.
        """
        return self._giver(uid, silent, now) is not None

    def deliver(self, uid: str, *, silent: Collection[int], now: float) -> bool:
        """Note that an instance is delivered, if it can be; arguments as for `may_deliver`."""
        giver = self._giver(uid, silent, now)
        if giver is None:
            return False
        holder = self._holders[giver]
        self.delivered[uid] = holder.listed[uid]
        for number in self._listing[uid]:
            other = self._holders[number]
            other.agreeing += 1
            if other.listed[uid] != holder.listed[uid]:
                other.contradicts = True
        before = self._bound
        self._bound = {giver} if holder.agreeing == len(self.delivered) else {*before, giver}
        if before != self._bound:
            self._accepted = None
        return True

    def _giver(self, uid: str, silent: Collection[int], now: float) -> int | None:
        """The holder whose copy the instance would be delivered of."""
        listing = self._listing.get(uid, ())
        for number in self.accepted:
            if number not in listing or not self._is_sound(number):
                continue
            if not any(self._waits(number, other, uid, silent, now) for other in self.accepted if other != number):
                return number
        return None

    def _is_sound(self, number: int) -> bool:
        """Whether a holder can no longer turn out to list otherwise what was delivered."""
        holder = self._holders[number]
        return not holder.is_open or holder.agreeing == len(self.delivered)

    def _waits(self, number: int, other: int, uid: str, silent: Collection[int], now: float) -> bool:
        """Whether `number` must not give an instance before `other` has listed it or ended its list."""
        one, two = self._holders[number], self._holders[other]
        if not two.is_open or uid in two.listed:
            return False
        if other in self._bound and one.agreeing < len(self.delivered):
            return True  # some of what was delivered is of the other's copy alone, which may yet list this one
        if self.accepted.index(other) > self.accepted.index(number) or other in silent:
            return False
        return one.list_ended_at is None or now - one.list_ended_at < LIST_GRACE
