"""Every message survives the round trip; any bytes are a message or a WireError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.limits import CHUNK_SIZE, MAX_MESSAGE_SIZE
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.fetching import (
    MAX_INSTANCES,
    MAX_SERIES,
    MAX_WANTED,
    Chunk,
    FetchRequest,
    Mode,
    Priority,
    Ticket,
    Want,
    Wanted,
    instance_mark,
)
from idas_p2p.wire.messages import MESSAGES, Hello, decode_message, encode_message
from tests.wire.strategies import damaged, valid

messages = st.one_of(
    st.just(Hello(version=4, epoch=3, state=b"")), *(valid(kind) for kind in MESSAGES.values() if kind is not Hello)
)


@given(messages)
def test_a_message_survives_the_round_trip(message: Any) -> None:
    assert decode_message(encode_message(message)) == message


@given(st.binary(max_size=2_000) | damaged(messages.map(encode_message)))
def test_any_bytes_decode_canonically_or_raise_wire_error(data: bytes) -> None:
    try:
        message = decode_message(data)
    except WireError:
        return
    assert encode_message(message) == data


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\x90"])
def test_a_message_of_unknown_type_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError, match="unknown type"):
        decode_message(data)


def test_another_version_is_named_in_the_refusal() -> None:
    with pytest.raises(UnsupportedVersion, match="version 2, 4 expected"):
        decode_message(b"\x01" + pack([2, 0]))


@given(messages)
def test_a_message_prints_no_text_that_may_identify(message: Any) -> None:
    study = getattr(message, "study_uid", None) or getattr(message, "sop_instance_uid", None)
    assert not isinstance(study, str) or len(study) < 8 or study not in repr(message)


def test_an_instance_mark_has_eight_bytes_and_depends_on_the_uid() -> None:
    assert len(instance_mark("1.2")) == 8
    assert instance_mark("1.2") != instance_mark("1.3")


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/messages.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    data, refusals = bytes.fromhex(vector["message"]), {"refused": WireError, "unsupported_version": UnsupportedVersion}
    if refusal := refusals.get(vector["outcome"]):
        with pytest.raises(refusal):
            decode_message(data)
        return
    message = decode_message(data)
    assert (type(message).__name__, encode_message(message)) == (vector["comment"], data)


def test_the_vectors_have_every_type_of_message() -> None:
    assert {vector["comment"] for vector in VECTORS} >= {kind.__name__ for kind in MESSAGES.values()}


@pytest.mark.parametrize("version", [0, 1, 255])
def test_a_hello_of_another_version_is_refused_as_such_whatever_follows(version: int) -> None:
    for body in ([version], [version, 0], [version, "new", b"fields"]):
        with pytest.raises(UnsupportedVersion):
            decode_message(b"\x01" + pack(body))


def test_the_largest_request_fits_into_a_message() -> None:
    uid = "1" * 64
    ticket = Ticket(level="x" * 32, expires=2**64 - 1, mac=bytes(16))
    request = FetchRequest(
        user="\U0001f3e5" * 64,
        ticket=ticket,
        study_uid=uid,
        series_uids=(uid,) * MAX_SERIES,
        sop_instance_uids=(uid,) * MAX_INSTANCES,
        mode=Mode.LISTED,
        priority=Priority.HIGH,
    )
    assert len(encode_message(request)) <= MAX_MESSAGE_SIZE
    assert decode_message(encode_message(request)) == request


def test_the_largest_want_fits_into_a_message() -> None:
    want = Want(instances=(Wanted(sop_instance_uid="1" * 64, start=2**64 - 1),) * MAX_WANTED)
    assert len(encode_message(want)) <= MAX_MESSAGE_SIZE
    assert decode_message(encode_message(want)) == want


def test_a_chunk_of_raw_bytes_fits_into_a_message() -> None:
    assert len(encode_message(Chunk(coding=0, size=CHUNK_SIZE, data=bytes(CHUNK_SIZE)))) <= MAX_MESSAGE_SIZE
