"""PATIENT level: patients out of the studies that are found, each once.

A patient is an id with its issuer; without an id, a name with a birth date. Patients of different issuers are
never one.

Belongs here: grouping and counting. Pure. Not here: the conversation (find_service.py). Source: PS3.4 C.6.1.1.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.dataset import Dataset

from idas_p2p.dicom.query_keys import TABLE, Level, Origin
from idas_p2p.wire.study import Study

COUNTS: Final = ("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances")
MAX_PATIENTS: Final = 100_000  # in one answer; ours
_KEYS: Final = tuple(key.keyword for key in TABLE if key.level is Level.PATIENT and key.origin is Origin.CATALOG)

Values = dict[str, str]


class Patients:
    """The patients of one answer.

    Args:
        counts: whether numbers are wanted: they are known only when all studies have come.
    """

    def __init__(self, *, counts: bool) -> None:
        self._counts = counts
        self._known: dict[tuple[str, ...], Values] = {}
        self._numbers: dict[tuple[str, ...], list[int]] = {}

    @classmethod
    def for_request(cls, requested: Dataset) -> Patients:
        """As a C-FIND identifier wants them."""
        return cls(counts=any(keyword in requested for keyword in COUNTS))

    def add(self, study: Study) -> Values | None:
        """Take a study; the patient's attributes by keyword where they can be told now and were not before."""
        key = (study.patient_id, study.issuer) if study.patient_id else ("", study.patient_name, study.birth_date)
        is_new = key not in self._known
        known = self._known.setdefault(key, {keyword: study.value(keyword) for keyword in _KEYS})
        for keyword in _KEYS:
            known[keyword] = known[keyword] or study.value(keyword)
        numbers = self._numbers.setdefault(key, [0, 0, 0])
        for place, number in enumerate((1, study.series_count, study.instance_count)):
            numbers[place] += number
        return dict(known) if is_new and not self._counts else None

    def rest(self) -> Iterator[Values]:
        """What is told when no more studies come: the patients with their numbers, where those are wanted."""
        if self._counts:
            for key, known in self._known.items():
                told = (str(number) if number else "" for number in self._numbers[key])
                yield {**known, **dict(zip(COUNTS, told, strict=True))}

    @property
    def are_too_many(self) -> bool:
        """Whether no more may be taken."""
        return len(self._known) > MAX_PATIENTS
