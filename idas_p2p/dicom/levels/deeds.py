"""One instance at one level: every element gets what the plan says, at every depth.

Law: nothing is kept that the plan takes away, whatever sequence it hides in; what the plan says nothing of is kept as
it is, but for names of people and private elements. Belongs here: deciding. Not here: the plan (plan.py), the bytes
(rebuild.py), identifiers in what is kept (scrub.py). Source: PS3.15 section E.1.1 and Table E.1-1a.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idas_p2p.dicom.charset import decode
from idas_p2p.dicom.levels import private, values
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import OVERLAY_DATA, PATIENT_NAME, Deeds
from idas_p2p.dicom.levels.private import Private
from idas_p2p.dicom.levels.rebuild import REMOVED, Decision, Enter, Place
from idas_p2p.dicom.levels.table import Deed
from idas_p2p.dicom.levels.text import Identity
from idas_p2p.dicom.levels.tree import Element
from idas_p2p.dicom.recode import vr_of

_CODE: Final = frozenset({0x00080100, 0x00080102, 0x00080103, 0x00080104, 0x00080119, 0x00080120})
"""What a coded entry says, PS3.3 Table 8.8-1: stays where other text is replaced, or dates and UIDs would be all."""

_SILENT: Final = values.TEXTS | {b"DA", b"DT", b"TM", b"UI", b"UR", b"AE", b"AS", b"UN"}
"""VRs whose values are replaced where everything that speaks is."""

_FREE_TEXT: Final = frozenset({b"LT", b"ST", b"UC", b"UT"})
"""VRs of what somebody wrote; cleaned where a whole sequence is."""

_STUDY_DATE: Final = 0x00080020
_STUDY_UID: Final = 0x0020000D
_OVERLAY_TYPE: Final = 0x0040  # element of (60xx,eeee): R for a region, G for graphics that may be text


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """Whom and what an instance is about; never prints itself."""

    patient: bytes  # what the patient is called at this level
    shift: int  # days
    identity: Identity
    codecs: tuple[str, ...]
    declared_safe: frozenset[Private] = frozenset()

    def __repr__(self) -> str:
        return "Subject(…)"


class Doer:
    """Decides for the elements of one instance (rebuild.Decider).

    Args:
        data: what the offsets of elements mean.
        deeds: of its SOP class.
        subject: whom it is about.
        pseudonyms: of the project.
    """

    def __init__(self, data: bytes, deeds: Deeds, subject: Subject, pseudonyms: Pseudonyms) -> None:
        self._data, self._deeds, self._subject, self._pseudonyms = data, deeds, subject, pseudonyms
        self._top = deeds.top
        self._block: tuple[Place | None, dict[int, str]] = None, {}
        self._do: dict[Deed, Callable[[Element, Place], Decision]] = {
            Deed.KEEP: self._keep,
            Deed.REMOVE: lambda element, place: REMOVED,
            Deed.EMPTY: lambda element, place: b"",
            Deed.DUMMY: self._replace,
            Deed.CLEAN: self._clean,
            Deed.UID: self._new_uids,
            Deed.UIDS_INSIDE: self._keep,
            Deed.PATIENT: lambda element, place: self._subject.patient,
        }

    def decide(self, element: Element, place: Place) -> Decision:
        """What becomes of an element."""
        tag = element.tag
        deed = self._top.get(tag) if not place.parent else self._deeds.nested(place.parent, tag)
        if deed is not None:
            return self._do[deed](element, place)
        if tag & 0x10000:
            return self._private(element, place)
        if not tag & 0xFFFF:  # group lengths are wrong after this, and retired
            return REMOVED
        if place.dummy:
            return self._silence(element, place)
        if element.items is not None:
            return Enter(clean=place.clean)
        if place.clean and element.vr in _FREE_TEXT:
            return self._clean(element, place)
        if element.vr == b"PN" or (element.vr == b"UN" and vr_of(tag, signed=False) == b"PN"):
            return self._do[self._deeds.names](element, place)
        if tag >= 0x50000000:
            return self._repeating(element, place)
        return None

    def _keep(self, element: Element, place: Place) -> Decision:
        return Enter(place.dummy, place.clean) if element.items is not None else None

    def _replace(self, element: Element, place: Place) -> Decision:
        if element.items is not None:
            return Enter(dummy=True)
        if element.vr == b"SQ" or (element.vr == b"UN" and element.end == element.value):
            return None
        if element.tag == PATIENT_NAME:
            return self._subject.patient
        return values.dummy(element.vr, self._data[element.value : element.end], self._pseudonyms)

    def _new_uids(self, element: Element, place: Place) -> Decision:
        if element.items is not None:
            return Enter(place.dummy, place.clean)
        return values.uids(self._data[element.value : element.end], self._pseudonyms)

    def _clean(self, element: Element, place: Place) -> Decision:
        if element.items is not None:
            return Enter(clean=True)
        vr, raw = element.vr, self._data[element.value : element.end]
        if vr in (b"DA", b"DT"):
            return values.moved(vr, raw, self._subject.shift)
        if vr in values.TEXTS - {b"PN"}:
            text = decode(raw, self._subject.codecs)
            return values.recoded(text, self._subject.identity.cleaned, self._subject.codecs)
        if vr in (b"TM", b"AS", b"CS", b"DS", b"IS"):  # a time of day tells nobody; the rest are terms and numbers
            return None
        if element.tag >> 24 == 0x60 and element.tag & 0xFFFF == OVERLAY_DATA:
            return None if self._is_region(element, place) else REMOVED
        return values.dummy(vr, raw, self._pseudonyms)

    def _silence(self, element: Element, place: Place) -> Decision:
        """Where everything that speaks is replaced: text, dates and UIDs, but for the codes that give it its form."""
        if element.items is not None:
            return Enter(dummy=True)
        if element.vr not in _SILENT:
            return None
        if element.tag in _CODE and "D" not in self._deeds.inside.get(place.parent, ""):
            return None
        return self._replace(element, place)

    def _private(self, element: Element, place: Place) -> Decision:
        deeds, tag = self._deeds, element.tag
        if deeds.others_private is Deed.REMOVE and not deeds.private:
            return REMOVED
        if private.is_creator(tag) and deeds.others_private is Deed.KEEP:
            return None
        creators = self._creators(place)
        if private.is_creator(tag):
            block = tag >> 16 << 8 | tag & 0xFF
            used = (one for one in place.siblings if one.tag >> 8 == block and not private.is_creator(one.tag))
            return None if any(self._private_deed(one, creators) is not Deed.REMOVE for one in used) else REMOVED
        if element.tag & 0xFFFF <= 0xFF:
            return REMOVED if deeds.others_private is not Deed.KEEP else None
        return self._do[self._private_deed(element, creators)](element, place)

    def _private_deed(self, element: Element, creators: dict[int, str]) -> Deed:
        name = private.private_of(element, creators)
        chosen = self._deeds.private.get(name)
        if chosen is not None:
            return chosen
        others = self._deeds.others_private
        if others is Deed.CLEAN:
            is_safe = name in private.safe() or name in self._subject.declared_safe
            return self._safe_deed(element, name) if is_safe else Deed.REMOVE
        if others is Deed.KEEP and self._deeds.names is not Deed.KEEP and not self._is_harmless(element, name):
            return Deed.EMPTY
        return others

    def _safe_deed(self, element: Element, name: Private) -> Deed:
        """What becomes of a safe element: as of a standard one of its VR that is kept."""
        if element.vr == b"UI" or name in private.safe_uids():
            return self._top.get(_STUDY_UID, Deed.KEEP)
        if name in private.sequences() and element.items is None and element.end > element.value:
            return Deed.REMOVE  # in implicit VR, where nobody sees what is in it
        if element.vr in (b"DA", b"DT"):
            return Deed.KEEP if self._top.get(_STUDY_DATE) is Deed.KEEP else Deed.CLEAN
        return Deed.CLEAN if element.vr in values.TEXTS else Deed.KEEP

    @staticmethod
    def _is_harmless(element: Element, name: Private) -> bool:
        return element.vr != b"PN" and name not in private.personal()

    def _creators(self, place: Place) -> dict[int, str]:
        if self._block[0] is not place:
            self._block = place, private.creators_of(self._data, place.siblings)
        return self._block[1]

    def _repeating(self, element: Element, place: Place) -> Decision:
        """Curves and overlays: a plane without its data goes whole, or it would not be valid."""
        group, deed = element.tag >> 16, self._top.get(element.tag)
        if deed is not None:  # in a sequence, where no overlay belongs
            return self._do[deed](element, place)
        if group >> 8 == 0x50:
            return self._do[self._deeds.curves](element, place)
        data_tag = group << 16 | OVERLAY_DATA
        if group >> 8 == 0x60 and data_tag in self._top:
            data = next((one for one in place.siblings if one.tag == data_tag), None)
            if data is None or self.decide(data, place) is REMOVED:
                return REMOVED
        return None

    def _is_region(self, element: Element, place: Place) -> bool:
        kind = next((one for one in place.siblings if one.tag == element.tag & 0xFFFF0000 | _OVERLAY_TYPE), None)
        return kind is not None and self._data[kind.value : kind.end].strip(b" \0") == b"R"
