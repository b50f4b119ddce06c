"""The roster of a federation as a value that merges: who is a member, and who was.

Law: each membership of a node is a life with a number. A removal ends the life its admin knew of and all before it;
who is admitted again gets a later one. Of everything said about a node the highest counts, so merging is commutative,
associative and idempotent, and of a removal and an addition that did not know of each other the removal wins. An admin
is always a member: whoever took it off the roster has to take its office first (charter.py). Of two members that two
admins admitted under one name at the same time the later one goes.
Pure. Source: docs/spec/federation.md section 2.6.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from idas_p2p.access.names import folded
from idas_p2p.wire.federation import MAX_MEMBERS, MAX_REMOVED, Manifest
from idas_p2p.wire.ids import NodeId


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """A node's latest membership, ended or not."""

    life: int
    named: int  # epoch in which it got its name
    institution: str


@dataclass(frozen=True, slots=True, order=True)
class End:
    """Up to which life a node's memberships have ended."""

    life: int
    until: int  # Unix seconds; it need not be remembered after that


T = TypeVar("T", Seat, End)


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is and was a member."""

    seats: Mapping[NodeId, Seat] = field(default_factory=dict)
    ends: Mapping[NodeId, End] = field(default_factory=dict)

    def joined(self, other: Roster) -> Roster:
        """What is known when both are."""
        return Roster(_highest(self.seats, other.seats), _highest(self.ends, other.ends))

    def members(self, admins: Collection[NodeId]) -> dict[NodeId, Seat]:
        """Who is a member, by NodeId, where these are the admins."""
        return {node: self.seats[node] for node in sorted(self._living(admins) - set(self._surplus(admins)))}

    def settled(self, admins: Collection[NodeId], *, until: int) -> Roster:
        """The same, with the memberships ended that cannot stand beside others, as `members` leaves them out."""
        surplus = {node: End(self.seats[node].life, until) for node in self._surplus(admins)}
        return Roster(self.seats, _highest(self.ends, surplus))

    def admitted(self, node: NodeId, institution: str, *, epoch: int) -> Roster:
        """With a node as a member under a name."""
        seat, end = self.seats.get(node), self.ends.get(node)
        ended = end.life if end else 0
        life = seat.life if seat and seat.life > ended else ended + 1
        return Roster({**self.seats, node: Seat(life, epoch, institution)}, self.ends)

    def without(self, node: NodeId, *, until: int) -> Roster:
        """With a node's membership ended."""
        return Roster(self.seats, _highest(self.ends, {node: End(self.seats[node].life, until)}))

    def pruned(self, admins: Collection[NodeId], *, now: float) -> Roster:
        """What a manifest must say: no seats that ended, no ends that nobody can undo any more."""
        members = self.members(admins)
        lasting = {node: end for node, end in self.ends.items() if now < end.until}
        newest = sorted(lasting, key=lambda node: (lasting[node].until, node))[-MAX_REMOVED:]
        return Roster(members, {node: lasting[node] for node in sorted(newest)})

    def _living(self, admins: Collection[NodeId]) -> set[NodeId]:
        ended = {node: end.life for node, end in self.ends.items()}
        return {node for node, seat in self.seats.items() if seat.life > ended.get(node, 0) or node in admins}

    def _surplus(self, admins: Collection[NodeId]) -> list[NodeId]:
        """Who lives, but came later under another's name or when all places were taken; never an admin."""
        living = self._living(admins)
        by_rank = sorted(living, key=lambda node: (node not in admins, self.seats[node].named, node))
        taken, surplus = set[str](), list[NodeId]()
        for node in by_rank:
            name = folded(self.seats[node].institution)
            if node not in admins and (name in taken or len(taken) >= MAX_MEMBERS):
                surplus.append(node)
            taken.add(name)
        return surplus


def roster_of(manifest: Manifest) -> Roster:
    """The roster a manifest carries."""
    return Roster(
        {one.node_id: Seat(one.life, one.named, one.institution) for one in manifest.members},
        {one.node_id: End(one.life, one.until) for one in manifest.removed},
    )


def _highest(one: Mapping[NodeId, T], other: Mapping[NodeId, T]) -> dict[NodeId, T]:
    both = {node: max(one[node], other[node]) for node in one.keys() & other.keys()}
    return {**one, **other, **both}
