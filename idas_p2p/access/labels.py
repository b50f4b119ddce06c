"""Which labels a study bears: those put on it and those put on its patient.

Belongs here: looking them up. Not here: keeping them (store/labels.py), what rules make of them (objects.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from idas_p2p.access.objects import Patient


class Labelled:
    """Labels by what bears them.

    Args:
        studies: (study UID, label) for each.
        patients: (patient, label) for each; a patient without an issuer is that id, whoever issued it.
    """

    def __init__(self, studies: Iterable[tuple[str, str]] = (), patients: Iterable[tuple[Patient, str]] = ()) -> None:
        self._on: dict[str | Patient, tuple[str, ...]] = {}
        for bearer, label in chain[tuple[str | Patient, str]](studies, patients):
            self._on[bearer] = (*self._on.get(bearer, ()), label)

    def of(self, study_uid: str, patient: Patient) -> tuple[str, ...]:
        """The labels of a study, each once."""
        if not self._on:
            return ()
        bearers: tuple[str | Patient, ...] = (study_uid, patient, Patient(patient.id))
        return tuple(dict.fromkeys(label for bearer in bearers for label in self._on.get(bearer, ())))
