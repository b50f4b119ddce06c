"""Index terms: under which words a study can be found in the directory, and which words answer a query.

A term never leaves the node as it is: it is blinded with a federation secret first (access/blinding.py).
Belongs here: normalisation and choice of terms. Source: docs/spec/directory.md section 5.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from idas_p2p.wire.query import StudyQuery, date_range
from idas_p2p.wire.study import Study

NAME_PREFIXES = (3, 4, 6)  # characters of the family name; protocol
DATE_BLOCKS = (1, 4, 16, 64, 256)  # days; protocol
MAX_DATE_TERMS = 48  # blocks one query may look up; ours: more than this asks every member instead
_WILDCARDS = frozenset("*?")
BETWEEN_WORDS = "^=-,.*?'"  # and spaces: what parts the words of a name
_BETWEEN_WORDS = re.compile(f"[{re.escape(BETWEEN_WORDS)}]+")


class Field(StrEnum):
    """The kinds of term."""

    STUDY = "study"
    PATIENT = "patient"
    ACCESSION = "accession"
    NAME = "name"
    NAME_PREFIX = "name_prefix"
    DATE = "date"


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Term:
    """A field and a normalised value; never prints itself."""

    field: Field
    value: str

    def __repr__(self) -> str:
        return f"Term({self.field}, …)"


def fold(text: str) -> str:
    """Lower case, no accents, single spaces: what two spellings of one name have in common.

    Compatibility decomposition first (Unicode Standard Annex 15), then marks dropped, then case folding.
    """
    if text.isascii():  # nothing to decompose or to drop: most texts, ten times faster
        return " ".join(text.lower().split())
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def fold_name(name: str) -> str:
    """A person name's component groups folded, with trailing empty components and groups removed."""
    groups = ("^".join(fold(part) for part in group.split("^")).rstrip("^ ") for group in name.split("="))
    return "=".join(groups).rstrip("=")


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name folded, in order, of all its components; wild cards are none of them."""
    spaced = _BETWEEN_WORDS.sub(" ", fold_name(name))
    return tuple(spaced.split())


def study_terms(study: Study) -> list[Term]:
    """Every term under which this study's holder is to be found."""
    terms = {Term(Field.STUDY, study.study_uid)}
    if study.patient_id:
        terms.add(Term(Field.PATIENT, fold(study.patient_id)))
        if study.issuer:
            terms.add(Term(Field.PATIENT, _with_issuer(study.patient_id, study.issuer)))
    if study.accession_number:
        terms.add(Term(Field.ACCESSION, fold(study.accession_number)))
    for group in filter(None, fold_name(study.patient_name).split("=")):
        terms.add(Term(Field.NAME, group))
        family = group.split("^")[0]
        terms.update(Term(Field.NAME_PREFIX, family[:size]) for size in NAME_PREFIXES if len(family) >= size)
    if (day := _ordinal(study.study_date)) is not None:
        terms.update(_date_term(day, size) for size in DATE_BLOCKS)
    return sorted(terms)


def query_terms(query: StudyQuery) -> list[Term] | None:
    """The terms to look up, most selective key first; every matching study has at least one of them.

    Returns:
        None when no key is selective enough: the members themselves must be asked.
    """
    if uids := [uid for uid in query.pattern("StudyInstanceUID").split("\\") if uid]:
        return None if any(_WILDCARDS & set(uid) for uid in uids) else [Term(Field.STUDY, uid) for uid in uids]
    if (accession := fold(query.pattern("AccessionNumber"))) and not _WILDCARDS & set(accession):
        return [Term(Field.ACCESSION, accession)]
    if (patient := query.pattern("PatientID")) and not _WILDCARDS & set(patient):
        return [_patient_term(patient, query.pattern("IssuerOfPatientID"))]
    if (name := query.pattern("PatientName")) and not query.fuzzy_names:
        term = _name_term(name)
        if term:
            return [term]
    if dates := query.pattern("StudyDate"):
        return _date_terms(dates)
    return None


def _patient_term(patient: str, issuer: str) -> Term:
    if issuer and not _WILDCARDS & set(issuer):
        return Term(Field.PATIENT, _with_issuer(patient, issuer))
    return Term(Field.PATIENT, fold(patient))


def _with_issuer(patient: str, issuer: str) -> str:
    return f"{fold(patient)}\n{fold(issuer)}"


def _name_term(pattern: str) -> Term | None:
    """A prefix of the family name: exact names too may be matched by one with more components."""
    group = next((g for g in fold_name(pattern).split("=") if g), "")
    family = group.split("^")[0]
    fixed = family[: min((family.find(w) for w in _WILDCARDS if w in family), default=len(family))]
    size = max((s for s in NAME_PREFIXES if s <= len(fixed)), default=0)
    return Term(Field.NAME_PREFIX, fixed[:size]) if size else None


def _date_terms(pattern: str) -> list[Term] | None:
    """Cover the range with the fewest radix-4 blocks; None when open-ended or too long."""
    first, last = (_ordinal(day) for day in date_range(pattern))
    if first is None or last is None:
        return None
    if last < first:
        return []
    terms: list[Term] = []
    while first <= last:
        size = max(s for s in DATE_BLOCKS if first % s == 0 and (first + s - 1 <= last or s == 1))
        terms.append(_date_term(first, size))
        first += size
        if len(terms) > MAX_DATE_TERMS:
            return None
    return terms


def _date_term(day: int, size: int) -> Term:
    return Term(Field.DATE, f"{size}:{day // size}")


def _ordinal(date: str) -> int | None:
    """Days since 0001-01-01 for YYYYMMDD; None for anything else."""
    if len(date) != 8 or not date.isascii() or not date.isdigit():
        return None
    try:
        return datetime.date(int(date[:4]), int(date[4:6]), int(date[6:])).toordinal()
    except ValueError:
        return None
