from __future__ import annotations

import pytest

from idas_p2p.access.manifest import digest, found, new_secrets, succeed
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.records import check_record, sign_record
from idas_p2p.errors import BadSignature
from idas_p2p.node.headers import header_place, header_record, read_header

NOW = 1_800_000_000.0
ADMIN = SigningKey(bytes(32))


def test_members_read_the_epoch_and_digest_of_the_newest_manifest() -> None:
    old = found(ADMIN, "A", "F", now=NOW, random_bytes=random_bytes)
    new = succeed(ADMIN, old, {ADMIN.node_id: "A"}, new_secrets(random_bytes), now=NOW)
    record = header_record(ADMIN, new, now=NOW)
    assert check_record(record, now=NOW) is None
    assert record.location == header_place(old).public
    header = read_header(record, old)
    assert (header.epoch, header.digest) == (2, digest(new))


def test_a_former_member_who_knows_the_place_cannot_speak_for_the_admin() -> None:
    manifest = found(ADMIN, "A", "F", now=NOW, random_bytes=random_bytes)
    forger = SigningKey.generate()
    with pytest.raises(BadSignature):
        read_header(header_record(forger, manifest, now=NOW), manifest)


def test_anything_else_at_the_place_is_refused() -> None:
    manifest = found(ADMIN, "A", "F", now=NOW, random_bytes=random_bytes)
    place = header_place(manifest)
    with pytest.raises(BadSignature):
        read_header(sign_record(place, place, b"noise", now=NOW), manifest)


def test_another_federation_of_the_same_admin_has_another_place() -> None:
    one, other = (found(ADMIN, "A", "F", now=NOW, random_bytes=random_bytes) for _ in range(2))
    assert header_place(one).public != header_place(other).public
