"""The same vices among nodes of stock `kademlia`; where its protocol has no answer to give, none is made up for it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from tools.simulate_directory.hostile import BURST, FLOOD, NAMED
from tools.simulate_directory.plan import UDP_PORT, Vice

if TYPE_CHECKING:
    from tools.simulate_directory.stock import Stock

NEAR = 4  # bytes of a made-up id that differ from the one looked for: ids are free there


def corrupt(federation: Stock, number: int, how: Vice) -> None:
    """Let a node do evil from now on."""
    protocol: Any = federation.servers[number].protocol
    rng = random.Random(f"evil {federation.plan.seed} {number}")  # noqa: S311  # no secrets here

    def invented(sender: Any, node: bytes, key: bytes) -> list[tuple[bytes, str, int]]:
        ids = [key[:-NEAR] + rng.randbytes(NEAR) for _ in range(NAMED)]
        return [(node_id, f"90.0.{rng.randrange(256)}.1", UDP_PORT) for node_id in ids]

    def given(sender: Any, node: bytes, key: bytes) -> Any:
        record = federation.number_at(key)
        if record is None:
            return invented(sender, node, key) if how is Vice.MISLEAD else protocol.rpc_find_node(sender, node, key)
        return {"value": federation.value(record, version=0) if how is Vice.STALE else rng.randbytes(369)}

    def flood() -> None:
        for _ in range(BURST):
            victim = federation.plan.host_of(rng.randrange(federation.plan.nodes))
            protocol.transport.sendto(rng.randbytes(rng.randrange(1, 1_300)), (victim, UDP_PORT))
        asyncio.get_running_loop().call_later(BURST / FLOOD, flood)

    if how is Vice.DROP:
        protocol.datagram_received = lambda data, address: None
        return
    protocol.rpc_store = lambda sender, node, key, value: True
    protocol.rpc_find_value = invented if how is Vice.MISLEAD else given
    if how is Vice.MISLEAD:
        protocol.rpc_find_node = invented
    if how is Vice.FLOOD:
        asyncio.get_running_loop().call_later(rng.uniform(0, BURST / FLOOD), flood)
