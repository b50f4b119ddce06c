"""Who may see what: ordered rules, the first that matches decides, and no match means nothing is seen.

Belongs here: the decision. Not here: where rules are kept (store/settings.py), who asks (node/callers.py).
Source: docs/security.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from idas_p2p.access.names import means
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.ids import NodeId


class Level(StrEnum):
    """How much of a study someone may have."""

    FULL = "full"
    NONE = "none"

    @classmethod
    def parse(cls, text: str) -> Level:
        """Read a level as an operator writes it.

        Raises:
            BadConfiguration: not a level this version knows.
        """
        try:
            return cls(text)
        except ValueError:
            raise BadConfiguration(f"level {text!r}: known are {', '.join(cls)}") from None


class SubjectKind(StrEnum):
    """The kinds of subject a rule can name."""

    EVERYONE = "everyone"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a rule is about; `name` is empty for everyone, else an institution's name or a NodeId."""

    kind: SubjectKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks: a proven node, its institution in the manifest, the user it vouches for (empty when it names none)."""

    node_id: NodeId
    institution: str
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the policy."""

    subject: Subject
    level: Level
    expires: float | None = None  # Unix seconds; None for ever

    def applies(self, requester: Requester, *, now: float) -> bool:
        """Whether the rule speaks of this requester now."""
        if self.expires is not None and now >= self.expires:
            return False
        if self.subject.kind is SubjectKind.EVERYONE:
            return True
        return means(self.subject.name, requester.node_id, requester.institution)


def decide(rules: Iterable[Rule], requester: Requester, *, now: float) -> Level:
    """The level of the first rule that applies; none when there is no such rule."""
    return next((rule.level for rule in rules if rule.applies(requester, now=now)), Level.NONE)


def parse_subject(text: str) -> Subject:
    """Read a subject as an operator writes it: `everyone` or `node:NAME`.

    Raises:
        BadConfiguration: another form.
    """
    kind, _, name = (part.strip() for part in text.partition(":"))
    if kind == SubjectKind.EVERYONE and not name:
        return Subject(SubjectKind.EVERYONE)
    if kind == SubjectKind.NODE and name:
        return Subject(SubjectKind.NODE, name)
    raise BadConfiguration(f"subject {text!r}: write everyone, or node:NAME with an institution's name or NodeId")
