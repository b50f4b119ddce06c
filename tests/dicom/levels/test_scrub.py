from __future__ import annotations

import pytest

from idas_p2p.dicom.levels.rebuild import Place
from idas_p2p.dicom.levels.scrub import Scrubber
from idas_p2p.dicom.levels.text import Identity
from idas_p2p.dicom.levels.tree import Element

WHO = Identity(("Chest^Doering",), ("PID-4711",), ("ascii",))


def decided(vr: bytes, value: bytes, *, tag: int = 0x00189005) -> object:
    element = Element(tag, vr, 0, 0, len(value))
    return Scrubber(value, WHO, ("ascii",)).decide(element, Place(0, [element], False))


@pytest.mark.parametrize(
    ("vr", "value", "left"),
    [
        (b"LO", b"for Doering 5mm", b"for 5mm"),
        (b"SH", b"PID-4711", b"REMOVED"),
        (b"UN", b"\0\1pid-4711\2", b"\0\1        \2"),
        (b"CS", b"CHEST DOERING", b"REMOVED"),
        (b"CS", b"X DOERING", b"X"),
    ],
)
def test_an_identifier_is_cut_out_of_text_and_blanked_elsewhere(vr: bytes, value: bytes, left: bytes) -> None:
    assert decided(vr, value) == left


@pytest.mark.parametrize(
    ("vr", "value"),
    [(b"LO", b"chest 5mm"), (b"CS", b"CHEST"), (b"DS", b"4711"), (b"OW", b"\1doer\2"), (b"OB", b"\1\2")],
)
def test_what_names_nobody_and_terms_and_numbers_stay(vr: bytes, value: bytes) -> None:
    assert decided(vr, value) is None


@pytest.mark.parametrize("tag", [0x00080060, 0x00280004, 0x0040A010, 0x0040A040, 0x0040A050])
def test_terms_that_hold_an_object_together_stay_even_where_a_name_has_such_a_word(tag: int) -> None:
    assert decided(b"CS", b"DOERING") == b"REMOVED"
    assert decided(b"CS", b"DOERING", tag=tag) is None


def test_the_pseudonym_is_left_alone() -> None:
    assert decided(b"PN", b"Doering ", tag=0x00100010) is None
