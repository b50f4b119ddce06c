from __future__ import annotations

import pytest

from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.values import dummy, moved, recoded, uids

OURS = Pseudonyms(bytes(32))


@pytest.mark.parametrize(
    "vr", [b"PN", b"DA", b"TM", b"DT", b"DS", b"IS", b"AS", b"UT", b"CS", b"SH", b"AE", b"US", b"OB"]
)
def test_a_dummy_is_not_empty_and_says_nothing_of_the_original(vr: bytes) -> None:
    value = dummy(vr, b"Doering^Jane", OURS)
    assert value
    assert b"Doering" not in value


def test_numbers_that_differed_still_do_and_fit_their_representation() -> None:
    codes = [dummy(b"SH", raw, OURS) for raw in (b"A1 ", b"A1", b"A2")]
    assert codes[0] == codes[1] != codes[2]
    assert len(codes[0]) <= 16


def test_several_uids_are_replaced_each() -> None:
    assert uids(b"1.2.3\\1.2.840.10008.1.2\0", OURS) == OURS.uid(b"1.2.3") + b"\\1.2.840.10008.1.2"


def test_dates_are_moved_each_and_what_is_none_becomes_a_dummy() -> None:
    assert moved(b"DA", b"20231105\\20231106", -5) == b"20231031\\20231101"
    assert moved(b"DA", b"Doering ", -5) == b"20000101"
    assert moved(b"DA", b"", -5) == b""


def test_changed_text_is_encoded_as_before_and_never_left_empty() -> None:
    assert recoded("Müller left", lambda text: text.replace(" left", ""), ("latin_1",)) == "Müller".encode("latin_1")
    assert recoded("Müller", lambda text: "", ("latin_1",)) == b"REMOVED"
    assert recoded("same", lambda text: text, ("ascii",)) is None
    assert recoded("山田 x", lambda text: "山田", ("latin_1",)) == b"REMOVED"
