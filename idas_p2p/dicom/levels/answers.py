"""A study in an answer, as a level shows it: what its objects hide, the answer hides alike.

Law: a query finds a study at a level only by what the level shows of it. Belongs here: studies and queries. Not here:
objects (engine.py). Source: docs/spec/levels.md section 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from idas_p2p.dicom.levels.keys import SHIFT_DAYS, Pseudonyms, shifted
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.levels.table import Deed
from idas_p2p.dicom.levels.text import Identity
from idas_p2p.wire.query import QueryKey, StudyQuery, date_range
from idas_p2p.wire.study import KEYWORDS, Study

_PATIENT: Final = re.compile(r"[A-Z2-7]{16}")  # keys.Pseudonyms.patient
_DATES: Final = frozenset({"StudyDate", "PatientBirthDate"})
_FREE_TEXT: Final = frozenset({"StudyDescription", "StudyID"})
_HIDDEN: Final = frozenset({Deed.REMOVE, Deed.EMPTY})
_SHOWN_ALWAYS: Final = frozenset({"ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"})


class Answers:
    """What one level shows of studies.

    Args:
        plan: what the level does.
        pseudonyms: of its project.
    """

    def __init__(self, plan: Plan, pseudonyms: Pseudonyms) -> None:
        self._plan, self._pseudonyms = plan, pseudonyms
        self._deeds = {keyword: plan.deed_of(keyword) for keyword in KEYWORDS if keyword not in _SHOWN_ALWAYS}

    def study(self, study: Study) -> Study:
        """The study as the level shows it."""
        patient, identity = study.patient_id or study.patient_name, self.identity(study)
        changed = dict[str, Any]()
        for keyword, deed in self._deeds.items():
            field = KEYWORDS[keyword]
            if value := getattr(study, field):
                changed[field] = self._value(keyword, deed, value, patient=patient, identity=identity)
        return replace(study, **changed)

    def identity(self, study: Study) -> Identity:
        """What of a study must not be found in text."""
        return Identity(
            tuple(name for name in (study.patient_name, study.referring_physician) if name),
            tuple(number for number in self._hidden_numbers(study) if number),
        )

    def patient(self, study: Study) -> str:
        """What the level calls the patient of a study."""
        return self._pseudonyms.patient(study.patient_id or study.patient_name)

    def superset(self, query: StudyQuery, original_of: Callable[[str], str | None]) -> StudyQuery | None:
        """A query for the catalog that finds every study which this one finds at the level, and others.

        Args:
            query: what is asked, in terms of what the level shows.
            original_of: the study that goes by a UID at this level, as far as is known.

        Returns:
            None when it finds none: a hidden attribute matches no key. So most queries cost no look at the catalog.
        """
        kept = list[QueryKey]()
        for key in query.keys:
            deed = self._deeds.get(key.keyword, Deed.KEEP)
            if deed in _HIDDEN or (deed is Deed.PATIENT and not _PATIENT.fullmatch(key.pattern)):
                return None
            if deed is Deed.UID:
                known = [(uid, original_of(uid)) for uid in key.pattern.split("\\")]
                if not any(original or self._pseudonyms.is_new(uid) for uid, original in known):
                    return None
                if all(original for _, original in known):
                    kept.append(replace(key, pattern="\\".join(original for _, original in known if original)))
            elif deed is Deed.CLEAN and key.keyword == "StudyDate":
                kept += _widened(key)
            elif deed is Deed.KEEP and key.keyword not in _FREE_TEXT:
                kept.append(key)
        return replace(query, keys=tuple(kept))

    def _value(self, keyword: str, deed: Deed, value: str, *, patient: str, identity: Identity) -> str:
        if deed is Deed.KEEP:
            return identity.without(value) if keyword in _FREE_TEXT else value
        if deed is Deed.PATIENT:
            return self._pseudonyms.patient(patient)
        if deed is Deed.UID:
            return self._pseudonyms.uid(value.encode()).decode()
        if deed is Deed.CLEAN and keyword in _DATES:
            return shifted(value, self._pseudonyms.shift(patient))
        if deed is Deed.CLEAN:
            return identity.cleaned(value) if keyword in _FREE_TEXT else value
        if deed is Deed.DUMMY and keyword not in _DATES:
            return self._pseudonyms.code(value.encode()).decode()
        return ""

    def _hidden_numbers(self, study: Study) -> list[str]:
        numbers = {"PatientID": study.patient_id, "AccessionNumber": study.accession_number}
        numbers |= {"StudyInstanceUID": study.study_uid, "PatientBirthDate": study.birth_date}
        return [value for keyword, value in numbers.items() if self._deeds[keyword] not in (Deed.KEEP, Deed.CLEAN)]


def _widened(key: QueryKey) -> list[QueryKey]:
    """The dates from which those asked for may have been moved."""
    first, last = date_range(key.pattern)
    earliest, latest = shifted(first, 1), shifted(last, SHIFT_DAYS)  # empty where an end is open
    return [replace(key, pattern=f"{earliest}-{latest}")] if earliest or latest else []


def asks_by_pseudonym(query: StudyQuery) -> bool:
    """Whether a query may mean a study or a patient by a pseudonym."""
    uids = query.pattern("StudyInstanceUID").split("\\")
    patients = (query.pattern("PatientID"), query.pattern("PatientName"))
    return any(uid.startswith("2.25.") for uid in uids) or any(map(_PATIENT.fullmatch, patients))
