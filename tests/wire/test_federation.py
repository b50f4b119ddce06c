"""The manifest and its kin: their bytes, what the signature covers, what they never print."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.wire.federation import MAX_MANIFEST_SIZE, Claim, InviteRecord, Manifest, ManifestHeader, Member, Secrets
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode, encode
from tests.wire.strategies import damaged, valid

KINDS = [Claim, InviteRecord, Manifest, ManifestHeader, Member, Secrets]
MANIFEST = Manifest(
    federation=b"f" * 32,
    name="Region",
    epoch=2,
    previous=b"p" * 32,
    issued=1,
    expires=9,
    admin=NodeId(b"a" * 32),
    members=(Member(node_id=NodeId(b"a" * 32), institution="Anna", sealed_secrets=b"s"),),
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
        "members": (),
        "admin": NodeId(bytes(32)),
        "federation": bytes(32),
        "previous": bytes(32),
    }
    changed = replace(MANIFEST, **{field: other.get(field, 77)})
    assert changed.signed_bytes() != MANIFEST.signed_bytes()


def test_a_member_is_found_by_its_node_id() -> None:
    assert MANIFEST.member(NodeId(b"a" * 32)) == MANIFEST.members[0]
    assert MANIFEST.member(NodeId(b"b" * 32)) is None


def test_secrets_never_print_themselves() -> None:
    assert repr(Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"k" * 32)) == "Secrets(…)"


def test_the_largest_manifest_allowed_has_room_for_every_member() -> None:
    member = Member(node_id=NodeId(b"m" * 32), institution="\U0001f3e5" * 64, sealed_secrets=bytes(151))
    assert len(encode(replace(MANIFEST, members=(member,) * 1_000))) <= MAX_MANIFEST_SIZE
