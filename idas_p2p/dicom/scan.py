"""What an encoded instance says about itself, read from its head without decoding the rest.

Belongs here: the header of one instance. Not here: the walk over elements (walk.py), files (part10.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydicom.datadict import tag_for_keyword

from idas_p2p.blob import Blob
from idas_p2p.dicom.identifiers import checked_uid, study_from_text
from idas_p2p.dicom.walk import PixelData, read_elements
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.study import KEYWORDS, Study

_NAMES: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
_TAGS: Final = tuple(tag_for_keyword(keyword) or 0 for keyword in _NAMES)
_PADDING: Final = b" \0\t\r\n"
_KEYWORDS: Final = (*KEYWORDS, "Modality", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceHeader:
    """What identifies one instance; never prints itself. `study` counts this one instance only."""

    study: Study
    series_uid: str
    modality: str
    sop_class_uid: str
    sop_instance_uid: str
    pixel_data: PixelData | None

    def __repr__(self) -> str:
        return "InstanceHeader(…)"

    def instance(self, data: Blob, transfer_syntax_uid: str) -> Instance:
        """The instance these bytes are."""
        return Instance(
            study_uid=self.study.study_uid,
            series_uid=self.series_uid,
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            data=data,
        )


def header_of(data: Blob, transfer_syntax_uid: str) -> InstanceHeader:
    """Read the header of an encoded data set.

    Args:
        data: the data set, without preamble and file meta information.
        transfer_syntax_uid: how it is encoded.

    Raises:
        MalformedInstance: not such a data set, cut short, or without the UIDs every instance has.
    """
    elements = read_elements(data, transfer_syntax_uid, _KEYWORDS)
    text = elements.reader()
    of_one = {
        "ModalitiesInStudy": text("Modality"),
        "NumberOfStudyRelatedSeries": "1",
        "NumberOfStudyRelatedInstances": "1",
    }
    return InstanceHeader(
        study=study_from_text(lambda keyword: of_one[keyword] if keyword in of_one else text(keyword)),
        series_uid=checked_uid(text("SeriesInstanceUID")),
        modality=text("Modality")[:16],
        sop_class_uid=checked_uid(text("SOPClassUID")),
        sop_instance_uid=checked_uid(text("SOPInstanceUID")),
        pixel_data=elements.pixel_data,
    )


def bears_its_names(instance: Instance) -> bool:
    """Whether the data set itself holds the UIDs that the instance goes by; reads nothing else of it.

    Raises:
        MalformedInstance: not a data set, cut short before them, or they are no UIDs.
    """
    raw = read_elements(instance.data, instance.transfer_syntax_uid, _NAMES, only_these=True).values
    names = (instance.study_uid, instance.series_uid, instance.sop_class_uid, instance.sop_instance_uid)
    return all(
        raw.get(tag, b"").strip(_PADDING) == checked_uid(name).encode() for tag, name in zip(_TAGS, names, strict=True)
    )
