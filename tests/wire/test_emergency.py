"""Fields of these messages: bounds, and nothing of them printed."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.emergency import MAX_REASON, EmergencyWanted
from idas_p2p.wire.schema import decode, encode

WANTED = EmergencyWanted(number=1, user="dr-lee", patient_id="4711", issuer="", reason="unconscious")


def test_a_patient_and_a_reason_are_never_printed() -> None:
    assert "4711" not in repr(WANTED)
    assert "unconscious" not in repr(WANTED)


def test_an_emergency_comes_back_as_it_was() -> None:
    assert decode(EmergencyWanted, encode(WANTED), max_size=10_000) == WANTED


@pytest.mark.parametrize(
    "fields", [[1, "u", "", "", "r"], [1, "u", "p", "", ""], [1, "u", "p", "", "r" * (MAX_REASON + 1)]]
)
def test_without_a_patient_or_a_reason_or_with_a_novel_it_is_no_message(fields: list[object]) -> None:
    with pytest.raises(WireError):
        decode(EmergencyWanted, pack(fields), max_size=10_000)
