"""Blind places: members meet there; whoever lacks the epoch's secrets finds and reads nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.blinding import Blinder
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import check_record, sign_record
from idas_p2p.errors import BadSignature
from idas_p2p.limits import BLIND_PERIOD, MAX_CLOCK_SKEW, MAX_RECORD_SIZE, RECORD_LIFETIME
from idas_p2p.wire.federation import Claim, Secrets
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode, encode
from idas_p2p.wire.terms import Field, Term
from tests.access.region import ANNA, BERT

SECRETS = Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32)
BLINDER = Blinder(SECRETS)
TERM = Term(Field.STUDY, "1.2.3")
NOW = 10.0 * BLIND_PERIOD
PLACE = BLINDER.place(TERM, now=NOW)


def claim(identity: SigningKey = ANNA, *, count: int = 7, withdrawn: bool = False) -> Record:
    return BLINDER.claim_record(identity, PLACE, count=count, withdrawn=withdrawn, now=NOW)


def payload_key(record: Record) -> bytes:
    return BLINDER.payload_key(record.location)


def test_a_claim_is_read_by_every_member_of_the_epoch() -> None:
    found = Blinder(SECRETS).read_claim(claim(count=7))
    assert (found.holder, found.count, found.withdrawn) == (ANNA.node_id, 7, False)
    assert Blinder(SECRETS).read_claim(claim(withdrawn=True)).withdrawn


def test_a_claim_is_a_record_that_any_storing_node_takes() -> None:
    record = claim()
    assert check_record(record, now=NOW) is None
    assert record.key == PLACE.node_id.kademlia_id
    assert len(record.to_bytes()) <= MAX_RECORD_SIZE


def test_the_record_shows_neither_the_holder_nor_the_term() -> None:
    for secret in (ANNA.node_id.raw, b"1.2.3"):
        assert secret not in claim().to_bytes()


def test_every_claim_has_the_same_size_whatever_it_says() -> None:
    assert len({len(claim(count=n, withdrawn=w).payload) for n in (0, 70_000) for w in (True, False)}) == 1


@pytest.mark.parametrize("term", [Term(Field.STUDY, "1.2.4"), Term(Field.PATIENT, "1.2.3")])
def test_another_field_or_value_has_another_place(term: Term) -> None:
    assert BLINDER.place(term, now=NOW).public != PLACE.public


@pytest.mark.parametrize(("secret", "moves"), [("write", True), ("read", False), ("psk", False)])
def test_places_follow_from_the_write_secret_alone(secret: str, moves: bool) -> None:
    other = Blinder(replace(SECRETS, **{secret: b"x" * 32}))
    assert (other.place(TERM, now=NOW).public != PLACE.public) == moves


def test_a_place_moves_when_the_period_ends_not_before() -> None:
    assert BLINDER.place(TERM, now=NOW + BLIND_PERIOD - 1).public == PLACE.public
    assert BLINDER.place(TERM, now=NOW + BLIND_PERIOD).public != PLACE.public


def test_readers_look_at_the_former_place_while_a_record_there_can_be_alive() -> None:
    moved = NOW + BLIND_PERIOD
    assert [place.public for place in BLINDER.places_to_read(TERM, now=moved - 1)] == [PLACE.public]
    for after in (0.0, RECORD_LIFETIME - 1):
        here, before = BLINDER.places_to_read(TERM, now=moved + after)
        assert (here.public, before.public) == (BLINDER.place(TERM, now=moved).public, PLACE.public)
    assert len(BLINDER.places_to_read(TERM, now=moved + RECORD_LIFETIME + MAX_CLOCK_SKEW)) == 1


def test_a_claim_is_written_at_one_place_and_withdrawn_wherever_it_may_be() -> None:
    moved = NOW + BLIND_PERIOD
    (here,) = BLINDER.places_to_write(TERM, withdrawn=False, now=moved)
    assert here.public == BLINDER.place(TERM, now=moved).public
    both = BLINDER.places_to_write(TERM, withdrawn=True, now=moved)
    assert [place.public for place in both] == [here.public, PLACE.public]


def test_a_writers_name_differs_between_places_and_stays_at_one() -> None:
    elsewhere = BLINDER.claim_record(ANNA, BLINDER.place(Term(Field.STUDY, "9"), now=NOW), count=0, now=NOW)
    assert claim().writer == claim(count=8).writer != elsewhere.writer
    assert claim().writer not in (ANNA.public, claim(BERT).writer)


def test_the_secrets_of_another_epoch_open_nothing() -> None:
    with pytest.raises(BadSignature):
        Blinder(replace(SECRETS, read=b"x" * 32)).read_claim(claim())


def test_a_claim_copied_into_the_copiers_slot_is_refused() -> None:
    record = claim()
    copied = sign_record(PLACE, BERT, record.payload, now=NOW)
    with pytest.raises(BadSignature):
        BLINDER.read_claim(copied)


def test_a_claim_copied_to_another_place_is_refused() -> None:
    record = claim()
    other = BLINDER.place(Term(Field.STUDY, "9"), now=NOW)
    resealed = seal(
        BLINDER.payload_key(other.public), open_sealed(payload_key(record), record.payload, padded=True), pad_to=64
    )
    with pytest.raises(BadSignature):
        BLINDER.read_claim(replace(record, location=other.public, payload=resealed))


def test_a_claim_whose_life_was_prolonged_is_refused() -> None:
    record = claim()
    with pytest.raises(BadSignature):
        BLINDER.read_claim(replace(record, expires=record.expires + 1))


def test_a_member_cannot_claim_for_another() -> None:
    record = claim(BERT)
    said = decode(Claim, open_sealed(payload_key(record), record.payload, padded=True), max_size=1_024)
    forged = seal(payload_key(record), encode(replace(said, holder=ANNA.node_id)), pad_to=64)
    with pytest.raises(BadSignature):
        BLINDER.read_claim(replace(record, payload=forged))


def test_what_a_member_sealed_that_is_no_claim_is_refused() -> None:
    nonsense = sign_record(PLACE, ANNA, seal(payload_key(claim()), b"\xc1", pad_to=64), now=NOW)
    with pytest.raises(BadSignature, match="not a claim"):
        BLINDER.read_claim(nonsense)


@given(st.binary(max_size=300))
def test_any_bytes_a_member_sealed_are_a_claim_or_refused(message: bytes) -> None:
    sealed = sign_record(PLACE, ANNA, seal(payload_key(claim()), message, pad_to=16), now=NOW)
    with pytest.raises(BadSignature):
        BLINDER.read_claim(sealed)


@given(st.binary(max_size=300))
def test_any_bytes_for_a_payload_are_refused(payload: bytes) -> None:
    with pytest.raises(BadSignature):
        BLINDER.read_claim(sign_record(PLACE, ANNA, payload, now=NOW))


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/claims.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    blinder = Blinder(decode(Secrets, bytes.fromhex(vector["secrets"]), max_size=256))
    record = Record.from_bytes(bytes.fromhex(vector["record"]))
    place = blinder.place(Term(Field(vector["field"]), vector["value"]), now=vector["now"])
    assert (place.public.hex(), record.key.hex()) == (vector["location"], vector["key"])
    if vector["outcome"] == "bad_signature":
        with pytest.raises(BadSignature):
            blinder.read_claim(record)
        return
    found = blinder.read_claim(record)
    assert (str(found.holder), found.count, found.withdrawn) == (vector["holder"], vector["count"], vector["withdrawn"])
