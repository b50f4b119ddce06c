"""Attributes as an operator names them: by keyword, by tag, or by tag and creator where private.

    StudyDescription        (0008,1030)        (0019,xx23)GEMS_ACQU_01

Belongs here: reading them. Not here: what is done to the attributes (plan.py).
"""

from __future__ import annotations

import re
from typing import Final

from pydicom.datadict import tag_for_keyword

from idas_p2p.dicom.levels.private import Private
from idas_p2p.errors import BadConfiguration

_TAG: Final = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
_PRIVATE: Final = re.compile(r"\(([0-9A-Fa-f]{4}),[xX]{2}([0-9A-Fa-f]{2})\)(.{1,64})")
FIXED: Final = frozenset({0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E})
"""Character set and SOP class, without which nobody could read the object, and the UIDs it is asked for by."""


def parse_attribute(text: str) -> int | Private:
    """The tag of a standard attribute, or what names a private one.

    Raises:
        BadConfiguration: it names no attribute, or one that must stay as it is.
    """
    if match := _PRIVATE.fullmatch(text):
        group = int(match[1], 16)
        if group % 2:
            return match[3], group, int(match[2], 16)
        raise BadConfiguration(f"attribute {text}: private groups are odd")
    match = _TAG.fullmatch(text)
    tag = int(match[1] + match[2], 16) if match else tag_for_keyword(text)
    if tag is None or not text:
        raise BadConfiguration(f"attribute {text!r}: write a keyword of DICOM, (gggg,eeee), or (gggg,xxee)CREATOR")
    if tag in FIXED or tag >> 16 >= 0x7FE0 or tag >> 16 < 0x0008:
        raise BadConfiguration(f"attribute {text}: this one must stay as it is")
    if tag >> 16 & 1:
        raise BadConfiguration(f"attribute {text}: name the creator of a private one: (gggg,xxee)CREATOR")
    return tag
