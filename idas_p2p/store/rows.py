"""Studies as rows of the database and back.

Belongs here: the form of a study's columns and text a database can hold. Not here: keys to search by (prefilter.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Column, Table

from idas_p2p.wire.study import Study

FIELDS: Final = tuple(field.name for field in fields(Study))
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Text with U+FFFD for what a database cannot hold: NUL and half of a surrogate pair."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("�", text)


def study_columns(table: Table) -> list[Column[Any]]:
    """The columns of a table that make up a study."""
    return [table.c[name] for name in FIELDS]


def row_of(study: Study) -> dict[str, Any]:
    """The values of a study's columns."""
    row: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(study, name)
        text = "\\".join(value) if isinstance(value, tuple) else value
        row[name] = storable(text) if isinstance(text, str) else text
    return row


def study_of(row: Mapping[Any, Any]) -> Study:
    """The study in a row; other columns are left alone."""
    values = {name: row[name] for name in FIELDS}
    values["modalities"] = tuple(filter(None, values["modalities"].split("\\")))
    return Study(**values)


def fingerprint(row: Mapping[str, Any]) -> bytes:
    """Tells whether two rows hold the same study: 16 bytes."""
    return hashlib.blake2b("\0".join(str(row[name]) for name in FIELDS).encode(), digest_size=16).digest()
