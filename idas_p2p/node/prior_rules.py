"""Which earlier studies are wanted of a new one: the operator's rules, and their choice. Pure.

Law: a study is a prior only of the patient whom the issuer of its id, or name, birth date and sex together say to be
the same; an id alone is never enough, for two hospitals may give it to two people. Belongs here: rules, whose studies
they are, which are taken. Not here: finding and fetching them (priors.py).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.coercing import Vault
from idas_p2p.wire.hours import Hours
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import fold, fold_name

KEY: Final = "priors"  # of the kept value
CACHE: Final = "cache"
BY_ID, BY_NAME = "id", "name"
MAX_COUNT: Final = 50  # priors of one study; ours
MAX_RULES: Final = 100  # ours
_LISTS: Final = ("modalities", "body_parts", "prior_modalities")
_WILD: Final = frozenset("*?\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorRule:
    """One rule; the first that means a new study decides.

    Raises:
        BadConfiguration: a field has no meaning.
    """

    modalities: tuple[str, ...] = ()  # of the new study; none: any
    body_parts: tuple[str, ...] = ()  # words of its description and of a prior's, any of them; none: any
    prior_modalities: tuple[str, ...] = ()  # none: those of the new study
    years: float = 5.0  # how old a prior may be
    count: int = 3  # the most priors, the newest first
    to: str = CACHE  # or the name of a DICOM archive of this node
    hours: str = ""  # HH:MM-HH:MM of this machine's clock; empty: always
    mbit: float = 0.0  # megabits a second at most; 0: no limit
    match: str = BY_ID  # or BY_NAME: name, birth date and sex
    keep_days: float = 14.0  # how long a prior stays in the cache

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise BadConfiguration(f"count: 1 to {MAX_COUNT} priors")
        if not 0 < self.years <= 150 or not 0 < self.keep_days <= 3_650 or self.mbit < 0:
            raise BadConfiguration("years, days and Mbit/s are positive numbers")
        if self.match not in (BY_ID, BY_NAME):
            raise BadConfiguration("match: id or name")
        if not self.to:
            raise BadConfiguration(f"to: {CACHE} or the name of an archive")
        if self.hours:
            Hours.parse(self.hours)

    def means(self, study: Study) -> bool:
        """Whether the rule is about a new study."""
        is_modality = not self.modalities or bool(set(self.modalities) & set(study.modalities))
        return is_modality and _is_of(study, self.body_parts)

    def unfit(self, study: Study, prior: Study) -> str:
        """Why a study is no prior for the rule; empty when it is one."""
        wanted = self.prior_modalities or study.modalities
        if prior.study_uid == study.study_uid:
            return "the study itself"
        if not is_same_patient(study, prior, match=self.match):
            return "not surely the same patient"
        if wanted and not set(wanted) & set(prior.modalities):
            return "another modality"
        if not _is_of(prior, self.body_parts):
            return "another body part"
        age = _days(study) - _days(prior)
        if not prior.study_date or age < 0:
            return "no date, or a later one"
        return "too old" if age > 365.25 * self.years else ""


class PriorBook:
    """The rules that are kept.

    Args:
        vault: keeps them.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def rules(self) -> list[PriorRule]:
        """Every rule, in the order in which they are tried."""
        data = self._vault.value(KEY)
        plain: list[dict[str, Any]] = json.loads(data) if data else []
        return [PriorRule(**one | {name: tuple(one[name]) for name in _LISTS if name in one}) for one in plain]

    def add(self, rule: PriorRule) -> int:
        """Add a rule after the others; its number, from 1 on. BadConfiguration: there would be too many."""
        rules = [*self.rules(), rule]
        if len(rules) > MAX_RULES:
            raise BadConfiguration(f"at most {MAX_RULES} rules of priors")
        self._keep(rules)
        return len(rules)

    def remove(self, number: int) -> None:
        """Drop the rule of a number; NoSuchThing: there is none."""
        rules = self.rules()
        if not 1 <= number <= len(rules):
            raise NoSuchThing(f"no rule {number} of priors")
        self._keep(rules[: number - 1] + rules[number:])

    def _keep(self, rules: list[PriorRule]) -> None:
        self._vault.set_value(KEY, json.dumps([asdict(rule) for rule in rules]).encode())


def chosen(rule: PriorRule, study: Study, found: Iterable[Study]) -> list[Study]:
    """The priors that a rule takes, the newest first."""
    fit = [prior for prior in found if not rule.unfit(study, prior)]
    newest = sorted(fit, key=lambda prior: (prior.study_date, prior.study_time, prior.study_uid), reverse=True)
    return newest[: rule.count]


def is_same_patient(study: Study, other: Study, *, match: str) -> bool:
    """Whether two studies are of one patient, surely enough to fetch one because of the other."""
    names = (fold_name(study.patient_name), fold_name(other.patient_name))
    is_person = bool(study.birth_date) and study.birth_date == other.birth_date and names[0] == names[1] != ""
    if match == BY_NAME:
        return is_person and study.sex == other.sex
    if not study.patient_id or fold(study.patient_id) != fold(other.patient_id):
        return False
    if study.issuer and other.issuer:
        return fold(study.issuer) == fold(other.issuer)
    return is_person


def queries_for(rule: PriorRule, study: Study) -> Sequence[StudyQuery]:
    """What to ask the federation for; nothing where the study's own identifiers are patterns or absent."""
    name, birth_date = study.patient_name, study.birth_date
    if rule.match == BY_NAME:
        if not name or not birth_date or _WILD & set(name):
            return []
        return [StudyQuery.of({"PatientName": name, "PatientBirthDate": birth_date})]
    if not study.patient_id or _WILD & set(study.patient_id):
        return []
    return [StudyQuery.of({"PatientID": study.patient_id})]


def is_recent(study_date: str, today: datetime.date, *, days: int) -> bool:
    """Whether a study was made within so many days: an old one that an archive shows anew is not waited for."""
    try:
        made = datetime.datetime.strptime(study_date, "%Y%m%d").replace(tzinfo=datetime.UTC).date()
    except ValueError:
        return False
    return -1 <= (today - made).days <= days


def _is_of(study: Study, words: Sequence[str]) -> bool:
    text = fold(study.description)
    return not words or any(fold(word) in text for word in words)


def _days(study: Study) -> int:
    try:
        made = datetime.datetime.strptime(study.study_date, "%Y%m%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        return 0
    return made.date().toordinal()
