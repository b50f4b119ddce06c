"""The manifest and its kin: their bytes, what the signature covers, what they never print."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import (
    ADD,
    MAX_MANIFEST_SIZE,
    REMOVE,
    Change,
    Claim,
    Count,
    InviteRecord,
    Manifest,
    ManifestHeader,
    Member,
    Removed,
    Secrets,
    Vote,
)
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode, encode
from tests.wire.strategies import damaged, valid

KINDS = [Change, Claim, InviteRecord, Manifest, ManifestHeader, Member, Removed, Secrets]
ANNA = NodeId(b"a" * 32)
VOTE = Vote(admin=ANNA, signature=b"v" * 64)
MANIFEST = Manifest(
    version=2,
    federation=b"f" * 32,
    name="Region",
    founder=ANNA,
    changes=(),
    proposals=(Change(previous=b"c" * 32, act=ADD, subject=NodeId(b"b" * 32), votes=(VOTE,)),),
    counts=(Count(admin=ANNA, signed=2), Count(admin=NodeId(b"b" * 32), signed=3)),
    previous=(b"p" * 32,),
    era=1,
    issued=1,
    expires=9,
    admin=ANNA,
    members=(Member(node_id=ANNA, institution="Anna", life=1, named=1, sealed_secrets=b"s"),),
    removed=(),
    signature=b"x" * 64,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_value_survives_the_round_trip(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(valid(kind))
    assert decode(kind, encode(value), max_size=MAX_MANIFEST_SIZE) == value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_any_bytes_decode_canonically_or_raise_wire_error(kind: type[Any], data: st.DataObject) -> None:
    raw = data.draw(st.binary(max_size=300) | damaged(valid(kind).map(encode)))
    try:
        value = decode(kind, raw, max_size=MAX_MANIFEST_SIZE)
    except WireError:
        return
    assert encode(value) == raw


@pytest.mark.parametrize("field", [field.name for field in fields(Manifest) if field.name != "signature"])
def test_the_signature_covers_every_field(field: str) -> None:
    other: dict[str, object] = {
        "name": "Other",
        "founder": NodeId(bytes(32)),
        "admin": NodeId(bytes(32)),
        "federation": bytes(32),
        "changes": MANIFEST.proposals,
        "removed": (Removed(node_id=ANNA, life=1, until=1),),
        **dict.fromkeys(("members", "proposals", "counts", "previous"), ()),
    }
    changed = replace(MANIFEST, **{field: other.get(field, 77)})
    assert changed.signed_bytes() != MANIFEST.signed_bytes()


def test_a_member_is_found_by_its_node_id() -> None:
    assert MANIFEST.member(NodeId(b"a" * 32)) == MANIFEST.members[0]
    assert MANIFEST.member(NodeId(b"b" * 32)) is None


def test_secrets_never_print_themselves() -> None:
    assert repr(Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"k" * 32)) == "Secrets(…)"


def test_the_epoch_counts_what_all_admins_signed() -> None:
    assert MANIFEST.epoch == 5


def test_a_vote_covers_everything_but_the_votes() -> None:
    change = MANIFEST.proposals[0]
    assert replace(change, votes=(VOTE, VOTE)).voted_bytes() == change.voted_bytes()
    others = replace(change, act=REMOVE), replace(change, subject=ANNA), replace(change, previous=bytes(32))
    assert len({change.voted_bytes(), *(other.voted_bytes() for other in others)}) == 4


@given(st.binary(max_size=300) | damaged(st.just(MANIFEST.to_bytes())))
def test_any_bytes_are_a_manifest_or_a_wire_error(data: bytes) -> None:
    try:
        manifest = Manifest.from_bytes(data)
    except WireError:
        return
    assert manifest.to_bytes() == data


@pytest.mark.parametrize(("first", "version"), [(bytes(32), 1), (1, 1), (3, 3)])
def test_a_manifest_of_another_version_is_refused_by_name(first: object, version: int) -> None:
    with pytest.raises(UnsupportedVersion, match=f"version {version}, 2 expected"):
        Manifest.from_bytes(pack([first, "whatever follows"]))
