"""The signed manifest: both ends come to the same sum, and nothing of it can be changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadSignature
from idas_p2p.exchange.signed_manifest import TransferManifest
from idas_p2p.wire.fetching import FetchStart
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Ping, decode_message
from tests.exchange.ends import HOLDER, ONE, new_manifest

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/transfers.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    manifest = TransferManifest(
        holder=NodeId.parse(vector["holder"]),
        requester=NodeId.parse(vector["requester"]),
        study_uid=vector["study_uid"],
    )
    for message in vector["messages"]:
        manifest.take(decode_message(bytes.fromhex(message)))
    assert manifest.digest.hex() == vector["digest"]
    assert manifest.signed_bytes().hex() == vector["signed_bytes"]
    signature = bytes.fromhex(vector["signature"])
    if vector["outcome"] == "success":
        assert manifest.verify(signature).signature == signature
        return
    with pytest.raises(BadSignature):
        manifest.verify(signature)


def test_messages_that_say_nothing_of_data_are_left_out() -> None:
    manifest = new_manifest()
    for message in (FetchStart(total=3), Ping(number=1)):
        manifest.take(message)
    assert manifest.is_empty
    assert manifest.digest == new_manifest().digest


def test_a_signature_is_for_one_requester_one_holder_and_one_study() -> None:
    signature = HOLDER.sign(new_manifest().signed_bytes())
    other = SigningKey.generate().node_id
    for holder, requester, study_uid in (
        (other, ONE, "1.2"),
        (HOLDER.node_id, other, "1.2"),
        (HOLDER.node_id, ONE, "9"),
    ):
        with pytest.raises(BadSignature):
            TransferManifest(holder=holder, requester=requester, study_uid=study_uid).verify(signature)
