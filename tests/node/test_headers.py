from __future__ import annotations

import pytest

from idas_p2p.access.manifest import digest, found
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.records import check_record, sign_record
from idas_p2p.errors import BadSignature
from idas_p2p.node.headers import header_place, header_record, read_header
from idas_p2p.wire.federation import Manifest

NOW = 1_800_000_000.0
ADMIN = SigningKey(bytes(32))


def manifest() -> Manifest:
    return found(ADMIN, "A", "F", now=NOW, random_bytes=random_bytes)


def test_members_read_how_many_manifests_an_admin_has_signed() -> None:
    made = manifest()
    record = header_record(ADMIN, made, now=NOW)
    assert check_record(record, now=NOW) is None
    assert record.location == header_place(made.federation, ADMIN.node_id).public
    header = read_header(record, made.federation, ADMIN.node_id)
    assert (header.signed, header.digest) == (1, digest(made))


def test_a_former_member_who_knows_the_place_cannot_speak_for_the_admin() -> None:
    made, forger = manifest(), SigningKey.generate()
    forged = found(forger, "A", "F", now=NOW, random_bytes=lambda size: made.federation[:size])
    with pytest.raises(BadSignature):
        read_header(header_record(forger, forged, now=NOW), made.federation, ADMIN.node_id)


def test_anything_else_at_the_place_is_refused() -> None:
    made = manifest()
    place = header_place(made.federation, ADMIN.node_id)
    with pytest.raises(BadSignature):
        read_header(sign_record(place, place, b"noise", now=NOW), made.federation, ADMIN.node_id)


def test_each_federation_and_each_admin_has_a_place_of_its_own() -> None:
    one, other = manifest(), manifest()
    places = [header_place(one.federation, ADMIN.node_id), header_place(other.federation, ADMIN.node_id)]
    places.append(header_place(one.federation, SigningKey.generate().node_id))
    assert len({place.public for place in places}) == 3
