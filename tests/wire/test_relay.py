"""Messages of a relay's link: round trips, vectors, and bytes that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.directory.carriage import GREETING
from idas_p2p.errors import WireError
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import (
    ANSWER_GREETING,
    GREETING_SIZE,
    LINK_GREETING,
    MAX_RELAY_FRAME,
    Connect,
    DialBack,
    Dialling,
    Incoming,
    Ping,
    Refused,
    RelayMessage,
    RelayRefusal,
    ReserveAsMember,
    Reserved,
    from_bytes,
    to_bytes,
)
from tests.wire.strategies import damaged, valid

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/relay.json").read_text())
MESSAGES = st.one_of(
    *(valid(kind) for kind in (Connect, DialBack, Dialling, Incoming, Ping, Refused, ReserveAsMember, Reserved))
)


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["comment"])
def test_messages_have_their_outcomes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["bytes"])
    if vector["outcome"] == "malformed":
        with pytest.raises(WireError):
            from_bytes(data)
    else:
        assert to_bytes(from_bytes(data)) == data


@given(MESSAGES)
def test_messages_survive_the_round_trip(message: RelayMessage) -> None:
    assert from_bytes(to_bytes(message)) == message


@given(st.binary(max_size=200) | damaged(MESSAGES.map(to_bytes)))
def test_what_parses_is_written_the_same(data: bytes) -> None:
    try:
        message = from_bytes(data)
    except WireError:
        return
    assert to_bytes(message) == data


def test_the_longest_message_fits_a_frame() -> None:
    largest = 2**64 - 1
    shown = Membership(
        admin=NodeId(bytes(32)), federation=bytes(32), epoch=largest, expires=largest, signature=bytes(64)
    )
    assert len(to_bytes(ReserveAsMember(membership=shown))) + 17 <= MAX_RELAY_FRAME  # the stream's own bytes, section 3


def test_greetings_of_one_port_have_one_size_and_differ() -> None:
    assert {len(greeting) for greeting in (GREETING, LINK_GREETING, ANSWER_GREETING)} == {GREETING_SIZE}
    assert len({GREETING, LINK_GREETING, ANSWER_GREETING}) == 3


def test_every_refusal_has_a_number_and_comes_back_by_it() -> None:
    assert [Refused.because(reason).reason for reason in RelayRefusal] == list(RelayRefusal)
