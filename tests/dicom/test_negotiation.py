from __future__ import annotations

import pytest

from idas_p2p.dicom.negotiation import QueryOptions, agreed, options_of

FIND, MOVE, CT = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    ("uid", "offered", "answer"),
    [
        (FIND, b"\1\1\1\1\1", b"\1\1\1\0\0"),
        (FIND, b"\0\1\0", b"\0\1\0"),
        (FIND, b"\1", b"\1"),
        (FIND, b"\7\1\1\1\1\1\1", b"\0\1\1\0\0"),
        (MOVE, b"\1\1", b"\1\0"),
    ],
)
def test_what_both_can_do_is_agreed(uid: str, offered: bytes, answer: bytes) -> None:
    assert agreed({uid: offered}) == {uid: answer}


@pytest.mark.parametrize(("uid", "offered"), [(CT, b"\1\1"), (FIND, b"")])
def test_an_offer_that_means_nothing_is_not_answered(uid: str, offered: bytes) -> None:
    assert agreed({uid: offered}) == {}


def test_options_follow_from_the_answer_and_are_off_without_one() -> None:
    assert options_of(b"") == QueryOptions()
    assert options_of(b"\1\0\1") == QueryOptions(relational=True, fuzzy_names=True)
    assert options_of(b"\0\1\0\0\0") == QueryOptions(combined_times=True)
