from __future__ import annotations

import pytest

from idas_p2p.errors import Busy
from idas_p2p.exchange.meets import NO_MEETS
from idas_p2p.wire.ice import IceTerms
from idas_p2p.wire.ids import NodeId


async def test_a_node_that_meets_nobody_says_so() -> None:
    peer = NodeId(b"p" * 32)
    with pytest.raises(Busy):
        NO_MEETS.tcp(peer, (), 0.1)
    with pytest.raises(Busy):
        await NO_MEETS.udp(peer, IceTerms(user="u", password="p" * 22, fingerprint=bytes(32), candidates=()))
