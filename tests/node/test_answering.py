"""The side of a node that others open channels to is one: what is refused at its door is never served."""

from __future__ import annotations

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import HandshakeFailed, PeerUnreachable
from idas_p2p.node.node import Node
from idas_p2p.transport.dialer import dial
from idas_p2p.wire.handshake import Purpose


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_a_stranger_without_any_key_of_ours_gets_no_channel_of_any_purpose(lone: Node, purpose: Purpose) -> None:
    me, key = SigningKey.generate(), bytes(32)
    psk = Psk(psk_id=psk_id(key), key=key)
    with pytest.raises((HandshakeFailed, PeerUnreachable)):
        await dial(me, lone.identity.node_id, (lone.network_address,), purpose=purpose, psk=psk, timeout=10.0)
    assert len(lone.accepted) == 0
