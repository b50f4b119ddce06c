"""What a rule is about: which studies.

Law: every condition that is given must hold; of the values of one condition any will do; a study that lacks what a
condition asks for does not meet it.
Belongs here: conditions, what they are compared with. Not here: whom a rule is about (subjects.py), finding the rule
among thousands (compiled.py). Source: docs/spec/access.md section 2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import BadConfiguration, BadQuery
from idas_p2p.wire.query import date_range
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import fold

MAX_VALUES: Final = 1_000  # of one condition; ours
MAX_COMBINATIONS: Final = 10_000  # of the values of one rule's conditions; ours: bounds the index
_UID: Final = re.compile(r"[0-9.]{1,64}")  # PS3.5 section 9.1
_MODALITY: Final = re.compile(r"[A-Z0-9_ ]{1,16}")  # CS, PS3.5 section 6.2
_OPEN: Final = frozenset({"00000000", "99999999"})  # ends of a range of dates that were not given
_NAME_SIZE: Final = 64  # characters of an archive's name, a label, a patient's id or its issuer; PS3.5 section 6.2 (LO)


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Patient:
    """A patient by id, and where it is given by whoever issued the id; folded. Never prints itself."""

    id: str
    issuer: str = ""

    def __repr__(self) -> str:
        return "Patient(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Facts:
    """What rules ask of a study."""

    study_uid: str
    patient: Patient = Patient("")
    modalities: tuple[str, ...] = ()
    date: str = ""  # YYYYMMDD; another form is no date
    archives: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # folded

    def __repr__(self) -> str:
        return "Facts(…)"

    @property
    def day(self) -> int | None:
        """The date as a number; None when there is none."""
        return int(self.date) if len(self.date) == 8 and self.date.isascii() and self.date.isdigit() else None


def facts_of(study: Study, *, archives: Iterable[str], labels: Iterable[str], modalities: Iterable[str]) -> Facts:
    """What rules ask of a study.

    Args:
        study: as its fullest archive describes it.
        archives: all that hold it.
        labels: of it and of its patient, folded.
        modalities: in any archive.
    """
    return Facts(
        study_uid=study.study_uid,
        patient=Patient(fold(study.patient_id), fold(study.issuer)),
        modalities=tuple(dict.fromkeys(modalities)),
        date=study.study_date,
        archives=tuple(archives),
        labels=tuple(labels),
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Objects:
    """Conditions on studies; none means every study. Never prints itself: it may name patients."""

    studies: tuple[str, ...] = ()
    patients: tuple[Patient, ...] = ()
    modalities: tuple[str, ...] = ()
    dates: tuple[str, str] | None = None  # first and last day, YYYYMMDD, both included
    archives: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # folded

    def __post_init__(self) -> None:
        conditions = (self.studies, self.patients, self.modalities, self.archives, self.labels)
        if max(map(len, conditions)) > MAX_VALUES:
            raise BadConfiguration(f"a condition has at most {MAX_VALUES} values")
        if math.prod(max(1, len(values)) for values in conditions) > MAX_COMBINATIONS:
            raise BadConfiguration(
                f"the conditions have more than {MAX_COMBINATIONS} combinations; write several rules"
            )

    def __repr__(self) -> str:
        return "Objects(…)"

    def words(self) -> str:
        """The conditions as an operator reads them; names patients, so it is for operators alone."""
        patients = [patient.id + (f"^^^{patient.issuer}" if patient.issuer else "") for patient in self.patients]
        dates = ["-".join("" if end in _OPEN else end for end in self.dates)] if self.dates else []
        named = {
            "study": self.studies,
            "patient": patients,
            "modality": self.modalities,
            "date": dates,
            "archive": self.archives,
            "label": self.labels,
        }
        return "; ".join(f"{name} {', '.join(values)}" for name, values in named.items() if values)

    def mismatch(self, facts: Facts) -> str | None:
        """The first condition that a study does not meet, in words; None when it meets all."""
        if self.studies and facts.study_uid not in self.studies:
            return "another study"
        if self.patients and not {facts.patient, Patient(facts.patient.id)} & set(self.patients):
            return "another patient"
        if self.modalities and not set(self.modalities) & set(facts.modalities):
            return "another modality"
        if self.dates is not None and (facts.day is None or not self.dates[0] <= facts.date <= self.dates[1]):
            return "another date" if facts.day is not None else "the study has no date"
        if self.archives and not set(self.archives) & set(facts.archives):
            return "another archive"
        if self.labels and not set(self.labels) & set(facts.labels):
            return "no such label"
        return None


EVERY_STUDY: Final = Objects()


def parse_objects(
    *,
    studies: Sequence[str] = (),
    patients: Sequence[str] = (),
    modalities: Sequence[str] = (),
    dates: str = "",
    archives: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> Objects:
    """Read conditions as an operator writes them.

    Raises:
        BadConfiguration: a value of no meaning.
    """
    return Objects(
        studies=tuple(map(parse_uid, studies)),
        patients=tuple(map(parse_patient, patients)),
        modalities=tuple(map(parse_modality, modalities)),
        dates=parse_dates(dates) if dates else None,
        archives=tuple(map(parse_name, archives)),
        labels=tuple(map(parse_label, labels)),
    )


def parse_uid(text: str) -> str:
    """A Study Instance UID."""
    if not _UID.fullmatch(text):
        raise BadConfiguration("a study is named by its UID: 1 to 64 digits and dots")
    return text


def parse_patient(text: str) -> Patient:
    """A patient's id, with its issuer after three circumflexes as in HL7 CX: `123` or `123^^^City Hospital`."""
    name, hat, issuer = text.partition("^^^")
    if not 0 < len(name.strip()) <= _NAME_SIZE or len(issuer) > _NAME_SIZE or bool(hat) != bool(issuer.strip()):
        raise BadConfiguration("a patient is written ID or ID^^^ISSUER, each 1 to 64 characters")
    return Patient(fold(name), fold(issuer))


def parse_modality(text: str) -> str:
    """A modality, such as CT."""
    if not _MODALITY.fullmatch(modality := text.strip().upper()):
        raise BadConfiguration("a modality has 1 to 16 capital letters, digits and underscores, such as CT")
    return modality


def parse_dates(text: str) -> tuple[str, str]:
    """A day or a range of days, either end may be open: `20240131`, `20240101-20241231`, `20240101-`, `-20231231`."""
    try:
        first, last = date_range(text)
    except BadQuery as error:
        raise BadConfiguration(error.detail) from None
    if first > last:
        raise BadConfiguration("a range of dates begins before it ends")
    return first, last


def parse_name(text: str) -> str:
    """The name of an archive."""
    if not 0 < len(text.strip()) <= _NAME_SIZE or not text.isprintable():
        raise BadConfiguration("a name has 1 to 64 printable characters")
    return text.strip()


def parse_label(text: str) -> str:
    """A label, in any spelling."""
    return fold(parse_name(text))
