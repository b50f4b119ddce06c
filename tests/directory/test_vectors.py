"""The directory's test vectors, checked with the real code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nacl.bindings as sodium
import pytest

from idas_p2p.crypto.challenges import shared_secret
from idas_p2p.crypto.datagram_keys import derive_session
from idas_p2p.crypto.keys import SigningKey, x25519_public
from idas_p2p.crypto.records import check_record
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.wire.datagrams import Handshake, Sealed, parse_datagram
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import ReplyMessage, RequestMessage, decode_message, encode_reply, encode_request
from tools.make_directory_vectors import SUITES

FOLDER = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> pytest.MarkDecorator:
    loaded = json.loads((FOLDER / f"{name}.json").read_text())["vectors"]
    return pytest.mark.parametrize("vector", loaded, ids=lambda vector: vector["comment"])


@vectors("records")
def test_records_have_their_outcomes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["record"])
    if vector["outcome"] == "malformed":
        with pytest.raises(WireError):
            Record.from_bytes(data)
        return
    record = Record.from_bytes(data)
    assert (record.to_bytes(), record.key.hex(), record.signed_bytes().hex()) == (data, vector["key"], vector["signed"])
    assert (record.sequence, record.expires) == (vector["sequence"], vector["expires"])
    assert (check_record(record, now=vector["now"]) or "success") == vector["outcome"]


@vectors("datagrams")
def test_datagrams_have_their_outcomes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["datagram"])
    if vector["outcome"] == "malformed":
        with pytest.raises(WireError):
            parse_datagram(data)
        return
    datagram = parse_datagram(data)
    assert datagram.to_bytes() == data
    if not isinstance(datagram, Handshake | Sealed):
        return
    if vector["outcome"] == "not_authentic":
        with pytest.raises(BadSignature):
            opened(vector, datagram)
        return
    assert opened(vector, datagram) == bytes.fromhex(vector["message"])


def opened(vector: dict[str, Any], datagram: Handshake | Sealed) -> bytes:
    """What the receiver of the vector's datagram reads."""
    seeds = {name: bytes.fromhex(vector[name]) for name in vector if name.endswith(("_seed", "_ephemeral", "cookie"))}
    initiator, responder = SigningKey(seeds["initiator_seed"]), SigningKey(seeds["responder_seed"])
    receives = vector["sender"] == "responder"  # whether the initiator does
    mine, peer = (initiator, responder) if receives else (responder, initiator)
    own, others = ("initiator_ephemeral", "responder_ephemeral")[:: 1 if receives else -1]
    session = derive_session(
        shared_secret(mine.x25519_secret(), x25519_public(peer.node_id)),
        shared_secret(seeds[own], sodium.crypto_scalarmult_base(seeds[others])),
        initiator=(initiator.node_id, sodium.crypto_scalarmult_base(seeds["initiator_ephemeral"])),
        responder=(responder.node_id, sodium.crypto_scalarmult_base(seeds["responder_ephemeral"])),
        cookie=seeds["cookie"],
        endpoint=("192.0.2.9", 1),
        is_initiator=receives,
        now=0.0,
    )
    if isinstance(datagram, Sealed) and datagram.session != session.receive_id:
        raise BadSignature("another session")
    if isinstance(datagram, Handshake) and datagram.sender != initiator.node_id:
        raise BadSignature("another sender")
    return session.open(datagram.counter, datagram.header, datagram.sealed)


@vectors("rpc")
def test_requests_and_replies_have_their_outcomes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["request"])
    if vector["outcome"] == "malformed" and "reply" in vector:
        asked, answered = decode_message(data), decode_message(bytes.fromhex(vector["reply"]))
        assert isinstance(asked, RequestMessage)
        assert isinstance(answered, ReplyMessage)
        with pytest.raises(WireError):
            answered.read(asked.request)
        return
    if vector["outcome"] == "malformed":
        with pytest.raises(WireError):
            decode_message(data)
        return
    asked, answered = decode_message(data), decode_message(bytes.fromhex(vector["reply"]))
    assert isinstance(asked, RequestMessage)
    assert isinstance(answered, ReplyMessage)
    assert encode_request(asked.request_id, asked.request, is_server=asked.is_server) == data
    reply = answered.read(asked.request)
    assert encode_reply(answered.request_id, reply).hex() == vector["reply"]
    assert vector["comment"] == f"{type(asked.request).__name__} and {type(reply).__name__}"


@pytest.mark.parametrize("name", SUITES)
def test_the_files_are_what_the_tool_writes(name: str) -> None:
    assert json.loads((FOLDER / f"{name}.json").read_text())["vectors"] == json.loads(json.dumps(SUITES[name]()))
