from __future__ import annotations

import pytest

from idas_p2p.dicom.levels.names import parse_attribute
from idas_p2p.errors import BadConfiguration


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("StudyDescription", 0x00081030),
        ("(0008,1030)", 0x00081030),
        ("(0019,xx23)GEMS_ACQU_01", ("GEMS_ACQU_01", 0x0019, 0x23)),
    ],
)
def test_an_attribute_is_named_by_keyword_tag_or_creator(text: str, meant: object) -> None:
    assert parse_attribute(text) == meant


@pytest.mark.parametrize(
    "text",
    ["Nonsense", "(0008,103)", "SOPClassUID", "StudyInstanceUID", "(7FE0,0010)", "(0019,1023)", "(0018,xx23)EVEN", ""],
)
def test_what_names_no_attribute_or_one_that_must_stay_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration):
        parse_attribute(text)
