"""policy.toml: the rules as the privacy officer writes them; an error refuses the whole file, with line and reason.

Belongs here: reading the text. Not here: the file on the disk, when it is read (node/rules.py), what rules mean
(policy.py). Source: docs/spec/access.md section 5, docs/operations/privacy.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.levels import Levels, parse_level
from idas_p2p.access.objects import (
    Objects,
    parse_dates,
    parse_label,
    parse_modality,
    parse_name,
    parse_patient,
    parse_uid,
)
from idas_p2p.access.policy import Rule
from idas_p2p.access.subjects import parse_subject
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.level import Level
from idas_p2p.wire.toml import TomlTable, line_below, line_of

POLICY_FILE: Final = "policy.toml"
MAX_POLICY_SIZE: Final = 8_388_608  # bytes; ours
MAX_RULES: Final = 20_000  # of one file; ours
MAX_GROUPS: Final = 100  # that all rules together name; ours: each may cost a look into the directory


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """What a file says: rules in its order, and the levels they and grants may give."""

    rules: tuple[Rule, ...] = ()
    levels: Levels


def parse_policy(text: str, *, file: str = POLICY_FILE) -> PolicyText:
    """Read a file.

    Args:
        text: the file.
        file: its name, for errors and origins.

    Raises:
        BadConfiguration: an error anywhere in it; the text names line, key and remedy and no value of a condition.
    """
    root = TomlTable.parse(text, file=file)
    levels = Levels(_levels(root.table("levels"), text, file))
    tables = root.tables("rule")
    root.refuse_unknown()
    if len(tables) > MAX_RULES:
        raise BadConfiguration(f"{file}: at most {MAX_RULES} rules")
    return PolicyText(rules=tuple(_rule(table, file, levels) for table in tables), levels=levels)


def _levels(table: TomlTable, text: str, file: str) -> Iterator[Level]:
    for name, value in table.items():
        try:
            yield parse_level(name, value if isinstance(value, dict) else {})
        except BadConfiguration as error:
            line = line_of(text, f"levels.{name}", "")
            if line and (key := re.search(r": (?:unknown key ')?(\w+)", error.detail)):
                line = line_below(text, line, key[1])
            raise BadConfiguration(f"{file}, line {line}: {error.detail}") from None


def _rule(table: TomlTable, file: str, levels: Levels) -> Rule:
    name = table.string("name", 0, 100, default="")
    subjects = table.parsed_list("to", parse_subject, may_be_text=True)
    if not subjects:
        raise table.bad("to", 'is missing; add whom the rule is about, e.g. to = "everyone"')
    if (level := table.parsed("level", levels.get)) is None:
        raise table.bad("level", 'is missing; add what the rule gives, e.g. level = "full"')
    dates = table.parsed("dates", parse_dates)
    conditions = {
        "studies": table.parsed_list("studies", parse_uid, may_be_text=True),
        "modalities": table.parsed_list("modalities", parse_modality, may_be_text=True),
        "archives": table.parsed_list("archives", parse_name, may_be_text=True),
        "labels": table.parsed_list("labels", parse_label, may_be_text=True),
    }
    patients = table.parsed_list("patients", parse_patient, may_be_text=True)
    try:
        objects = Objects(patients=patients, dates=dates, **conditions)
    except BadConfiguration as error:
        raise table.bad("rule", error.detail) from None
    expires = table.moment("expires")
    break_glass = table.flag("break_glass", default=False)
    if break_glass and level.is_none:
        raise table.bad("break_glass", "goes with a level that shows something, such as full")
    table.refuse_unknown()
    origin = f"{file} line {table.line}" + (f" ({name})" if name else "")
    return Rule(
        subjects=subjects, level=level, objects=objects, expires=expires, origin=origin, break_glass=break_glass
    )
