"""Every message survives the round trip; any bytes are a message or a WireError."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.messages import MESSAGES, Hello, decode_message, encode_message, instance_mark
from tests.wire.strategies import damaged, valid

messages = st.one_of(
    st.just(Hello(version=1, epoch=3)), *(valid(kind) for kind in MESSAGES.values() if kind is not Hello)
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
    with pytest.raises(UnsupportedVersion, match="version 2, 1 expected"):
        decode_message(b"\x01" + pack([2, 0]))


@given(messages)
def test_a_message_prints_no_text_that_may_identify(message: Any) -> None:
    study = getattr(message, "study_uid", None) or getattr(message, "sop_instance_uid", None)
    assert not isinstance(study, str) or len(study) < 8 or study not in repr(message)


def test_an_instance_mark_has_eight_bytes_and_depends_on_the_uid() -> None:
    assert len(instance_mark("1.2")) == 8
    assert instance_mark("1.2") != instance_mark("1.3")
