"""Whom a rule is about, and who asks.

Law: `everyone` and `nodes:` speak of other members; this node's own users are meant by `node:`, `group:` and `user:`
alone, so that a rule about partners never takes a study from the house it was made in. A subject speaks of one
federation: the one it names (`in:FEDERATION:SUBJECT`), else the first of the node's. Groups are proved in the first.
Belongs here: the four kinds of subject, the requester. Not here: what a rule gives (policy.py), who belongs to a group
(tokens.py). Source: docs/spec/access.md section 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from idas_p2p.access.names import folded, node_named
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.terms import fold

SubjectKey = tuple[str, ...]
"""What a subject is looked up by: equal for a subject and the requesters it means."""

_HOW = "write everyone, node:NAME, nodes:GROUP, group:CLIENT_GROUP or user:NAME@NODE, or in:FEDERATION: before it"
_IN = re.compile(r"in:\s*(.+?)\s*:\s*(everyone|(?:node|nodes|group|user)\s*:.*)")


EMERGENCY: Final = "emergency"
"""Ends the keys of rules that speak of emergencies alone."""


class SubjectKind(StrEnum):
    """The kinds of subject a rule can name."""

    EVERYONE = "everyone"
    NODE = "node"
    NODES = "nodes"
    GROUP = "group"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a rule is about.

    `name` is empty for everyone; an institution's name or a NodeId for a node; a group's name; NAME@NODE for a user.
    """

    kind: SubjectKind
    name: str = ""
    federation: str = ""  # its name; empty for the node's first

    def __str__(self) -> str:
        said = f"{self.kind}:{self.name}" if self.name else str(self.kind)
        return f"in:{self.federation}:{said}" if self.federation else said

    @property
    def user(self) -> str:
        """The user it names; empty for other kinds."""
        return self.name.rpartition("@")[0] if self.kind is SubjectKind.USER else ""

    @property
    def node(self) -> str:
        """The node it names, alone or of a user; empty for other kinds."""
        if self.kind is SubjectKind.USER:
            return self.name.rpartition("@")[2]
        return self.name if self.kind is SubjectKind.NODE else ""

    def key(self) -> SubjectKey:
        """What the subject is looked up by."""
        return (*self._key(), "in", folded(self.federation)) if self.federation else self._key()

    def _key(self) -> SubjectKey:
        match self.kind:
            case SubjectKind.EVERYONE:
                return (self.kind,)
            case SubjectKind.NODE | SubjectKind.USER:
                named = node_named(self.node)
                place = ("id", str(named)) if named else ("name", folded(self.node))
                return (self.kind, *place, self.user) if self.user else (self.kind, *place)
            case _:
                return (self.kind, fold(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks: a proven node, its institution in the manifest, the user it vouches for (empty when it names none).

    Groups are folded as in directory.md 5.1, and proved: those of the node by an admin's token, those of the user by
    its node's token under an admin's leave.
    """

    node_id: NodeId
    institution: str
    user: str = ""
    node_groups: frozenset[str] = frozenset()
    client_groups: frozenset[str] = frozenset()
    is_own: bool = False  # one of this node's own users
    federation: str = ""  # the name of the one it asks in
    is_of_first: bool = True  # whether that is the one of subjects that name none
    in_emergency: bool = False  # whether it broke the glass for the patient of the study in question

    def keys(self) -> Iterator[SubjectKey]:
        """The keys of every subject that means this requester, and in an emergency of rules for those too."""
        for key in self._all_keys():
            yield key
            if self.in_emergency:
                yield (*key, EMERGENCY)

    def _all_keys(self) -> Iterator[SubjectKey]:
        for key in self._keys():
            if self.is_own or self.is_of_first:
                yield key
            if self.federation:
                yield (*key, "in", folded(self.federation))

    def _keys(self) -> Iterator[SubjectKey]:
        if not self.is_own:
            yield (SubjectKind.EVERYONE,)
        if not self.is_own and self.is_of_first:
            yield from ((SubjectKind.NODES, group) for group in self.node_groups)
        if self.is_own or self.is_of_first:
            yield from ((SubjectKind.GROUP, group) for group in self.client_groups)
        for place in (("id", str(self.node_id)), ("name", folded(self.institution))):
            yield (SubjectKind.NODE, *place)
            if self.user:
                yield (SubjectKind.USER, *place, self.user)


def parse_subject(text: str) -> Subject:
    """Read a subject as an operator writes it.

    Raises:
        BadConfiguration: another form.
    """
    if (scoped := _IN.fullmatch(text.strip())) is not None:
        return replace(parse_subject(scoped[2]), federation=scoped[1])
    kind, _, name = (part.strip() for part in text.partition(":"))
    if kind == SubjectKind.EVERYONE and not name:
        return Subject(SubjectKind.EVERYONE)
    if kind == SubjectKind.USER:
        user, _, node = (part.strip() for part in name.rpartition("@"))
        name = f"{user}@{node}" if user and node else ""
    if kind in set(SubjectKind) - {SubjectKind.EVERYONE} and name:
        return Subject(SubjectKind(kind), name)
    raise BadConfiguration(f"subject {text!r}: {_HOW}")
