"""A series or instance in an answer, as a level shows it: what its objects hide, the answer hides alike.

Belongs here: attributes below a study. Not here: studies and queries (answers.py), objects (engine.py).
Source: docs/spec/levels.md section 6.
"""

from __future__ import annotations

from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword

from idas_p2p.dicom.levels.answers import Answers
from idas_p2p.dicom.levels.keys import Pseudonyms, shifted
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.levels.table import Deed
from idas_p2p.dicom.levels.text import Identity
from idas_p2p.dicom.query_keys import part_keywords
from idas_p2p.wire.parts import Depth, Part
from idas_p2p.wire.study import Study

_TEXT: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_INSIDE_STAYS: Final = frozenset({Deed.KEEP, Deed.CLEAN})


class PartAnswers:
    """What one level shows of series and instances.

    Args:
        plan: what the level does.
        pseudonyms: of its project.
        answers: the same for studies.
    """

    def __init__(self, plan: Plan, pseudonyms: Pseudonyms, answers: Answers) -> None:
        self._pseudonyms, self._answers = pseudonyms, answers
        self._deeds = {keyword: _deed(plan, keyword) for keyword in part_keywords(Depth.IMAGE)}

    def part(self, study: Study, part: Part) -> Part:
        """A series or instance of a study, both as they are, as the level shows it."""
        identity, patient = self._answers.identity(study), study.patient_id or study.patient_name
        return Part.of(
            {
                keyword: "\\".join(self._value(keyword, value, identity, patient) for value in text.split("\\"))
                for keyword, text in part.values().items()
                if self._deeds.get(keyword, Deed.REMOVE) not in (Deed.REMOVE, Deed.EMPTY, Deed.DUMMY)
            }
        )

    def _value(self, keyword: str, value: str, identity: Identity, patient: str) -> str:
        deed, vr = self._deeds[keyword], _vr(keyword)
        if deed is Deed.UID:
            return self._pseudonyms.uid(value.encode()).decode() if value else ""
        if deed is Deed.KEEP:
            return identity.without(value) if vr in _TEXT else value
        if deed not in (Deed.CLEAN, Deed.SHIFT):
            return ""
        if vr == "DA":
            return shifted(value, self._pseudonyms.shift(patient))
        if vr == "TM":
            return value
        return identity.cleaned(value) if vr in _TEXT else ""


def _deed(plan: Plan, keyword: str) -> Deed:
    outer, _, inner = keyword.partition(".")
    if inner and plan.deed_of(outer) not in _INSIDE_STAYS:
        return Deed.REMOVE
    return plan.deed_of(inner or outer)


def _vr(keyword: str) -> str:
    return str(dictionary_VR(tag_for_keyword(keyword.rpartition(".")[2]) or 0))
