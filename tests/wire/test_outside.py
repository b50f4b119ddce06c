"""Fields of these messages: bounds, and nothing of them printed."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.outside import PassOffer, PassWanted, SignInWanted
from idas_p2p.wire.schema import decode, encode
from idas_p2p.wire.study import Study

SIGN_IN = SignInWanted(aet="VIEWER", user="dr-lee", password="correct horse", seconds=60)
OFFER = PassOffer(
    institution="St. Anna",
    study=Study(study_uid="1.2.3", patient_name="CANARY^BIRD"),
    ticket=Ticket(level="full", expires=1, mac=bytes(16)),
    expires=1,
)


def test_neither_a_password_nor_a_patient_is_ever_printed() -> None:
    assert "horse" not in repr(SIGN_IN)
    assert "CANARY" not in repr(OFFER)


@pytest.mark.parametrize("message", [SIGN_IN, OFFER, PassWanted()])
def test_a_message_comes_back_as_it_was(message: object) -> None:
    assert decode(type(message), encode(message), max_size=10_000) == message


@pytest.mark.parametrize("seconds", [-1, 86_401])
def test_a_session_longer_than_a_day_is_no_message(seconds: int) -> None:
    data = encode(SIGN_IN)
    wrong = data[:-1] + {-1: b"\xff", 86_401: b"\xce\x00\x01\x51\x81"}[seconds]
    with pytest.raises(WireError):
        decode(SignInWanted, wrong, max_size=10_000)
