from __future__ import annotations

import pytest

from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.node import Node
from idas_p2p.node.push import LONGEST, STATES
from idas_p2p.store.offers import OfferDirection, OfferState
from idas_p2p.wire.offers import MAX_NOTE, Fate, OfferFate
from tests.node.nodes import STUDY, fill


def test_every_fate_is_a_state() -> None:
    assert set(STATES) == set(Fate)


async def test_what_cannot_be_offered_is_refused_and_grants_nothing(pair: tuple[Node, Node]) -> None:
    anna, _ = pair
    await fill(anna)
    send = anna.exams.push.send
    with pytest.raises(NoSuchThing):
        await send("9.9", "berg Hospital", level="full", lifetime=60.0)
    for wrong in ({"note": "x" * (MAX_NOTE + 1), "lifetime": 60.0}, {"lifetime": LONGEST + 1}, {"lifetime": 0.0}):
        with pytest.raises(BadConfiguration):
            await send(STUDY, "berg Hospital", level="full", **wrong)  # type: ignore[arg-type]
    with pytest.raises(BadConfiguration):
        await send(STUDY, "berg Hospital", level="no such level", lifetime=60.0)
    assert anna.settings.grants() == []
    assert anna.exams.offers.all(OfferDirection.OUT) == []


async def test_a_fate_that_another_node_tells_changes_nothing(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    offer = await anna.exams.push.send(STUDY, str(berg.identity.node_id)[:12], level="full", lifetime=60.0)
    stranger = anna.federation.requester(anna.identity.node_id, "")
    told = OfferFate(number=1, offer=offer.offer, fate=Fate.REFUSED)
    await anna.exams.push.take_fate(stranger, told)
    assert anna.exams.offers.all(OfferDirection.OUT)[0].state is OfferState.OFFERED
    await anna.exams.push.take_fate(anna.federation.requester(berg.identity.node_id, ""), told)
    assert anna.exams.offers.all(OfferDirection.OUT)[0].state is OfferState.REFUSED
    assert anna.settings.grants() == []  # what went with the offer is taken back with it
