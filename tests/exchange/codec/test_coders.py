"""Work done on the spot has the outcomes that work in lanes has."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.coders import InPlace
from idas_p2p.exchange.codec.grid import Grid
from idas_p2p.exchange.codec.jobs import Decode, Encode, perform_all
from idas_p2p.exchange.codec.pieces import Coding, Way
from tests.exchange.codec.images import smooth

JOB = Encode(smooth(20, 30), Grid(columns=30, sample_size=2), (Way.PLANE,))


async def test_work_on_the_spot_is_done_when_it_is_begun() -> None:
    coders = InPlace()
    coders.warm()
    future = coders.start(JOB)
    assert future.done()
    assert [future.result()] == perform_all([JOB])
    with pytest.raises(WireError):
        await coders.start(Decode(Coding.JPEG_LS, 4, b"nonsense"))
