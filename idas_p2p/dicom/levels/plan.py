"""What a level does with each attribute of one kind of object, worked out once and looked up for every instance.

Belongs here: from a level to deeds by tag. Not here: doing them (deeds.py), the standard's table (table.py).
Source: PS3.15 Annex E for de-identification; docs/spec/levels.md section 2 for what is obscured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from idas_p2p.dicom.levels.names import parse_attribute
from idas_p2p.dicom.levels.private import Private
from idas_p2p.dicom.levels.table import Deed, resolve, table, types
from idas_p2p.dicom.recode import vr_of
from idas_p2p.wire.level import Action, Base, Level, Option

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
OVERLAY_DATA: Final = 0x3000  # element of (60xx,eeee)
_GROUPS_OF_OVERLAYS: Final = range(0x6000, 0x6020, 2)
_PATIENT_TAGS: Final = frozenset({PATIENT_NAME, PATIENT_ID})
_ACTIONS: Final = {
    Action.KEEP: "K",
    Action.REMOVE: "X",
    Action.EMPTY: "Z",
    Action.REPLACE: "D",
    Action.CLEAN: "C",
}
_PERSONAL: Final = re.compile(
    r".*(Patient|Person|Physician|Responsible|Operator|Performer|Observer|Recipient|Requester|Callback|Enterer).*"
    r"(Address|Telephone|Phone|Telecom).*|AddressTrial|TelephoneNumberTrial"
)
_IDENTIFICATION: Final = re.compile(
    r".*(Physician|Physicians|OfRecord|ReadingStudy|Operator|Observer|Recipients?OfResults|Reviewer|Creator).*"
    r"Identification(Code)?Sequence|PersonIdentificationCodeSequence|HumanPerformerCodeSequence"
)
_IDS: Final = (
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "IssuerOfAdmissionID",
    "MedicalRecordLocator",
    "InsurancePlanIdentification",
    "ServiceEpisodeID",
    "IssuerOfServiceEpisodeIDSequence",
    "IssuerOfAccessionNumberSequence",
    "PatientBirthTime",
)
_EMPTY_IDS: Final = (
    "AccessionNumber",
    "RequestedProcedureID",
    "ScheduledProcedureStepID",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "PatientBirthDate",
)


@dataclass(frozen=True, slots=True)
class Deeds:
    """What is done to the attributes of objects of one SOP class."""

    top: dict[int, Deed]
    inside: dict[int, str]  # actions that may be combined, see `nested`
    private: dict[Private, Deed]
    others_private: Deed  # private elements that nothing is said of: KEEP, REMOVE, or CLEAN to keep the safe ones
    curves: Deed
    names: Deed  # values of VR PN that nothing is said of

    def nested(self, parent: int, tag: int) -> Deed | None:
        """Of an attribute in items of a sequence; None when nothing is said of it."""
        action = self.inside.get(tag)
        if action is None:
            return None
        if action == "X/Z/U*":  # references between objects, in macros whose Types are not in the table
            return Deed.UIDS_INSIDE
        return _patient(tag, resolve(action, types().inside(parent, tag)))


class Plan:
    """What one level does.

    Args:
        level: that changes something.

    Raises:
        BadConfiguration: it names an attribute that is none.
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        self._private = dict[Private, Deed]()
        self._actions = dict(_of_base(level))
        self._chosen = set[int]()  # what the level names itself
        for text, action in level.actions:
            attribute = parse_attribute(text)
            if isinstance(attribute, int):
                self._actions[attribute] = _ACTIONS[action]
                self._chosen.add(attribute)
            else:
                self._private[attribute] = Deed(_ACTIONS[action])
        self._by_class = dict[str, Deeds]()

    @property
    def is_deidentified(self) -> bool:
        """Whether the result says so of itself."""
        return self.level.base is Base.DEIDENTIFIED

    @property
    def maps_uids(self) -> bool:
        """Whether studies go by other UIDs."""
        return self.is_deidentified and Option.RETAIN_UIDS not in self.level.options

    def deed_of(self, keyword: str) -> Deed:
        """What becomes of a study's attribute in an answer; where Types matter, as for most images."""
        tag = tag_for_keyword(keyword) or 0
        action = self._actions.get(tag, "K")
        return _patient(tag, resolve(action, 2))

    def of(self, sop_class_uid: str) -> Deeds:
        """For objects of one SOP class."""
        known = self._by_class.get(sop_class_uid)
        if known is None:
            if len(self._by_class) > 1_000:  # there are fewer; more are made up
                self._by_class.clear()
            known = self._by_class[sop_class_uid] = self._work_out(sop_class_uid)
        return known

    def _work_out(self, sop_class_uid: str) -> Deeds:
        of_types, options = types(), self.level.options
        top = {
            tag: _patient(tag, resolve(action, of_types.at_top(tag, sop_class_uid)))
            for tag, action in self._actions.items()
        }
        deidentified = self.is_deidentified
        curves = Deed.REMOVE if deidentified else Deed.KEEP  # also by Clean Graphics: nobody can tell what they draw
        others = Deed(table().private.chosen(options)) if deidentified else Deed.KEEP
        if deidentified:
            top |= self._overlays()
        names = Deed.KEEP if self.level.base is Base.FULL else Deed.EMPTY
        return Deeds(top, self._actions, self._private, others, curves, names)

    def _overlays(self) -> dict[int, Deed]:
        rows = table().overlays
        return {
            group << 16 | number: Deed(row.chosen(self.level.options))
            for group in _GROUPS_OF_OVERLAYS
            for number, row in rows.items()
            if group << 16 | number not in self._chosen
        }


def _patient(tag: int, deed: Deed) -> Deed:
    """A patient's name and number are not emptied but given the pseudonym, which Z and D allow."""
    return Deed.PATIENT if tag in _PATIENT_TAGS and deed in (Deed.EMPTY, Deed.DUMMY) else deed


def _of_base(level: Level) -> dict[int, str]:
    if level.base is Base.DEIDENTIFIED:
        return {tag: row.chosen(level.options) for tag, row in table().rows.items()}
    if level.base is Base.OBSCURED:
        return {**_obscured(), **(_without_ids() if level.hides_ids else {})}
    return {}


@cache
def _obscured() -> dict[int, str]:
    """Names, addresses and telephones of patients, physicians and whoever else took part."""
    found = {PATIENT_NAME: "Z"}
    for tag, row in table().rows.items():
        keyword = keyword_for_tag(tag)
        if _PERSONAL.fullmatch(keyword) or _IDENTIFICATION.fullmatch(keyword):
            found[tag] = "D" if "D" in row.basic else "Z" if row.basic == "Z" else "X"
        elif vr_of(tag, signed=False) == b"PN":
            found[tag] = row.basic if row.basic in ("D", "Z/D", "X/Z/D") else "Z"
    return found


def _without_ids() -> dict[int, str]:
    """Numbers of patients and requests."""
    found = {PATIENT_ID: "D"}
    found |= {tag: "X" for tag in map(tag_for_keyword, _IDS) if tag}
    return found | {tag: "Z" for tag in map(tag_for_keyword, _EMPTY_IDS) if tag}
