from __future__ import annotations

from typing import cast

import pytest

from idas_p2p.crypto.handshake import Initiator
from idas_p2p.errors import PeerUnreachable
from idas_p2p.exchange.control import ControlLink
from idas_p2p.node.attempts import AFTER_FAILURE, Attempts
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.dialer import DIRECT_PATH
from idas_p2p.transport.rungs import Prove, Reached
from idas_p2p.wire.ids import NodeId
from tests.directory.network import ManualClock, key

PEER = key("berg").node_id
REACHED = Reached(cast(Connection, None), cast(Initiator, None))


class Link:
    """What a rung asks of a control link."""

    def __init__(self, path: str) -> None:
        self.path = path


async def prove(_: Connection) -> Reached:
    return REACHED


async def try_once(attempts: Attempts, *, path: str = "relay", fails: bool = False, again: bool = False) -> Reached:
    async def control(_: NodeId) -> ControlLink:
        return cast(ControlLink, Link(path))

    async def agree(_: ControlLink, prove: Prove) -> Reached:
        if fails:
            raise PeerUnreachable("a router let nothing through")
        return await prove(cast(Connection, None))

    rung = attempts.rung(PEER, control, agree, again=again)
    if rung is None:
        raise LookupError
    return await rung.reach(prove)


async def test_a_pair_for_which_it_failed_is_left_alone_for_a_while_unless_nobody_waits() -> None:
    clock = ManualClock()
    attempts = Attempts("tcp-open", 0.4, 3.0, clock)
    with pytest.raises(PeerUnreachable):
        await try_once(attempts, fails=True)
    with pytest.raises(LookupError):
        await try_once(attempts)
    assert await try_once(attempts, again=True) is REACHED
    assert await try_once(attempts) is REACHED
    with pytest.raises(PeerUnreachable):
        await try_once(attempts, fails=True)
    clock.advance(AFTER_FAILURE)
    assert await try_once(attempts) is REACHED


async def test_where_no_router_is_in_the_way_it_is_neither_tried_nor_held_against_the_pair() -> None:
    attempts = Attempts("tcp-open", 0.4, 3.0, ManualClock())
    with pytest.raises(PeerUnreachable, match="dialled directly"):
        await try_once(attempts, path=DIRECT_PATH)
    assert await try_once(attempts) is REACHED
