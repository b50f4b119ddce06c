"""Manifests of several admins, and what they say together.

Law: what is known is the newest manifest of each admin; knowing what two nodes know is commutative, associative and
idempotent. What is in force follows from it alone: the charter that stands; the heads, which are the manifests of its
admins that no other of them stands on; their rosters merged; the secrets of the head with the highest era, then digest.
So nodes that know the same are at one, in whatever order they heard. Two heads are two admins who did not know of each
other; any admin then signs one manifest that follows both.
Pure. Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

from idas_p2p.access.charter import Charter, charter_of, proposals_of
from idas_p2p.access.manifest import (
    ManifestRefusal,
    counts_of,
    digest,
    form_refusal,
    proof_refusal,
)
from idas_p2p.access.roster import Roster, Seat, roster_of
from idas_p2p.wire.federation import MAX_CLOCKS, Change, Manifest
from idas_p2p.wire.ids import NodeId


@dataclass(frozen=True)
class Held:
    """A manifest with what is asked of it often."""

    manifest: Manifest

    @cached_property
    def digest(self) -> bytes:
        """BLAKE2b-256 of its bytes."""
        return digest(self.manifest)

    @cached_property
    def counts(self) -> dict[NodeId, int]:
        """How many manifests of each admin it stands on, itself included."""
        return counts_of(self.manifest)

    @property
    def rank(self) -> tuple[int, bytes]:
        """The highest of the heads is the one whose secrets are in force."""
        return self.manifest.era, self.digest

    @property
    def newness(self) -> tuple[int, bytes]:
        """Of one admin's manifests the highest is kept; an admin set back to an older state may repeat a number."""
        return self.counts[self.manifest.admin], self.digest

    def stands_on(self, other: Held) -> bool:
        """Whether its admin knew the other manifest, or one that stands on it."""
        if self.counts == other.counts:
            return False
        return all(signed <= self.counts.get(admin, 0) for admin, signed in other.counts.items())


@dataclass(frozen=True)
class Known:
    """The newest manifest of each admin, and what follows from them."""

    by_admin: Mapping[NodeId, Held]

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> Known:
        """What is known when these are; at least one, all of one federation."""
        return reduce(Known.joined, (cls({one.admin: Held(one)}) for one in manifests))

    def joined(self, other: Known) -> Known:
        """What is known when both are."""
        newest = dict(self.by_admin)
        for admin, held in other.by_admin.items():
            if admin not in newest or held.newness > newest[admin].newness:
                newest[admin] = held
        return Known(newest)

    def with_manifest(self, manifest: Manifest) -> Known:
        """What is known when this one is too."""
        return self.joined(Known({manifest.admin: Held(manifest)}))

    @cached_property
    def charter(self) -> Charter:
        """The charter that stands."""
        return reduce(Charter.joined, (charter_of(held.manifest) for held in self._held))

    @cached_property
    def heads(self) -> tuple[Held, ...]:
        """The manifests that count, the one whose secrets are in force first."""
        admins = self.charter.admins
        able = [held for held in self._held if held.manifest.admin in admins]
        heads = [held for held in able if not any(other.stands_on(held) for other in able)]
        return tuple(sorted(heads, key=lambda held: held.rank, reverse=True))

    @property
    def first(self) -> Manifest:
        """The manifest whose secrets are in force."""
        return self.heads[0].manifest

    @cached_property
    def roster(self) -> Roster:
        """Everything the heads say of members."""
        return reduce(Roster.joined, (roster_of(held.manifest) for held in self.heads))

    @cached_property
    def members(self) -> dict[NodeId, Seat]:
        """Who is a member."""
        return self.roster.members(self.charter.admins)

    @cached_property
    def proposals(self) -> tuple[Change, ...]:
        """Changes of the admins that lack votes."""
        return proposals_of(self.charter, (one for held in self.heads for one in held.manifest.proposals))

    @cached_property
    def counts(self) -> dict[NodeId, int]:
        """How many manifests of each admin the heads stand on."""
        admins = {admin for held in self.heads for admin in held.counts}
        return {admin: max(held.counts.get(admin, 0) for held in self.heads) for admin in admins}

    @cached_property
    def epoch(self) -> int:
        """How many manifests the heads stand on, themselves included."""
        return sum(self.counts.values())

    @cached_property
    def name(self) -> bytes:
        """Eight bytes, equal for nodes that are at one."""
        return hashlib.blake2b(b"".join(sorted(held.digest for held in self.heads)), digest_size=8).digest()

    def is_settled(self) -> bool:
        """Whether the first head alone says what all of them say, so that no admin need sign another."""
        if len(self.heads) == 1:
            return True
        alone = Known({self.first.admin: self.heads[0]})
        same_ends = alone.roster.ends == self.roster.ends
        is_said = alone.charter.head == self.charter.head and alone.proposals == self.proposals
        return is_said and same_ends and alone.members == self.members

    def refusal(self, manifest: Manifest, *, now: float) -> ManifestRefusal | None:
        """Why a manifest must not be put in force beside what is known, or None when it may.

        Args:
            manifest: as parsed.
            now: Unix seconds.
        """
        own, first = charter_of(manifest), self.first
        identity = (first.federation, first.name, first.founder)
        if (refusal := form_refusal(manifest)) is ManifestRefusal.UNSORTED:
            return refusal
        if (manifest.federation, manifest.name, manifest.founder) != identity:
            return ManifestRefusal.OTHER_FEDERATION
        if refusal is not None:
            return refusal
        if manifest.admin not in self.charter.joined(own).admins:
            return ManifestRefusal.NOT_ADMIN
        held, latest = Held(manifest), self.by_admin.get(manifest.admin)
        if (latest and held.newness <= latest.newness) or any(one.stands_on(held) for one in self.heads):
            return ManifestRefusal.NOT_NEWER
        for one in self._held:
            is_next = held.stands_on(one) and manifest.epoch == one.manifest.epoch + 1
            if is_next and one.digest not in manifest.previous:
                return ManifestRefusal.BROKEN_CHAIN
        if len(self.by_admin) >= MAX_CLOCKS and latest is None:
            return ManifestRefusal.BAD_CHARTER
        return proof_refusal(manifest, now=now)

    @property
    def _held(self) -> list[Held]:
        return [self.by_admin[admin] for admin in sorted(self.by_admin)]
