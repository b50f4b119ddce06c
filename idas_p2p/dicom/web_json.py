"""What a QIDO-RS answer says: DICOM JSON to text by keyword, and our queries to its parameters.

Pure. Belongs here: the JSON model's attributes. Not here: what the text means (identifiers.py), HTTP (web.py).
Source: PS3.18 section 8.3.4 (query parameters) and annex F.2 (JSON model).
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydicom.datadict import tag_for_keyword

from idas_p2p.errors import ArchiveFailed
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS

_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")  # component groups of a name; PS3.18 F.2.2


class Answer:
    """One matching study, series or instance; never prints itself."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._attributes = attributes

    def __repr__(self) -> str:
        return "Answer(…)"

    def text(self, keyword: str) -> str:
        """The text of an attribute by its keyword, several values joined by backslashes; empty when absent.

        `Sequence.Attribute` gives those of all items of a sequence, one for each.
        """
        keyword, _, inner = keyword.partition(".")
        attribute = self._attributes.get(tag_of(keyword))
        values = attribute.get("Value") if isinstance(attribute, dict) else None
        if not isinstance(values, list):
            return ""
        if inner:
            texts = [Answer(item).text(inner).replace("\\", "/") for item in values if isinstance(item, dict)]
            return "\\".join(texts) if any(texts) else ""
        return "\\".join(_text(value) for value in values)

    def count(self, keyword: str) -> int | None:
        """The number that an attribute gives; None when it gives none."""
        text = self.text(keyword)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def answers_of(body: bytes) -> list[Answer]:
    """Read the body of an answer.

    Raises:
        ArchiveFailed: it is not DICOM JSON.
    """
    try:
        document = json.loads(body) if body.strip() else []
    except (ValueError, RecursionError):
        raise ArchiveFailed("its answer is not JSON") from None
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise ArchiveFailed("its answer is not the DICOM JSON of a list")
    return [Answer(entry) for entry in document]


def study_parameters(query: StudyQuery) -> list[tuple[str, str]]:
    """The parameters that ask for matching studies with every attribute of Study."""
    keys = [(key.keyword, key.pattern.replace("\\", ",")) for key in query.keys]
    return [*keys, *(("includefield", tag_of(keyword)) for keyword in KEYWORDS)]


def tag_of(keyword: str) -> str:
    """An attribute's tag as the JSON model writes it."""
    return f"{tag_for_keyword(keyword):08X}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "=".join(str(value.get(group) or "") for group in _GROUPS).rstrip("=")
    return "" if value is None else str(value).strip(" \0")
