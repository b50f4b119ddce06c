"""The policy made ready to decide quickly: what a decision costs does not grow with the number of rules.

Law: it decides exactly as policy.first_match does. For each subject there is an index from combinations of conditions
(a study, a patient, a modality, an archive, a label; any of them left open) to the first rule of each span of days. A
study has few combinations, so a decision is a few dozen lookups whatever the policy's size.
Belongs here: that index. Not here: what rules mean (policy.py). Source: docs/spec/access.md section 3.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Final

from idas_p2p.access.objects import Facts, Objects
from idas_p2p.access.policy import Decision, Rule, default_level
from idas_p2p.access.subjects import Requester, SubjectKey, SubjectKind

NOBODY: Final = 1 << 62  # a place behind every rule
ANY_DAY: Final = -1  # in place of a last day: studies of any day and of none

_Key = tuple[str | None, tuple[str, str] | None, str | None, str | None, str | None]  # a patient by id and issuer
_Shape = tuple[bool, bool, bool, bool, bool]


class Policy:
    """Rules in the order in which they are tried.

    Args:
        rules: all of them.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._by_subject: dict[SubjectKey, list[int]] = {}
        for position, rule in enumerate(self.rules):
            for key in set(rule.keys()):
                self._by_subject.setdefault(key, []).append(position)
        self._indexes: dict[SubjectKey, _Index] = {}

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def permits_emergencies(self) -> bool:
        """Whether any rule is for emergencies."""
        return any(rule.break_glass for rule in self.rules)

    @property
    def node_groups(self) -> frozenset[str]:
        """The node groups that rules name, folded."""
        return frozenset(key[1] for key in self._by_subject if key[0] == SubjectKind.NODES)

    @property
    def client_groups(self) -> frozenset[str]:
        """The client groups that rules name, folded."""
        return frozenset(key[1] for key in self._by_subject if key[0] == SubjectKind.GROUP)

    def decide(self, requester: Requester, facts: Facts, *, now: float) -> Decision:
        """What the requester may have of the study at `now` (Unix seconds)."""
        options = _options(facts)
        found = NOBODY
        for key in _keys_of(requester):
            if key in self._by_subject:
                found = min(found, self._index(key, now).first(options, facts.day))
        if found == NOBODY:
            return Decision(default_level(requester))
        return Decision(self.rules[found].level, found)

    def _index(self, key: SubjectKey, now: float) -> _Index:
        index = self._indexes.get(key)
        if index is None or not index.since <= now < index.until:
            index = _Index([(position, self.rules[position]) for position in self._by_subject[key]], now=now)
            self._indexes[key] = index
        return index


class _Index:
    """The rules about one subject that have not expired at `now`; right until the next of them does."""

    def __init__(self, rules: Iterable[tuple[int, Rule]], *, now: float) -> None:
        self.since, self.until = now, math.inf
        spans: dict[_Key, list[tuple[int, int, int]]] = {}
        for position, rule in rules:
            if rule.has_expired(now=now):
                continue
            if rule.expires is not None:
                self.until = min(self.until, rule.expires)
            first, last = rule.objects.dates or (0, ANY_DAY)
            for key in _keys(rule.objects):
                spans.setdefault(key, []).append((position, int(first), int(last)))
        self._days = {key: _Days(found) for key, found in spans.items()}
        self._shapes = {_shape(key) for key in spans}

    def first(self, options: Sequence[Sequence[object]], day: int | None) -> int:
        """The place of the first rule that speaks of a study."""
        found = NOBODY
        for shape in self._shapes:
            wanted = (values if is_used else (None,) for values, is_used in zip(options, shape, strict=True))
            for key in product(*wanted):
                days = self._days.get(key)  # type: ignore[arg-type]
                if days is not None:
                    found = min(found, days.first(day))
        return found


class _Days:
    """Which of some rules is the first on a day.

    Args:
        spans: place of a rule, its first and its last day, both included, or ANY_DAY.
    """

    def __init__(self, spans: Iterable[tuple[int, int, int]]) -> None:
        self._always = NOBODY
        begins: list[tuple[int, int, int]] = []
        for position, first, last in spans:
            if last != ANY_DAY:
                begins.append((first, position, last))
            else:
                self._always = min(self._always, position)
        self._from = sorted({day for first, _, last in begins for day in (first, last + 1)})
        self._first = list(_sweep(self._from, sorted(begins)))

    def first(self, day: int | None) -> int:
        """The place of the first rule on a day; None for a study without a date."""
        if day is None or not self._from or day < self._from[0]:
            return self._always
        return min(self._always, self._first[bisect_right(self._from, day) - 1])


def _sweep(days: Iterable[int], begins: Sequence[tuple[int, int, int]]) -> Iterator[int]:
    """The place of the first rule from each day on to the next."""
    open_, number = list[tuple[int, int]](), 0
    for day in days:
        while number < len(begins) and begins[number][0] <= day:
            _, position, last = begins[number]
            heapq.heappush(open_, (position, last))
            number += 1
        while open_ and open_[0][1] < day:
            heapq.heappop(open_)
        yield open_[0][0] if open_ else NOBODY


@lru_cache(maxsize=4_096)
def _keys_of(requester: Requester) -> tuple[SubjectKey, ...]:
    """Its keys; names are folded once for all studies of an answer."""
    return tuple(requester.keys())


def _keys(objects: Objects) -> Iterator[_Key]:
    """Every combination of one value of each condition."""
    patients = [(patient.id, patient.issuer) for patient in objects.patients]
    conditions = (objects.studies, patients, objects.modalities, objects.archives, objects.labels)
    yield from product(*(values or (None,) for values in conditions))


def _shape(key: _Key) -> _Shape:
    study, patient, modality, archive, label = (value is not None for value in key)
    return study, patient, modality, archive, label


def _options(facts: Facts) -> tuple[Sequence[object], ...]:
    """What a study has for each condition."""
    patient = facts.patient
    patients = ((patient.id, patient.issuer), (patient.id, "")) if patient.issuer else ((patient.id, ""),)
    return (facts.study_uid,), patients, facts.modalities, facts.archives, facts.labels
