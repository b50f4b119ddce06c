"""STUN on the directory's port: the answer, whom it is refused, and aioice's own client as the peer."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from aioice import stun as aioice_stun
from aioice.ice import StunProtocol
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.stun import BURST, MAX_QUESTION_SIZE, Refusal, Stun, answer, is_question
from idas_p2p.wire.address import Address
from tests.directory.network import ManualClock

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/udp.json").read_text())["stun"]
TRANSACTION = bytes(range(12))
PADDING = struct.pack(">HH", 0x8022, 24) + bytes(24)  # SOFTWARE


def question(attributes: bytes = PADDING) -> bytes:
    return struct.pack(">HHI", 1, len(attributes), 0x2112A442) + TRANSACTION + attributes


@pytest.mark.parametrize("seen_as", [Address("192.0.2.1", 32_853), Address("2001:db8:1234:5678:11:2233:4455:6677", 9)])
def test_the_address_comes_back_as_another_implementation_reads_it(seen_as: Address) -> None:
    said = answer(question(), seen_as)
    assert isinstance(said, bytes)
    message = aioice_stun.parse_message(said)
    assert message.transaction_id == TRANSACTION
    assert message.attributes == {"XOR-MAPPED-ADDRESS": (seen_as.host, seen_as.port)}


@pytest.mark.parametrize(
    ("attributes", "refusal"),
    [
        (b"", Refusal.TOO_SHORT),
        (PADDING[:20], Refusal.MALFORMED),
        (PADDING + b"\0\0\0", Refusal.MALFORMED),
        (bytes.fromhex("0003000400000006") + PADDING, Refusal.UNKNOWN_ATTRIBUTE),  # CHANGE-REQUEST of RFC 5780
        (struct.pack(">HH", 0x8022, MAX_QUESTION_SIZE) + bytes(MAX_QUESTION_SIZE), Refusal.MALFORMED),
    ],
)
def test_a_question_is_refused_by_name(attributes: bytes, refusal: Refusal) -> None:
    assert answer(question(attributes), Address("192.0.2.1", 1)) is refusal


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['comment']}, {vector['from']}")
def test_questions_of_the_specification_get_their_answers(vector: dict[str, str]) -> None:
    asked = bytes.fromhex(vector["question"])
    assert is_question(asked)
    said = answer(asked, Address.parse(vector["from"]))
    assert said == bytes.fromhex(vector["answer"]) if "answer" in vector else said == Refusal(vector["outcome"])


@pytest.mark.parametrize(
    ("host", "value"),
    [
        ("192.0.2.1", "0001a147e112a643"),
        ("2001:db8:1234:5678:11:2233:4455:6677", "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
    ],
)
def test_the_address_is_written_as_in_the_published_vectors(host: str, value: str) -> None:
    """RFC 5769 sections 2.2 and 2.3, whose transaction the vectors share."""
    asked = bytes.fromhex(VECTORS[0]["question"])
    said = answer(asked, Address(host, 32_853))
    assert isinstance(said, bytes)
    assert said[24:].hex() == value


@given(st.binary(max_size=600), st.sampled_from(["192.0.2.1", "2001:db8::1"]))
def test_no_answer_is_larger_than_what_it_answers(attributes: bytes, host: str) -> None:
    data = question(attributes)
    said = answer(data, Address(host, 7_000))
    assert isinstance(said, Refusal) or len(said) <= len(data)


@given(st.binary(max_size=80))
def test_what_the_directory_sends_is_never_taken_for_a_question(data: bytes) -> None:
    assert not is_question(bytes([0x11]) + data)
    assert not is_question(data[:19])


def test_one_site_cannot_have_more_than_its_share_and_others_lose_nothing() -> None:
    clock = ManualClock()
    stun = Stun(clock=clock)
    flood = Address("2001:db8::1", 7_000)
    given = [stun.take(question(), Address(f"2001:db8::{n:x}", 7_000)) for n in range(1, int(BURST) + 11)]
    assert [said is None for said in given].count(True) == 10
    assert stun.refusals == {Refusal.TOO_OFTEN: 10}
    assert stun.take(question(), Address("192.0.2.1", 7_000)) is not None
    clock.advance(1.0)
    assert stun.take(question(), flood) is not None
    assert stun.answered == int(BURST) + 2


class Directory(asyncio.DatagramProtocol):
    """Stands for the directory: what it was given."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[bytes] = asyncio.Queue(maxsize=8)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.given.put_nowait(data)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_another_implementation_asks_at_the_port_of_the_directory_which_gets_the_rest(host: str) -> None:
    directory, loop = Directory(), asyncio.get_running_loop()
    shared = await Stun(clock=ManualClock()).open_udp(directory, Address(host, 0))
    transport, client = await loop.create_datagram_endpoint(
        lambda: StunProtocol(_Receiver()),
        local_addr=(host, 0),  # type: ignore[arg-type]
    )
    try:
        request = aioice_stun.Message(
            aioice_stun.Method.BINDING, aioice_stun.Class.REQUEST, attributes={"SOFTWARE": "idas_p2p".ljust(24)}
        )
        async with asyncio.timeout(10):
            transport.sendto(b"\x11 for the directory", shared.get_extra_info("sockname")[:2])
            said, _ = await client.request(request, shared.get_extra_info("sockname")[:2])
            assert await directory.given.get() == b"\x11 for the directory"
        assert said.attributes["XOR-MAPPED-ADDRESS"] == transport.get_extra_info("sockname")[:2]
        assert directory.given.empty()
    finally:
        transport.abort()
        shared.abort()


class _Receiver:
    """What aioice's protocol tells of other datagrams and of its end."""

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """Not of interest."""
