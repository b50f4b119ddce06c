from __future__ import annotations

import pytest
from kademlia.node import Node

from idas_p2p.crypto.records import Refusal
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.protocol import OUTCOMES, DirectoryProtocol
from idas_p2p.limits import MAX_CONTACTS_PER_REPLY, WORK_RATE, WORK_RECORD, WORK_REQUEST
from idas_p2p.wire.datagrams import MAX_REPLY_SIZE
from idas_p2p.wire.rpc import (
    FindNode,
    FindValue,
    Nodes,
    Ping,
    RequestMessage,
    Store,
    Stored,
    Values,
    WireContact,
    encode_reply,
)
from tests.directory.network import ManualClock, bare_protocol, peer, record

NOW = ManualClock().now()


def asked(
    protocol: DirectoryProtocol, request: Ping | FindNode | FindValue | Store, *, is_server: bool = True
) -> object:
    return protocol.answer(peer("asker"), RequestMessage(request_id=bytes(8), is_server=is_server, request=request))


def test_limit_21_a_client_that_asks_never_enters_the_table_and_a_server_does() -> None:
    protocol = bare_protocol("me")
    assert asked(protocol, Ping(), is_server=False) is not None
    assert len(protocol.router) == 0
    assert asked(protocol, Ping(), is_server=True) is not None
    assert list(protocol.router) == [peer("asker")]


def test_limit_21_a_client_answers_nobody() -> None:
    protocol = bare_protocol("me", is_server=False)
    assert asked(protocol, Ping()) is None
    assert protocol.drops["not_a_server"] == 1


def test_limit_21_a_server_is_probed_before_it_becomes_a_contact() -> None:
    protocol, probed = bare_protocol("me"), []
    protocol.probe = probed.append
    asked(protocol, Ping())
    assert (probed, len(protocol.router)) == ([peer("asker")], 0)
    protocol.admit(probed[0])
    assert list(protocol.router) == [peer("asker")]


def test_limit_23_meeting_a_node_pushes_nothing_to_it() -> None:
    protocol = bare_protocol("me")
    protocol.storage.offer(record("here", now=NOW).to_bytes())
    asked(protocol, Ping())
    assert protocol._outstanding == {}  # and without a transport anything sent would have failed


def test_limit_8_find_node_tells_the_nearest_contacts_without_the_asker() -> None:
    protocol = bare_protocol("me")
    for number in range(40):
        protocol.admit(peer(number))
    protocol.admit(peer("asker"))
    reply = asked(protocol, FindNode(target=peer("target").id))
    assert isinstance(reply, Nodes)
    known = [one for one in protocol.router if one != peer("asker")]
    nearest = sorted(known, key=Node(peer("target").id).distance_to)[:MAX_CONTACTS_PER_REPLY]
    assert [Peer.from_wire(contact) for contact in reply.contacts] == nearest


def test_a_contact_whose_silence_we_met_is_named_to_nobody_until_it_is_heard_again() -> None:
    protocol, now = bare_protocol("me"), ManualClock().monotonic()
    for number in range(5):
        protocol.admit(peer(number))
    protocol.liveness.failed(peer(3), now=now)
    reply = asked(protocol, FindNode(target=peer(3).id))
    assert isinstance(reply, Nodes)
    assert peer(3).to_wire() not in reply.contacts
    protocol.liveness.heard(peer(3), now=now)
    reply = asked(protocol, FindNode(target=peer(3).id))
    assert isinstance(reply, Nodes)
    assert reply.contacts[0] == peer(3).to_wire()


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_limit_14_a_reply_with_all_contacts_fits_a_datagram(host: str) -> None:
    protocol = bare_protocol("me")
    for number in range(60):
        protocol.admit(peer(number, host=host))
    reply = asked(protocol, FindNode(target=bytes(20)))
    assert isinstance(reply, Nodes)
    assert len(reply.contacts) == MAX_CONTACTS_PER_REPLY
    assert len(encode_reply(bytes(8), reply)) <= MAX_REPLY_SIZE


@pytest.mark.parametrize("payload", [0, 150, 780])
@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_limit_14_a_reply_with_records_and_contacts_fits_a_datagram(payload: int, host: str) -> None:
    protocol = bare_protocol("me")
    for number in range(8):
        protocol.admit(peer(number, host=host))
    for writer in range(20):
        protocol.storage.offer(record("here", writer, bytes(payload), now=NOW).to_bytes())
    reply = asked(protocol, FindValue(key=record("here", now=NOW).key, after=b""))
    assert isinstance(reply, Values)
    assert reply.records
    assert reply.more
    assert len(reply.contacts) >= 2
    assert len(encode_reply(bytes(8), reply)) <= MAX_REPLY_SIZE


def test_the_second_page_carries_no_contacts() -> None:
    protocol = bare_protocol("me")
    protocol.admit(peer(1))
    held = record("here", now=NOW)
    protocol.storage.offer(held.to_bytes())
    reply = asked(protocol, FindValue(key=held.key, after=bytes(32)))
    assert reply == Values(records=(held.to_bytes(),), more=False, contacts=())


def test_limit_1_store_answers_for_each_record_by_the_number_of_its_refusal() -> None:
    protocol = bare_protocol("me")
    good = record("here", now=NOW)
    newer = record("here", payload=b"new", now=NOW + 1).to_bytes()
    expired = record("there", now=NOW - 9_000, lifetime=10).to_bytes()
    forged = good.to_bytes()[:-1] + bytes([good.to_bytes()[-1] ^ 1])
    reply = asked(protocol, Store(records=(newer, good.to_bytes(), expired, forged, b"rubbish")))
    assert isinstance(reply, Stored)
    assert [OUTCOMES[number] for number in reply.outcomes] == [
        None,
        Refusal.STALE_SEQUENCE,
        Refusal.EXPIRED,
        Refusal.STALE_SEQUENCE,
        Refusal.MALFORMED,
    ]
    assert protocol.refusals[Refusal.STALE_SEQUENCE.value] == 2


def test_limit_31_bogon_contacts_of_a_reply_are_not_used() -> None:
    protocol = bare_protocol("me", allow_private=False)
    contacts: list[WireContact] = [
        peer(number, host=host, port=port).to_wire()
        for number, (host, port) in enumerate([("127.0.0.1", 1), ("10.0.0.1", 1), ("224.0.0.1", 1), ("8.8.8.8", 53)])
    ]
    assert protocol.usable(tuple(contacts)) == [peer(3, host="8.8.8.8", port=53)]


def test_silent_peers_and_we_ourselves_are_not_asked_again_at_once() -> None:
    protocol = bare_protocol("me")
    protocol.liveness.failed(peer(1), now=protocol.clock.monotonic())
    contacts = tuple(peer(name).to_wire() for name in ("me", 1, 2))
    assert protocol.usable(contacts) == [peer(2)]


def test_limit_10_a_contact_leaves_after_two_silences_in_a_row() -> None:
    protocol = bare_protocol("me")
    protocol.admit(peer(1))
    protocol.handle_call_response(None, peer(1))
    assert len(protocol.router) == 1
    protocol.handle_call_response(None, peer(1))
    assert len(protocol.router) == 0


def test_a_liar_that_names_a_contact_elsewhere_does_not_cost_it_its_place() -> None:
    protocol = bare_protocol("me")
    protocol.admit(peer(1))
    assert protocol.usable((peer(1, port=666).to_wire(),)) == [peer(1)]
    for _ in range(5):
        protocol.handle_call_response(None, peer(1, port=666))
    assert list(protocol.router) == [peer(1)]


def test_limit_29_a_message_does_not_walk_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = bare_protocol("me")

    def walked(self: object) -> list[bytes]:
        raise AssertionError("the store was walked")

    monkeypatch.setattr(type(protocol.storage), "keys", walked)
    assert asked(protocol, Ping()) is not None
    assert asked(protocol, FindNode(target=bytes(20))) is not None


def test_a_contact_that_moved_is_probed_at_its_new_place() -> None:
    protocol, probed = bare_protocol("me"), []
    protocol.admit(peer(1, port=1))
    protocol.probe = probed.append
    protocol.welcome_if_new(peer(1, port=2))
    assert probed == [peer(1, port=2)]
    protocol.admit(peer(1, port=2))
    assert list(protocol.router) == [peer(1, port=2)]


def test_our_address_is_what_most_others_say_it_is() -> None:
    protocol = bare_protocol("me")
    assert protocol.observed() is None
    for number, host in enumerate(["8.8.8.8", "9.9.9.9", "8.8.8.8"]):
        protocol._vote(peer(number).node_id, (host, 7000))
    assert protocol.observed() == ("8.8.8.8", 7000)


def far_off(protocol: DirectoryProtocol) -> list[Peer]:
    """More nodes of the other half of the key space than there is room for."""
    everybody = [peer(n, port=7000 + n) for n in range(600)]
    return [one for one in everybody if one.id[0] >> 7 != protocol.source_node.id[0] >> 7]


def test_limit_29_a_node_that_fits_no_bucket_is_not_probed_until_a_place_falls_free() -> None:
    protocol, probed = bare_protocol("me"), []
    protocol.probe = probed.append
    for one in far_off(protocol):
        protocol.admit(one)
    outsider = next(one for one in far_off(protocol) if protocol.router.get(one.id) is None)
    for _ in range(20):
        protocol.welcome_if_new(outsider)
    assert probed == []
    bucket = protocol.router.buckets[protocol.router.get_bucket_for(outsider)]
    protocol.router.remove_contact(bucket.head())
    assert probed[0] == outsider
    protocol.admit(outsider)
    assert protocol.router.get(outsider.id) == outsider


def test_limit_9_a_newcomer_to_a_full_bucket_causes_no_datagram() -> None:
    protocol = bare_protocol("me")
    for one in far_off(protocol):
        protocol.admit(one)
        protocol.welcome_if_new(one)
    assert protocol._outstanding == {}


def test_who_used_up_the_budget_of_its_address_is_not_answered_until_later() -> None:
    clock = ManualClock()
    protocol, asker = bare_protocol("me", clock=clock), peer("asker")
    cost = WORK_REQUEST + 2 * WORK_RECORD
    stored = Store(records=(b"x", b"y"))
    while protocol.may_work(asker.endpoint):
        asked(protocol, stored)
    assert not protocol.may_open(asker.endpoint)
    assert protocol.may_work(peer("other", port=9).endpoint)
    clock.advance(2 * cost / WORK_RATE)
    assert protocol.may_work(asker.endpoint)


def test_contacts_unheard_for_long_or_silent_when_last_asked_are_checked() -> None:
    protocol = bare_protocol("me")
    for number, heard in enumerate((100.0, 900.0, 950.0)):
        protocol.liveness.heard(peer(number), now=heard)
        protocol.admit(peer(number))
    protocol.liveness.failed(peer(2), now=960.0)
    assert set(protocol.contacts_to_check(unheard_since=500.0)) == {peer(0), peer(2)}
