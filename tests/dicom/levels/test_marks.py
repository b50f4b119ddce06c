from __future__ import annotations

import pytest

from idas_p2p.access.levels import DEIDENTIFIED
from idas_p2p.dicom.levels.marks import CODES, METHOD, marks
from idas_p2p.wire.level import Option
from tests.dicom.levels.objects import with_options
from tests.dicom.levels.test_subject import head


def test_every_option_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(Option)
    assert sorted(code for code, _ in CODES.values()) == [str(number) for number in range(113101, 113113)]
    assert all(len(meaning) <= 64 for _, meaning in CODES.values())
    assert len(METHOD) <= 64


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), b"REMOVED"),
        ((Option.RETAIN_FULL_DATES,), b"UNMODIFIED"),
        ((Option.RETAIN_MODIFIED_DATES,), b"MODIFIED"),
    ],
)
def test_an_object_says_what_became_of_its_dates(options: tuple[Option, ...], said: bytes) -> None:
    found = dict(marks(with_options(*options), head(), was_cleaned=False))
    assert found[0x00280303][8:].strip() == said


def test_only_pixels_that_were_cleaned_are_said_to_be() -> None:
    level = with_options(Option.CLEAN_PIXEL_DATA)
    plain, cleaned = (dict(marks(level, head(), was_cleaned=was)) for was in (False, True))
    assert b"113101" not in plain[0x00120064]
    assert b"113101" in cleaned[0x00120064]
    assert cleaned[0x00280301].endswith(b"NO")
    assert 0x00280301 not in dict(marks(DEIDENTIFIED, head(), was_cleaned=False))
