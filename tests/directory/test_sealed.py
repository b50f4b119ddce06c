from __future__ import annotations

import asyncio

import msgpack
import pytest
import rpcudp.protocol

from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.sessions import Sessions
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.protocol import DirectoryProtocol
from idas_p2p.directory.sealed import SEND_AT
from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.rpc import FindNode, Nodes, Ping, Pong, Store
from tests.directory.network import MemoryNetwork, bare_protocol, key, record
from tests.directory.virtual import LoopClock, in_virtual_time

HOST = "192.0.2.1"


async def attached(network: MemoryNetwork, name: str, port: int, *, is_server: bool = True) -> DirectoryProtocol:
    protocol = bare_protocol(name, clock=LoopClock(), is_server=is_server)
    await network.open(protocol, Address(HOST, port))
    return protocol


def at(name: str, port: int) -> Peer:
    return Peer(key(name).node_id, (HOST, port))


@in_virtual_time
async def test_a_question_to_a_stranger_is_answered_after_one_challenge() -> None:
    network = MemoryNetwork()
    alice, _ = await attached(network, "alice", 1), await attached(network, "bob", 2)
    reply = await alice.ask(at("bob", 2), Ping())
    assert isinstance(reply, Pong)
    assert reply.observed.endpoint == (HOST, 1)
    assert len(network.carried) - len([c for c in network.carried if c[1][1] > 10_000]) == 4


@in_virtual_time
async def test_a_peer_that_restarted_answers_after_one_more_round_trip() -> None:
    network = MemoryNetwork()
    alice, _ = await attached(network, "alice", 1), await attached(network, "bob", 2)
    await alice.ask(at("bob", 2), Ping())
    await attached(network, "bob", 2)  # the same key at the same place, without a memory
    before = len(network.carried)
    assert await alice.ask(at("bob", 2), Ping()) is not None
    assert len(network.carried) - before == 4


@in_virtual_time
async def test_many_questions_at_once_need_one_session() -> None:
    network = MemoryNetwork()
    alice, bob = await attached(network, "alice", 1), await attached(network, "bob", 2)
    replies = await asyncio.gather(*(alice.ask(at("bob", 2), FindNode(target=bytes(20))) for _ in range(20)))
    assert all(isinstance(reply, Nodes) for reply in replies)
    assert len(bob.sessions) == 1


@pytest.mark.parametrize("every", [4, 5, 7])
@in_virtual_time
async def test_questions_survive_the_loss_of_every_nth_datagram(every: int) -> None:
    network = MemoryNetwork(drops=lambda number: number % every == 0)
    alice, _ = await attached(network, "alice", 1), await attached(network, "bob", 2)
    for _ in range(10):
        assert await alice.ask(at("bob", 2), Ping()) is not None


@in_virtual_time
async def test_limit_17_a_cancelled_question_leaves_nothing_behind_and_its_answer_still_counts() -> None:
    network = MemoryNetwork()
    alice, _ = await attached(network, "alice", 1), await attached(network, "bob", 2)
    answered = alice.ask(at("bob", 2), Ping())
    silent = alice.ask(at("nobody", 3), Ping())
    answered.cancel()
    silent.cancel()
    async with asyncio.timeout(10):
        await alice.ask(at("nobody", 3), Ping())  # asked later, so it ends later
    assert alice._outstanding == {}
    assert alice.observed() == (HOST, 1)
    assert alice.liveness.is_silent(at("nobody", 3), now=alice.clock.monotonic())


@in_virtual_time
@pytest.mark.parametrize(("is_contact", "times"), [(False, 1), (True, len(SEND_AT))])
async def test_a_question_nobody_waits_for_is_asked_again_only_of_a_contact(is_contact: bool, times: int) -> None:
    network = MemoryNetwork()
    alice, dead = await attached(network, "alice", 1), at("nobody", 3)
    if is_contact:
        alice.router.add_contact(dead)
    alice.ask(dead, Ping()).cancel()
    await asyncio.sleep(alice.patience(dead) * SEND_AT[-1] + 1)
    assert alice._outstanding == {}
    assert alice.traffic.sent == times


@in_virtual_time
async def test_limit_15_a_dead_peer_is_given_up_within_five_seconds() -> None:
    network = MemoryNetwork()
    alice = await attached(network, "alice", 1)
    async with asyncio.timeout(5):
        assert await alice.ask(at("nobody", 3), Ping()) is None


@in_virtual_time
async def test_questions_end_when_the_socket_closes() -> None:
    network = MemoryNetwork()
    alice = await attached(network, "alice", 1)
    answer = alice.ask(at("nobody", 3), Ping())
    alice.transport.close()
    assert await answer is None
    assert await alice.ask(at("nobody", 3), Ping()) is None


@in_virtual_time
async def test_limit_30_a_reply_from_another_peer_is_dropped_as_unknown() -> None:
    network = MemoryNetwork()
    alice, mallory = await attached(network, "alice", 1), await attached(network, "mallory", 4)
    await mallory.ask(at("alice", 1), Ping())
    alice.ask(at("nobody", 3), Ping())
    (request_id,) = alice._outstanding
    mallory._send(key("alice").node_id, (HOST, 1), pack([1, request_id, [[bytes(4), 1]]]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert alice.drops["unknown_reply"] == 1
    assert request_id in alice._outstanding


@pytest.mark.parametrize(
    "hostile", [{}, [], [[1]], [[[bytes(32), [bytes(5), 1]]]], [[["id", [bytes(4), 1]]]], "x", None], ids=str
)
@in_virtual_time
async def test_limit_26_a_hostile_reply_costs_only_its_own_answer(hostile: object) -> None:
    network = MemoryNetwork()
    alice, mallory = await attached(network, "alice", 1), await attached(network, "mallory", 4)
    await mallory.ask(at("alice", 1), Ping())
    answer = alice.ask(at("mallory", 4), FindNode(target=bytes(20)))
    (request_id,) = alice._outstanding
    message = b"\x93\x01\xc4\x08" + request_id + (pack(hostile) if hostile != {} else b"\x80")
    mallory.is_server = False  # so that no true reply comes in between
    mallory._send(key("alice").node_id, (HOST, 1), message)
    assert await answer is None
    assert alice.drops["malformed_reply"] + alice.drops["malformed_message"] == 1


@in_virtual_time
async def test_a_hostile_request_in_a_session_is_dropped_as_malformed_and_the_next_is_served() -> None:
    network = MemoryNetwork()
    bob, mallory = await attached(network, "bob", 2), await attached(network, "mallory", 4)
    await mallory.ask(at("bob", 2), Ping())
    for message in (b"", b"\xc1", pack([0, bytes(8), True, 9, []]), pack([0, bytes(8), True, 4, [[]]]), pack([2])):
        mallory._send(key("bob").node_id, (HOST, 2), message)
    assert await mallory.ask(at("bob", 2), Ping()) is not None
    assert bob.drops["malformed_message"] == 5


@in_virtual_time
async def test_limit_23_requests_from_an_unproved_address_get_no_more_bytes_than_they_had() -> None:
    network = MemoryNetwork()
    bob = await attached(network, "bob", 2)
    for number in range(50):
        bob.storage.offer(record("full", number, bytes(400), now=LoopClock().now()).to_bytes())
    stranger = Sessions(SigningKey(b"s" * 32), random_bytes=random_bytes)
    sent = 0
    for _ in range(20):
        hello = stranger.send(key("bob").node_id, (HOST, 2), b"", now=float(sent))
        assert hello is not None
        sent += len(hello)
        bob.datagram_received(hello, ("203.0.113.9", 9))
        bob.datagram_received(b"\x14" + bytes(80), ("203.0.113.9", 9))
        bob.datagram_received(b"\x13" + bytes(152), ("203.0.113.9", 9))
        sent += 81 + 153
    assert sum(len(data) for _, target, data in network.carried if target == ("203.0.113.9", 9)) <= sent
    assert len(bob.sessions) == 0


@in_virtual_time
async def test_an_unknown_name_is_an_error_and_not_a_remote_call() -> None:
    with pytest.raises(AttributeError):
        bare_protocol("alice").misspelt("argument")


@in_virtual_time
async def test_every_datagram_stays_within_1280_bytes() -> None:
    network = MemoryNetwork()
    alice, bob = await attached(network, "alice", 1), await attached(network, "bob", 2)
    largest = record("here", payload=bytes(780), now=LoopClock().now()).to_bytes()
    assert await alice.ask(at("bob", 2), Store(records=(largest,))) is not None
    assert bob.storage.usage.records == 1
    assert max(len(data) for _, _, data in network.carried) <= 1_280


@in_virtual_time
async def test_limit_19_messages_are_encoded_in_c_and_never_by_the_stock_encoder() -> None:
    assert msgpack.Packer.__module__ == msgpack.Unpacker.__module__ == "msgpack._cmsgpack"
    network = MemoryNetwork()
    alice, _ = await attached(network, "alice", 1), await attached(network, "bob", 2)
    stock, rpcudp.protocol.umsgpack = rpcudp.protocol.umsgpack, None  # whoever enters it now fails
    try:
        assert isinstance(await alice.ask(at("bob", 2), FindNode(target=bytes(20))), Nodes)
    finally:
        rpcudp.protocol.umsgpack = stock
