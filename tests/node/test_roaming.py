"""A change of the machine's addresses is told once, whatever their order."""

from __future__ import annotations

from idas_p2p.node.roaming import LOOK_INTERVAL, Roaming


async def test_a_change_is_told_once_and_the_first_look_is_none() -> None:
    addresses, told = [["127.0.0.1", "192.0.2.7"]], list[str]()
    roaming = Roaming(lambda: addresses[0])
    roaming.on_change += [lambda: told.append("one"), lambda: told.append("other")]
    for seen, expected in (
        (["127.0.0.1", "192.0.2.7"], []),
        (["192.0.2.7", "127.0.0.1"], []),
        (["127.0.0.1", "198.51.100.3"], ["one", "other"]),
        (["127.0.0.1", "198.51.100.3"], []),
        (["127.0.0.1"], ["one", "other"]),
    ):
        addresses[0] = seen
        assert await roaming.turn() == LOOK_INTERVAL
        assert told == expected
        told.clear()
