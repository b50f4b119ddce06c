"""Offers, kept exams and priors as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from idas_p2p.dashboard.configuration import until
from idas_p2p.dashboard.tables import Records, counted, rows_of, state, word
from idas_p2p.dashboard.text import number


def offers_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas inbox list` and `idas sent`.

    Args:
        result: `offers`: number, institution, state, level, user, note, expires (Unix seconds), study (by keyword).
    """
    rows = [
        (
            number(row.get("number")),
            state(row.get("state")),
            word(row.get("institution")),
            word(row.get("user")),
            word(_study(row, "PatientName")),
            word(_study(row, "StudyDate")),
            word(_study(row, "ModalitiesInStudy")),
            word(row.get("level")),
            until(row.get("expires")),
            word(row.get("note")),
        )
        for row in rows_of(result, "offers")
    ]
    columns = ("N", "STATE", "INSTITUTION", "FROM", "PATIENT", "DATE", "MODALITY", "LEVEL", "UNTIL", "NOTE")
    return counted(Records(columns, rows), "offers", when_empty="No offers.")


def kept_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas kept list`.

    Args:
        result: `kept`: study_uid, institution, why, instances, expires (Unix seconds).
    """
    rows = [
        (
            word(row.get("why")),
            word(row.get("institution")),
            number(row.get("instances")),
            until(row.get("expires")),
            word(row.get("study_uid")),
        )
        for row in rows_of(result, "kept")
    ]
    return counted(
        Records(("WHY", "INSTITUTION", "IMAGES", "UNTIL", "STUDY UID"), rows),
        "exams",
        when_empty="No exam of another institution is kept here.",
    )


def priors_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas priors explain`.

    Args:
        result: `priors`: study_uid, date, modalities, holder, why.
    """
    rows = [
        (
            word(row.get("date")),
            word(", ".join(map(str, row.get("modalities") or ()))),
            word(row.get("holder")),
            word(row.get("why")),
            word(row.get("study_uid")),
        )
        for row in rows_of(result, "priors")
    ]
    return counted(
        Records(("DATE", "MODALITY", "HOLDER", "WHY", "STUDY UID"), rows),
        "studies",
        when_empty="Nothing of this patient was found at other institutions, or no rule is about the study.",
    )


def _study(row: Mapping[str, Any], keyword: str) -> Any:
    study = row.get("study")
    return study.get(keyword) if isinstance(study, Mapping) else None
