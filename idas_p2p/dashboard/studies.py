"""Studies as tables: those found in the federation, those offered by this node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from idas_p2p.dashboard.tables import Records, Row, counted, rows_of, word
from idas_p2p.dashboard.text import joined

_HEADINGS = ("PATIENT", "ID", "DATE", "MODALITIES", "DESCRIPTION", "IMAGES")


def found_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas find`, with who holds each study."""
    rows = [
        (*_cells(row), joined(row.get("Holders")), word(row.get("StudyInstanceUID")))
        for row in rows_of(result, "studies")
    ]
    records = Records((*_HEADINGS, "HOLDERS", "STUDY UID"), rows, numbers=("IMAGES",))
    return counted(records, "studies", when_empty="No study matches, or none that is shared with you.")


def own_table(result: Mapping[str, Any]) -> RenderableType:
    """The answer of `idas studies`, with the archives each lies in."""
    rows = [
        (*_cells(row), joined(row.get("Archives")), word(row.get("StudyInstanceUID")))
        for row in rows_of(result, "studies")
    ]
    records = Records((*_HEADINGS, "ARCHIVES", "STUDY UID"), rows, numbers=("IMAGES",))
    return counted(records, "studies", when_empty="No study yet; add an archive with: idas archive add")


def _cells(row: Row) -> tuple[str, ...]:
    modalities = row.get("ModalitiesInStudy")
    return (
        word(row.get("PatientName")),
        word(row.get("PatientID")),
        _date(row.get("StudyDate")),
        word(modalities.replace("\\", " ") if isinstance(modalities, str) else joined(modalities)),
        word(row.get("StudyDescription")),
        word(row.get("NumberOfStudyRelatedInstances")),
    )


def _date(value: object) -> str:
    """YYYYMMDD as YYYY-MM-DD; anything else as it is."""
    text = word(value)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text
