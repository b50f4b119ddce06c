"""The charter of a federation: who its admins are, and how they change each other.

Law: an admin is added by more than half of all admins. It is removed by more than half of the others, so that a lost or
stolen key can be replaced without it, or by itself; the last one stays. Each change names all changes before it. Of two
charters with a history in common the one stands whose first different change is preferred: a removal over an addition,
among removals that of the admin who came later, among additions the smaller NodeId; the longer one if all are the same.
So any two nodes that know the same changes know the same admins. Pure. Source: docs/spec/federation.md section 2.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.errors import BadConfiguration, BadSignature
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import ADD, CHANGE_CONTEXT, MAX_ADMINS, MAX_CHANGES, REMOVE, Change, Manifest, Vote
from idas_p2p.wire.ids import NodeId


@dataclass(frozen=True, slots=True)
class Charter:
    """The admins of a federation by their history."""

    federation: bytes
    founder: NodeId
    changes: tuple[Change, ...] = ()

    @property
    def head(self) -> bytes:
        """What the next change names as the charter before it: 32 bytes."""
        return name_of(self.changes[-1]) if self.changes else _beginning(self)

    @property
    def admins(self) -> tuple[NodeId, ...]:
        """Who the admins are, in the order in which they became it."""
        return _after(self.founder, self.changes)

    def is_valid(self) -> bool:
        """Whether every change follows the one before and has the votes it needs, from who may vote."""
        before = replace(self, changes=())
        for change in self.changes:
            if not before.has_passed(change):
                return False
            before = replace(before, changes=(*before.changes, change))
        return True

    def has_passed(self, change: Change) -> bool:
        """Whether a change may follow this charter: it names it, and enough admins voted for it."""
        return self.is_proposal(change) and self.votes_missing(change) == 0

    def is_proposal(self, change: Change) -> bool:
        """Whether a change fits this charter and every vote for it is an admin's and genuine; it may lack votes."""
        voters = [vote.admin for vote in change.votes]
        if change.previous != self.head or voters != sorted(set(voters)) or self.obstacle(change.act, change.subject):
            return False
        return set(voters) <= set(self.admins) and all(_is_genuine(change, vote) for vote in change.votes)

    def votes_missing(self, change: Change) -> int:
        """How many votes the change still needs; an admin's own wish to be none needs nobody else's."""
        votes, admins = len(change.votes), len(self.admins)
        if change.act == ADD:
            return max(0, admins // 2 + 1 - votes)
        is_own_wish = any(vote.admin == change.subject for vote in change.votes)
        return 0 if is_own_wish else max(0, (admins - 1) // 2 + 1 - votes)

    def obstacle(self, act: int, subject: NodeId) -> str | None:
        """Why the admins cannot be changed like this, however many want it; None when they can."""
        admins = self.admins
        if len(self.changes) >= MAX_CHANGES:
            return f"the admins of a federation change at most {MAX_CHANGES} times"
        if act == ADD and subject in admins:
            return "it is an administrator already"
        if act == ADD and len(admins) >= MAX_ADMINS:
            return f"a federation has at most {MAX_ADMINS} administrators"
        if act == REMOVE and subject not in admins:
            return "it is no administrator"
        if act == REMOVE and len(admins) == 1:
            return "the only administrator stays one; add another first"
        return None

    def vote(self, admin: SigningKey, act: int, subject: NodeId, earlier: Iterable[Change] = ()) -> Change:
        """A change with our vote, and the votes others gave for the same one.

        Args:
            admin: our key.
            act: ADD or REMOVE.
            subject: who becomes an admin, or is one no longer.
            earlier: proposals of this charter.

        Raises:
            BadConfiguration: such a change is not possible.
        """
        if why := self.obstacle(act, subject):
            raise BadConfiguration(why)
        blank = Change(previous=self.head, act=act, subject=subject, votes=())
        ours = Vote(admin=admin.node_id, signature=admin.sign(blank.voted_bytes()))
        return with_votes([replace(blank, votes=(ours,)), *(one for one in earlier if name_of(one) == name_of(blank))])

    def joined(self, other: Charter) -> Charter:
        """The charter that stands when both are known, with all votes known for its changes."""
        for place, (ours, theirs) in enumerate(zip(self.changes, other.changes, strict=False)):
            if name_of(ours) != name_of(theirs):
                admins = _after(self.founder, self.changes[:place])
                winner = min((self, other), key=lambda one: _preference(one.changes[place], admins))
                break
        else:
            winner = max((self, other), key=lambda one: len(one.changes))
        known = {name_of(change): [change] for change in winner.changes}
        for change in (*self.changes, *other.changes):
            known.get(name_of(change), []).append(change)
        return replace(winner, changes=tuple(with_votes(known[name_of(change)]) for change in winner.changes))


def charter_of(manifest: Manifest) -> Charter:
    """The charter a manifest carries."""
    return Charter(manifest.federation, manifest.founder, manifest.changes)


def name_of(change: Change) -> bytes:
    """Names a change and all before it, whoever voted for it: 32 bytes."""
    return hashlib.blake2b(change.voted_bytes(), digest_size=32).digest()


def with_votes(same: Iterable[Change]) -> Change:
    """One change with the votes of all these, which have the same name."""
    changes = list(same)
    every = sorted((vote for change in changes for vote in change.votes), key=lambda vote: vote.signature)
    votes = {vote.admin: vote for vote in every}  # of an admin that signed twice the same everywhere
    return replace(changes[0], votes=tuple(votes[admin] for admin in sorted(votes)))


def proposals_of(charter: Charter, proposals: Iterable[Change]) -> tuple[Change, ...]:
    """What is still proposed under a charter, each with all its votes; ascending by act and subject."""
    by_name: dict[bytes, list[Change]] = {}
    for one in proposals:
        if charter.is_proposal(one):
            by_name.setdefault(name_of(one), []).append(one)
    merged = sorted((with_votes(same) for same in by_name.values()), key=lambda one: (one.act, one.subject))
    return tuple(merged[:MAX_ADMINS])


def _beginning(charter: Charter) -> bytes:
    start = CHANGE_CONTEXT + pack([charter.federation, charter.founder.raw])
    return hashlib.blake2b(start, digest_size=32).digest()


def _after(founder: NodeId, changes: Iterable[Change]) -> tuple[NodeId, ...]:
    admins = [founder]
    for change in changes:
        admins = [admin for admin in admins if admin != change.subject]
        if change.act == ADD:
            admins.append(change.subject)
    return tuple(admins)


def _preference(change: Change, admins: tuple[NodeId, ...]) -> tuple[bool, int, bytes]:
    """What sorts first is preferred; `admins` are those both charters have before it."""
    seniority = admins.index(change.subject) if change.act == REMOVE else 0
    return change.act == ADD, -seniority, change.subject.raw


def _is_genuine(change: Change, vote: Vote) -> bool:
    try:
        verify(vote.admin.raw, change.voted_bytes(), vote.signature)
    except BadSignature:
        return False
    return True
