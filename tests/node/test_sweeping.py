"""What is too old is let go."""

from __future__ import annotations

from idas_p2p.node.node import Node
from tests.node.nodes import make_instance
from tests.store.makers import spool


async def test_what_lies_in_the_spool_too_long_is_swept_away(lone: Node) -> None:
    for key, age in ((b"old", 7_200.0), (b"new", 10.0)):
        with lone.spool.open(key, now=lone.clock.now() - age) as transfer:
            spool(transfer, make_instance(1))
    used = lone.spool.used_bytes
    assert await lone.sweeper.turn() > 0
    assert lone.spool.used_bytes == used / 2
