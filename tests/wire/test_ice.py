"""Terms of a connection by UDP: what they may hold."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.ice import MAX_CANDIDATES, OF_HOST, REFLEXIVE, IceCandidate, IceTerms
from idas_p2p.wire.schema import decode, encode

HERE = IceCandidate(OF_HOST, Address("2001:db8::7", 40_000))
TERMS = {"user": "q8Vb", "password": "a/b+" * 6, "fingerprint": bytes(32), "candidates": (HERE,)}


@pytest.mark.parametrize("address", ["printer.local:5353", "192.0.2.1:0", "[fe80::1%eth0]:9"])
def test_a_candidate_is_never_a_name_nor_of_one_link_only(address: str) -> None:
    with pytest.raises(WireError):
        IceCandidate(REFLEXIVE, Address.parse(address))


@pytest.mark.parametrize("field", ["user", "password"])
@pytest.mark.parametrize("text", ["a b c d e f g h i j k l", "ä" * 22, "a\r\na=ice-options:trickle"])
def test_texts_hold_nothing_that_could_be_taken_for_more_than_a_text(field: str, text: str) -> None:
    with pytest.raises(WireError):
        IceTerms(**{**TERMS, field: text})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "abc"},
        {"password": "a" * 21},
        {"fingerprint": bytes(31)},
        {"candidates": (HERE,) * (MAX_CANDIDATES + 1)},
    ],
)
def test_terms_of_another_size_do_not_decode(wrong: dict[str, object]) -> None:
    whole = IceTerms(**TERMS)  # type: ignore[arg-type]
    assert decode(IceTerms, encode(whole), max_size=1_000) == whole
    with pytest.raises(WireError):
        decode(IceTerms, encode(IceTerms(**{**TERMS, **wrong})), max_size=1_000)  # type: ignore[arg-type]


def test_a_password_does_not_print_itself() -> None:
    assert "a/b+" not in repr(IceTerms(**TERMS))  # type: ignore[arg-type]
