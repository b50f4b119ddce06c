"""Invitation codes: read as people type them, refused when mistyped, one code for one invitation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.admission import psk_id
from idas_p2p.access.invitation import PREFIX, Invitation, invitation_psk
from idas_p2p.crypto.box import seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.records import sign_record
from idas_p2p.errors import BadCode
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import InviteRecord
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from tests.access.region import ANNA, BERT

HOSTS = ["10.0.0.1", "2001:db8::7", "::1", "node.example.org", "n", "a" * 191, "aaaa", "a" * 16]
hosts = st.sampled_from(HOSTS)
invitations = st.builds(
    lambda secret, host, port, node: Invitation.of(BERT.node_id, secret, Contact(Address(host, port), NodeId(node))),
    st.binary(min_size=16, max_size=16),
    hosts,
    st.integers(0, 65_535),
    st.binary(min_size=32, max_size=32),
)
INVITATION = Invitation.of(ANNA.node_id, b"s" * 16, Contact(Address("10.0.0.1", 4_000), BERT.node_id))
CODE = INVITATION.to_code()
RECORD = InviteRecord(
    inviter=ANNA.node_id, federation_name="Region", addresses=(Address("10.0.0.1", 4_001),), expires=99
)


def left(payload: bytes) -> Record:
    return sign_record(INVITATION.location, INVITATION.location, payload, now=0.0)


@given(invitations)
def test_a_code_says_what_the_invitation_says(invitation: Invitation) -> None:
    assert Invitation.from_code(invitation.to_code()) == invitation


def test_a_code_is_short_enough_to_read_over_the_telephone() -> None:
    assert len(CODE) <= 144
    assert CODE.startswith(f"{PREFIX}-")


@pytest.mark.parametrize(
    "typed",
    [
        CODE.lower(),
        CODE.replace("-", " "),
        CODE.replace("-", ""),
        f"  {CODE}\n",
        CODE.replace("0", "O").replace("1", "l"),
        CODE.replace("1", "I").replace("0", "o"),
    ],
)
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert Invitation.from_code(typed) == INVITATION


@given(place=st.integers(len(PREFIX) + 1, len(CODE) - 1), digit=st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_digit_is_noticed(place: int, digit: str) -> None:
    typed = CODE[:place] + digit + CODE[place + 1 :]
    if CODE[place] in (digit, "-"):
        return
    with pytest.raises(BadCode):
        Invitation.from_code(typed)


@given(st.text(max_size=120) | st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", max_size=450).map(lambda t: PREFIX + t))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    with pytest.raises(BadCode):
        Invitation.from_code(text)


@pytest.mark.parametrize("typed", [CODE[:-1], CODE[:-7], f"{CODE}0", f"{CODE}-000000", f"{CODE}Z", "IDAS3" + CODE[5:]])
def test_a_code_cut_short_or_with_something_added_is_refused(typed: str) -> None:
    with pytest.raises(BadCode):
        Invitation.from_code(typed)


def test_a_code_of_the_first_version_is_refused_by_name() -> None:
    with pytest.raises(BadCode, match="IDAS1 codes are of an earlier version"):
        Invitation.from_code("IDAS1" + CODE[5:])


def test_whoever_holds_an_open_code_cannot_pose_as_the_inviter() -> None:
    eves = replace(RECORD, inviter=BERT.node_id)
    with pytest.raises(BadCode, match="another inviter than who made the code"):
        Invitation.from_code(CODE).open_record(left(INVITATION.seal_record(eves)))


def test_a_second_spelling_of_the_same_host_is_refused() -> None:
    from idas_p2p.access.invitation import _check, _to_base32

    body = b"s" * 32 + ANNA.node_id.raw + (4_000).to_bytes(2, "big") + bytes((64 + 8,)) + b"10.0.0.1"
    with pytest.raises(BadCode, match="no address"):
        Invitation.from_code(PREFIX + _to_base32(body + _check(body)))


@pytest.mark.parametrize("host", ["a" * 192, "klinik-süd.example"])
def test_a_host_name_that_no_code_can_hold_is_refused_when_the_code_is_made(host: str) -> None:
    with pytest.raises(BadCode, match="at most 191 ASCII"):
        Invitation.of(ANNA.node_id, b"s" * 16, Contact(Address(host, 1), ANNA.node_id))


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(BadCode, match="length"):
        replace(INVITATION, secret=b"short")


def test_the_joining_machine_reads_what_the_inviter_left() -> None:
    assert Invitation.from_code(CODE).open_record(left(INVITATION.seal_record(RECORD))) == RECORD


def test_what_another_left_at_the_place_is_refused() -> None:
    stranger = replace(INVITATION, secret=b"t" * 16)
    with pytest.raises(BadCode, match="damaged"):
        INVITATION.open_record(left(stranger.seal_record(RECORD)))


def test_what_is_sealed_rightly_but_is_no_record_is_refused() -> None:
    with pytest.raises(BadCode, match="damaged"):
        INVITATION.open_record(left(seal(derive(INVITATION.secret, "idas inv record"), b"?", pad_to=64)))


def test_place_key_and_psk_follow_from_the_secret_alone() -> None:
    elsewhere = replace(INVITATION, contact=Contact(Address("::1", 1), BERT.node_id))
    assert elsewhere.location.public == INVITATION.location.public
    assert elsewhere.psk == INVITATION.psk == invitation_psk(b"s" * 16)
    assert replace(INVITATION, secret=b"t" * 16).location.public != INVITATION.location.public


def test_an_invitation_never_prints_its_secret() -> None:
    assert repr(INVITATION) == "Invitation(…)"


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/invitations.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    if vector["outcome"] == "refused":
        with pytest.raises(BadCode):
            Invitation.from_code(vector["code"])
        return
    found = Invitation.from_code(vector["code"])
    assert (found.secret.hex(), str(found.contact)) == (vector["secret"], vector["contact"])
    assert found.inviter_seal.hex() == vector["inviter_seal"]
    assert found.location.public.hex() == vector["location"]
    assert (found.psk.hex(), psk_id(found.psk).hex()) == (vector["psk"], vector["psk_id"])
