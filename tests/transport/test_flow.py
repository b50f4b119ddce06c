"""The stream over messages: nothing lost, nothing beyond what was allowed, an end that is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.transport.flow import CREDIT, END, LEAST, MAX_PIECE, PIECE, WINDOW, Flow

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/udp.json").read_text())["streams"]


def messages(flow: Flow) -> list[bytes]:
    """All that may be sent now."""
    return list(iter(flow.next_message, None))


def taken(flow: Flow, size: int) -> bytes:
    space = bytearray(size)
    return bytes(space[: flow.take(memoryview(space))])


@given(st.lists(st.binary(max_size=50_000), max_size=6), st.integers(1, 60_000))
def test_what_is_written_is_what_is_taken_whatever_the_pieces(writes: list[bytes], room: int) -> None:
    one, other = Flow(), Flow()
    for data in writes:
        one.write(data)
    one.end()
    heard = b""
    while not (other.has_heard_end and not other.untaken):
        for message in messages(one):
            assert len(message) <= 1 + MAX_PIECE
            other.receive(message)
        heard += taken(other, room)
        for message in messages(other):
            one.receive(message)
    assert heard == b"".join(writes)
    assert one.has_sent_end


def test_a_sender_stops_at_the_window_and_goes_on_when_half_of_it_was_taken() -> None:
    one, other = Flow(), Flow()
    fits = WINDOW // MAX_PIECE * MAX_PIECE  # what is left is less than LEAST
    one.write(bytes(2 * WINDOW))
    for message in messages(one):
        other.receive(message)
    assert (one.unsent, other.untaken) == (2 * WINDOW - fits, fits)
    taken(other, WINDOW // 2 - 1)
    assert other.next_message() is None
    taken(other, 1)
    (credit,) = messages(other)
    assert credit == bytes((CREDIT,)) + (WINDOW // 2 + WINDOW).to_bytes(8, "big")
    one.receive(credit)
    for message in messages(one):
        other.receive(message)
    assert WINDOW - LEAST < other.untaken <= WINDOW


def test_small_pieces_count_for_more_so_that_few_are_on_their_way() -> None:
    one, other = Flow(), Flow()
    count = 0
    while True:
        one.write(b"x")
        if (message := one.next_message()) is None:
            break
        other.receive(message)
        count += 1
    assert count == other.untaken == WINDOW // LEAST
    with pytest.raises(WireError):
        other.receive(bytes((PIECE, 0)))


def test_an_end_comes_after_everything_and_once() -> None:
    flow = Flow()
    flow.write(b"last words")
    flow.end()
    flow.end()
    assert messages(flow) == [bytes((PIECE,)) + b"last words", bytes((END,))]


@pytest.mark.parametrize(
    "said",
    [
        [b""],
        [b"\x03"],
        [bytes((PIECE,))],
        [bytes((PIECE,)) + bytes(MAX_PIECE + 1)],
        [bytes((CREDIT,)) + WINDOW.to_bytes(8, "big")],
        [bytes((CREDIT,)) + bytes(7)],
        [bytes((END, 0))],
        [bytes((END,)), bytes((END,))],
        [bytes((END,)), bytes((PIECE, 1))],
        [bytes((PIECE,)) + bytes(MAX_PIECE)] * 65,
    ],
    ids=[
        "nothing",
        "unknown",
        "empty",
        "too_large",
        "no_more_credit",
        "short",
        "long_end",
        "two_ends",
        "late",
        "too_much",
    ],
)
def test_a_message_against_the_rules_is_an_error_and_nothing_of_it_is_kept(said: list[bytes]) -> None:
    flow = Flow()
    for message in said[:-1]:
        flow.receive(message)
    before = flow.untaken
    with pytest.raises(WireError):
        flow.receive(said[-1])
    assert flow.untaken == before <= WINDOW


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_whatever_is_said_the_memory_is_bounded_or_it_is_an_error(said: list[bytes]) -> None:
    flow = Flow(window=10_000)
    try:
        for message in said:
            flow.receive(message)
    except WireError:
        pass
    assert flow.untaken <= 10_000


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_streams_of_the_specification_are_heard_or_refused(vector: dict[str, Any]) -> None:
    flow = Flow()
    said = [bytes.fromhex(message) for times, message in vector["said"] for _ in range(times)]
    for message in said[:-1]:
        flow.receive(message)
    if vector["outcome"] == "success":
        flow.receive(said[-1])
    else:
        with pytest.raises(WireError):
            flow.receive(said[-1])
