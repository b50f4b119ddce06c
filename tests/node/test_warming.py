"""Image channels opened before they are asked for: handed out once, while they are good, and never left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from idas_p2p.node import warming
from idas_p2p.node.node import Node
from idas_p2p.node.warming import MAX_WARM
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.wire.ids import NodeId
from tests.transport.pairs import until


@pytest.fixture
def _far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback counts as far."""
    monkeypatch.setattr(warming, "FAR", 0.0)


async def warmed(pair: tuple[Node, Node]) -> tuple[Node, NodeId, MovingChannel]:
    """Berg, the node it found something at, and the channel it opened there."""
    anna, berg = pair
    node_id = anna.identity.node_id
    await berg.links.control(node_id)
    berg.warming.expect(node_id)
    one = berg.warming._warm[node_id]
    await one.is_dialled.wait()
    assert one.channel is not None
    return berg, node_id, one.channel


@pytest.mark.usefixtures("_far")
async def test_a_channel_that_was_opened_before_is_handed_out_once(pair: tuple[Node, Node]) -> None:
    berg, node_id, held = await warmed(pair)
    berg.warming.expect(node_id)
    assert len(berg.warming) == 1
    assert await berg.warming.image(node_id) is held
    other = await berg.warming.image(node_id)
    assert other is not held
    assert held.is_open
    for channel in (held, other):
        assert isinstance(channel, MovingChannel)
        await channel.close()


@pytest.mark.usefixtures("_far")
async def test_one_that_is_being_dialled_is_waited_for(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    berg.warming.expect(anna.identity.node_id)
    one = berg.warming._warm[anna.identity.node_id]
    channel = await berg.warming.image(anna.identity.node_id)
    assert channel is one.channel
    await channel.close()


@pytest.mark.usefixtures("_far")
async def test_one_that_nobody_takes_is_closed(pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "LIFETIME", 0.0)
    berg, _, held = await warmed(pair)
    await until(lambda: held.is_over and not len(berg.warming))


@pytest.mark.usefixtures("_far")
async def test_one_that_has_ended_meanwhile_is_not_handed_out(pair: tuple[Node, Node]) -> None:
    berg, node_id, held = await warmed(pair)
    held.abort()
    channel = await berg.warming.image(node_id)
    assert channel is not held
    assert isinstance(channel, MovingChannel)
    assert channel.is_open
    await channel.close()


@pytest.mark.usefixtures("_far")
async def test_one_that_was_not_heard_of_for_long_is_not_handed_out_but_closed(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    berg, node_id, held = await warmed(pair)
    monkeypatch.setattr(warming, "FRESH", -1.0)
    monkeypatch.setattr(warming, "LIFETIME", 0.0)
    channel = await berg.warming.image(node_id)
    assert channel is not held
    await channel.close()

    await held.close()


@dataclass(frozen=True)
class Secrets:
    psk: bytes = bytes(32)


class OtherKeys:
    """A federation whose key was replaced."""

    def secrets_for(self, _: NodeId) -> Any:
        return Secrets()


@pytest.mark.usefixtures("_far")
async def test_one_under_a_key_that_was_replaced_is_not_handed_out(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    berg, node_id, held = await warmed(pair)
    monkeypatch.setattr(berg.warming, "_federation", OtherKeys())
    channel = await berg.warming.image(node_id)
    assert channel is not held
    await channel.close()


async def test_none_is_opened_to_a_near_node_nor_to_one_without_a_link(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    berg.warming.expect(anna.identity.node_id)
    monkeypatch.setattr(warming, "FAR", 0.0)
    berg.warming.expect(NodeId(bytes(32)))
    assert len(berg.warming) == 0


@pytest.mark.usefixtures("_far")
async def test_there_are_so_many_and_no_more(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    others = {NodeId(bytes([number]) * 32): warming._Warm() for number in range(MAX_WARM)}
    berg.warming._warm.update(others)
    berg.warming.expect(anna.identity.node_id)
    assert len(berg.warming) == MAX_WARM


@pytest.mark.usefixtures("_far")
async def test_whoever_finds_a_study_has_one_opened(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.control(anna.identity.node_id)
    berg.finder.on_found(anna.identity.node_id)
    assert len(berg.warming) == 1
