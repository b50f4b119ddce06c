"""Who may see what: ordered rules, the first that matches decides, and no match means nothing is seen.

Belongs here: a rule, and what it means by itself. Not here: finding the rule among thousands (compiled.py), where rules
are kept (store/settings.py, policy_file.py), who asks (node/callers.py). Source: docs/spec/access.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from idas_p2p.access.levels import FULL, NONE
from idas_p2p.access.objects import EVERY_STUDY, Facts, Objects
from idas_p2p.access.subjects import EMERGENCY, Requester, Subject, SubjectKey
from idas_p2p.wire.level import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the policy: who (any of its subjects), what, how much, until when."""

    subjects: tuple[Subject, ...]
    level: Level
    objects: Objects = EVERY_STUDY
    expires: float | None = None  # Unix seconds; None for ever
    origin: str = ""  # where an operator finds it, such as `grant 3`
    break_glass: bool = False  # speaks only of who declared an emergency about the patient: emergencies.py

    def words(self) -> str:
        """The rule as an operator reads it; it may name patients, so it is for operators alone."""
        expires = "" if self.expires is None else f", until {datetime.fromtimestamp(self.expires, UTC):%Y-%m-%dT%H:%MZ}"
        about = self.objects.words() or "every study"
        when = ", in an emergency only" if self.break_glass else ""
        return f"{self.origin}: {self.level} of {about} to {', '.join(map(str, self.subjects))}{when}{expires}"

    def keys(self) -> Iterator[SubjectKey]:
        """What its subjects are looked up by."""
        for subject in self.subjects:
            yield (*subject.key(), EMERGENCY) if self.break_glass else subject.key()

    def has_expired(self, *, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires

    def mismatch(self, requester: Requester, facts: Facts, *, now: float) -> str | None:
        """Why the rule does not speak of this requester and study now, in words; None when it does."""
        if self.has_expired(now=now):
            return "it has expired"
        keys = set(requester.keys())
        if not any(key in keys for key in self.keys()):
            if self.break_glass and not requester.in_emergency:
                return "it is for emergencies: idas break-glass"
            return f"it is about {', '.join(map(str, self.subjects))}"
        return self.objects.mismatch(facts)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy gives, and by which rule: its place among all, from 0; None when no rule spoke."""

    level: Level
    position: int | None = None


def default_level(requester: Requester) -> Level:
    """What is given where no rule speaks: nothing to others, everything to the users of the house itself."""
    return FULL if requester.is_own else NONE


def first_match(rules: Iterable[Rule], requester: Requester, facts: Facts, *, now: float) -> Decision:
    """What the policy means, rule by rule; compiled.py gives the same answer fast."""
    for position, rule in enumerate(rules):
        if rule.mismatch(requester, facts, now=now) is None:
            return Decision(rule.level, position)
    return Decision(default_level(requester))


def explain(
    rules: Sequence[Rule], requester: Requester, facts: Facts, *, now: float
) -> tuple[Decision, list[tuple[Rule, str]]]:
    """What decides, and each rule before it with the reason why it does not."""
    decision = first_match(rules, requester, facts, now=now)
    earlier = rules[: len(rules) if decision.position is None else decision.position]
    return decision, [(rule, rule.mismatch(requester, facts, now=now) or "") for rule in earlier]
