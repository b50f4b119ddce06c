"""Where a node says it can be dialled, with real directories that dial back on loopback."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.node.whereabouts import Whereabouts
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dial_back import DialBackServer
from idas_p2p.transport.listener import Listener
from idas_p2p.wire.address import Address
from tests.bootstrap.relaying import RELAY, relaying, until
from tests.directory.network import key, nodes

OPERATORS = Address("clinic.example", 443)


async def test_a_node_that_others_can_dial_learns_so_and_tells_its_address() -> None:
    tasks = TaskOwner(limit=16)
    async with nodes() as group:
        helper, directory = await group.start_many(2)
        helping = Whereabouts(key(0), (), helper, take=_take_nothing, clock=group.clock)
        helping.start(Address("127.0.0.1", 1), tasks=tasks)
        whereabouts = Whereabouts(key(1), (), directory, take=_take_nothing, clock=group.clock)
        listener = Listener(
            key(1),
            find_psk=whereabouts.reachability.watching(lambda purpose, psk_id: None),
            on_channel=_serve_nobody,
            admits=lambda *_: False,
            owner=tasks,
        )
        bound = await listener.start(Address("127.0.0.1", 0))
        whereabouts.start(bound, tasks=tasks)
        assert await whereabouts.reachability.test()
        assert whereabouts.reachability.verdicts == {bound: True}
        assert whereabouts.addresses() == (bound,)
        assert whereabouts.seen_as() == ["127.0.0.1"]
        await listener.stop()
        await tasks.stop()


async def test_a_node_whose_datagrams_nobody_sees_come_from_it_has_its_relay_dial_it() -> None:
    tasks = TaskOwner(limit=16)
    async with nodes() as group, relaying() as relay:
        relay.relay.on_dial_back = DialBackServer(RELAY, tasks=tasks).accept
        whereabouts = Whereabouts(
            key(1), (), await group.start(1), relays=lambda: [relay.contact], take=_take_nothing, clock=group.clock
        )
        assert not await whereabouts.reachability.test()  # nobody to ask yet
        listener = Listener(
            key(1),
            find_psk=whereabouts.reachability.watching(lambda purpose, psk_id: None),
            on_channel=_serve_nobody,
            admits=lambda *_: False,
            owner=tasks,
        )
        bound = await listener.start(Address("127.0.0.1", 0))
        whereabouts.start(bound, tasks=tasks)
        await whereabouts.relays.turn()
        await until(lambda: bool(whereabouts.relays.helpers()))
        assert await whereabouts.reachability.test()
        assert whereabouts.reachability.verdicts == {bound: True}
        await whereabouts.stop()
        await listener.stop()
        await tasks.stop()


async def test_udp_is_used_at_the_addresses_of_the_machine_and_others_are_told_those_of_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = TaskOwner(limit=16)
    async with nodes() as group:
        directory = await group.start(0)
        for configured, told in ((), {"127.0.0.1"}), ((OPERATORS,), {OPERATORS.host}):
            whereabouts = Whereabouts(key(0), configured, directory, take=_take_nothing, clock=group.clock)
            whereabouts.start(Address("127.0.0.1", 7_000), tasks=tasks)
            hosts = whereabouts.webrtc._hosts()
            assert (list(hosts.usable), hosts.told) == (["127.0.0.1"], told)
        carried = replace(directory.status(), is_carried=True)  # the network lets no UDP out
        monkeypatch.setattr(directory, "status", lambda: carried)
        assert not whereabouts.webrtc._hosts().usable
        await whereabouts.stop()


async def test_what_the_operator_says_is_told_as_it_is() -> None:
    async with nodes() as group:
        whereabouts = Whereabouts(key(0), (OPERATORS,), await group.start(0), take=_take_nothing, clock=group.clock)
        whereabouts.reachability.verdicts[OPERATORS] = False
        assert whereabouts.addresses() == (OPERATORS,)


def _take_nothing(connection: object, path: str) -> None:
    raise AssertionError("nobody comes by way of others")


async def _serve_nobody(channel: object) -> None:
    raise AssertionError("nobody is admitted")
