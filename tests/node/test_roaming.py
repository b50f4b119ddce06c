"""A change of the machine's addresses is told once, whatever their order."""

from __future__ import annotations

from idas_p2p.node.roaming import LOOK_INTERVAL, Roaming


async def test_a_change_is_told_once_and_the_first_look_is_none() -> None:
    addresses, told = [["127.0.0.1", "192.0.2.7"]], list[object]()
    roaming = Roaming(lambda: addresses[0])
    roaming.on_change += [told.append, told.append]
    for seen, is_told in (
        (["127.0.0.1", "192.0.2.7"], False),
        (["192.0.2.7", "127.0.0.1"], False),
        (["127.0.0.1", "198.51.100.3"], True),
        (["127.0.0.1", "198.51.100.3"], False),
        (["127.0.0.1"], True),
    ):
        addresses[0] = seen
        assert await roaming.turn() == LOOK_INTERVAL
        assert told == (2 * [frozenset(seen)] if is_told else [])
        told.clear()
