"""Tokens: who belongs to a group, believed on an admin's word alone, and read by members alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.tokens import Belonging, TokenRefusal, refusal, token_places, token_record
from idas_p2p.crypto.box import seal
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import check_record, sign_record
from idas_p2p.limits import BLIND_PERIOD, MAX_CLOCK_SKEW, MAX_RECORD_SIZE, RECORD_LIFETIME
from idas_p2p.wire.federation import Secrets
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode
from tests.access.region import ANNA, BERT, CARL, EVE
from tests.directory.network import MemoryNetwork, nodes
from tests.directory.virtual import LoopClock, in_virtual_time

SECRETS = Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32)
BLINDER = Blinder(SECRETS)
NOW = 10.0 * BLIND_PERIOD
LATER = NOW + 86_400.0
GROUP = "Radiology"
ADMINS = [ANNA.node_id]


def token(issuer: SigningKey = ANNA, member: SigningKey = BERT, **how: Any) -> Record:
    about = Belonging(member=member.node_id, group=GROUP, user=how.pop("user", ""), vouches=how.pop("vouches", False))
    return token_record(issuer, BLINDER, about, **{"expires": LATER, "now": NOW, **how})


def refused(
    record: Record, member: SigningKey = BERT, group: str = GROUP, now: float = NOW, **more: Any
) -> TokenRefusal | None:
    about = Belonging(member=member.node_id, group=group, **more)
    return refusal(BLINDER, record, about, admins=ADMINS, now=now)


ABOUT = Belonging(member=BERT.node_id, group=GROUP)


def test_an_admins_token_proves_membership_in_any_spelling_of_the_group() -> None:
    assert refused(token()) is None
    assert refused(token(), group=" RADIOLÓGY ") is None


def test_a_token_proves_nothing_of_another_member_or_group() -> None:
    assert refused(token(), member=CARL) is TokenRefusal.FORGED
    assert refused(token(), group="Cardiology") is TokenRefusal.FORGED


def test_a_member_that_is_no_admin_makes_nobody_a_member_of_a_group() -> None:
    assert refused(token(issuer=BERT)) is TokenRefusal.NOT_ADMIN


def test_a_members_own_word_makes_its_user_a_member_of_a_group_and_nobody_elses_user() -> None:
    record = token(issuer=BERT, user="dr.b")
    assert refused(record, user="dr.b") is None
    assert refused(record, user="dr.c") is TokenRefusal.FORGED
    assert refused(record, member=CARL, user="dr.b") is TokenRefusal.FORGED
    assert refused(record) is TokenRefusal.FORGED
    assert refused(token(issuer=CARL, user="dr.b"), user="dr.b") is TokenRefusal.NOT_ADMIN
    assert refused(token(issuer=ANNA, user="dr.b"), user="dr.b") is TokenRefusal.NOT_ADMIN


def test_leave_to_vouch_for_a_group_is_an_admins_to_give_and_is_no_membership() -> None:
    leave = token(vouches=True)
    assert refused(leave, vouches=True) is None
    assert refused(leave) is TokenRefusal.FORGED
    assert refused(token(), vouches=True) is TokenRefusal.FORGED
    assert refused(token(issuer=BERT, vouches=True), vouches=True) is TokenRefusal.NOT_ADMIN


def test_a_token_ends_a_clocks_error_after_its_date() -> None:
    assert refused(token(expires=NOW - MAX_CLOCK_SKEW + 1)) is None
    assert refused(token(expires=NOW - MAX_CLOCK_SKEW)) is TokenRefusal.EXPIRED


def test_a_token_that_is_taken_back_proves_nothing_and_follows_the_one_it_takes_back() -> None:
    given_, taken = token(), token(withdrawn=True, now=NOW + 1)
    assert refused(taken) is TokenRefusal.WITHDRAWN
    assert (taken.key, taken.writer) == (given_.key, given_.writer)
    assert taken.sequence > given_.sequence


def test_a_token_copied_into_another_slot_is_forged() -> None:
    place = token_places(BLINDER, ABOUT, now=NOW)[0]
    assert refused(sign_record(place, EVE, token().payload, now=NOW)) is TokenRefusal.FORGED


def test_a_token_is_a_record_that_any_storing_node_takes_and_shows_neither_issuer_nor_member() -> None:
    record = token()
    assert check_record(record, now=NOW) is None
    assert len(record.to_bytes()) <= MAX_RECORD_SIZE
    for secret in (ANNA.node_id.raw, BERT.node_id.raw, b"adiology"):
        assert secret not in record.to_bytes()


def test_whoever_lacks_the_epochs_secrets_finds_and_reads_nothing() -> None:
    other = Blinder(Secrets(read=b"x" * 32, write=SECRETS.write, psk=SECRETS.psk))
    assert refusal(other, token(), ABOUT, admins=ADMINS, now=NOW) is TokenRefusal.FORGED
    elsewhere = Blinder(Secrets(read=SECRETS.read, write=b"x" * 32, psk=SECRETS.psk))
    assert token().location not in {p.public for p in token_places(elsewhere, ABOUT, now=NOW)}


def test_a_token_is_found_and_believed_after_places_have_moved() -> None:
    late = token(now=NOW - 1, expires=NOW + RECORD_LIFETIME)
    assert refused(late, now=NOW + RECORD_LIFETIME / 2) is None


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_for_a_payload_are_refused(payload: bytes, is_sealed: bool) -> None:
    place = token_places(BLINDER, ABOUT, now=NOW)[0]
    if is_sealed:
        payload = seal(BLINDER.payload_key(place.public), payload, pad_to=16)
    assert refused(sign_record(place, ANNA, payload, now=NOW)) is TokenRefusal.FORGED


@in_virtual_time
async def test_a_holder_reads_a_members_token_from_the_directory() -> None:
    clock = LoopClock()
    async with nodes(MemoryNetwork().open, clock=clock) as group:
        first = await group.start("first", host="10.0.0.1", port=700)
        holder = await group.start("holder", contacts=[group.running[first]], host="10.0.0.2")
        assert await holder.wait_joined(10.0)
        now = clock.now()
        await first.put([token(now=now, expires=now + 86_400)])
        place = token_places(BLINDER, ABOUT, now=now)[0]
        (found,) = await holder.get(place.node_id.kademlia_id)
        assert refused(found, now=now) is None


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/tokens.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    blinder = Blinder(decode(Secrets, bytes.fromhex(vector["secrets"]), max_size=256))
    member, admin = NodeId.parse(vector["member"]), NodeId.parse(vector["admin"])
    about = Belonging(member=member, group=vector["group"], user=vector["user"], vouches=vector["vouches"])
    places = token_places(blinder, about, now=vector["now"])
    assert places[0].public.hex() == vector["location"]
    record = Record.from_bytes(bytes.fromhex(vector["record"]))
    why = refusal(blinder, record, about, admins=[admin], now=vector["now"])
    assert (why or "success") == vector["outcome"]
