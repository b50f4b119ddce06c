"""What rules ask of the studies in our catalog.

Belongs here: from entries of the catalog to facts. Not here: what rules make of them (access/objects.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from idas_p2p.access.labels import Labelled
from idas_p2p.access.objects import Facts, Patient, facts_of
from idas_p2p.store.catalog import Catalog, Entry
from idas_p2p.store.feed import FOREIGN
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.terms import fold


def facts_of_entries(entries: Sequence[Entry], labelled: Labelled) -> Facts:
    """What rules ask of one study.

    Args:
        entries: the study in each archive that holds it, the fullest first; none when none does.
        labelled: the labels in force.
    """
    if not entries:
        return Facts(study_uid="")
    study = entries[0].study
    return facts_of(
        study,
        archives=[entry.archive for entry in entries],
        labels=labelled.of(study.study_uid, Patient(fold(study.patient_id), fold(study.issuer))),
        modalities=[modality for entry in entries for modality in entry.study.modalities],
    )


def every_study(catalog: Catalog, labelled: Labelled) -> Iterator[Facts]:
    """Yield the facts of each study of the catalog once."""
    for found in catalog.studies(StudyQuery()):
        if entries := without_kept(found):
            yield facts_of_entries(entries, labelled)


def without_kept(entries: Sequence[Entry]) -> list[Entry]:
    """Without exams of others that are kept here for a while: members are not told of them."""
    return [entry for entry in entries if entry.archive != FOREIGN]


def ours_alone(entries: Sequence[Entry]) -> list[Entry]:
    """Our own copies where there are any: one that was kept of another institution's may be coerced."""
    return without_kept(entries) or list(entries)


def fullest_first(entries: Sequence[Entry]) -> list[Entry]:
    """A study as each archive has it, the one with most instances first."""
    return sorted(entries, key=lambda entry: -entry.study.instance_count)
