"""What a change of the rules would do, before it is made: which studies change level for whom.

Each subject that a rule names is looked at by itself, beside everyone in the federation; who is meant by several of
them gets what the first rule about any of them gives. Belongs here: comparing. Not here: the catalog (node/facts.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from idas_p2p.access.compiled import Policy
from idas_p2p.access.names import node_named, same_name
from idas_p2p.access.objects import Facts
from idas_p2p.access.policy import Rule
from idas_p2p.access.subjects import Requester, Subject, SubjectKind
from idas_p2p.wire.ids import NODE_ID_SIZE, NodeId
from idas_p2p.wire.terms import fold

NOBODYS_ID = NodeId(bytes(NODE_ID_SIZE))  # stands for a member that no rule names


@dataclass(frozen=True, slots=True)
class Change:
    """One subject's studies that go from one level to another."""

    subject: Subject
    before: str  # marks of levels
    after: str
    studies: Sequence[str]  # UIDs


class Members:
    """Whom an operator means by a node's name.

    Args:
        own: our own node.
        institution: its name.
        others: other members and their institutions.
    """

    def __init__(self, own: NodeId, institution: str, others: Mapping[NodeId, str]) -> None:
        self._own, self._names = own, {own: institution, **others}

    def requester(self, node: str, user: str = "") -> Requester | None:
        """Somebody at a node; None when no member is meant."""
        wanted = node_named(node)
        for node_id, name in self._names.items():
            if node_id == wanted if wanted else same_name(name, node):
                return Requester(node_id=node_id, institution=name, user=user, is_own=node_id == self._own)
        return None

    def typical(self, subject: Subject) -> Requester:
        """Somebody whom this subject means, and as few others as possible."""
        somebody = self._typical(subject)
        return replace(somebody, federation=subject.federation, is_of_first=False) if subject.federation else somebody

    def _typical(self, subject: Subject) -> Requester:
        anybody = Requester(node_id=NOBODYS_ID, institution="")
        match subject.kind:
            case SubjectKind.NODES:
                return replace(anybody, node_groups=frozenset({fold(subject.name)}))
            case SubjectKind.GROUP:
                return replace(anybody, client_groups=frozenset({fold(subject.name)}))
            case SubjectKind.NODE | SubjectKind.USER:
                known = self.requester(subject.node, subject.user)
                return known or Requester(
                    node_id=node_named(subject.node) or NOBODYS_ID, institution=subject.node, user=subject.user
                )
            case _:
                return anybody


def preview(
    before: Sequence[Rule], after: Sequence[Rule], studies: Iterable[Facts], members: Members, *, now: float
) -> list[Change]:
    """Every change of level, by subject and levels.

    Args:
        before: the rules in force.
        after: the rules as they would be.
        studies: those of this node.
        members: who is who.
        now: Unix seconds.
    """
    named = {subject for rule in (*before, *after) for subject in rule.subjects}
    everyone = Subject(SubjectKind.EVERYONE)
    subjects = [everyone, *sorted(named - {everyone}, key=str)]
    asking = [(subject, members.typical(subject)) for subject in subjects]
    old, new = Policy(before), Policy(after)
    found = defaultdict[tuple[Subject, str, str], list[str]](list)
    for facts in studies:
        for subject, requester in asking:
            was, becomes = (policy.decide(requester, facts, now=now).level.mark for policy in (old, new))
            if was != becomes:
                found[subject, was, becomes].append(facts.study_uid)
    changes = [Change(subject, was, becomes, uids) for (subject, was, becomes), uids in found.items()]
    return sorted(changes, key=lambda change: subjects.index(change.subject))
