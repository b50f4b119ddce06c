from __future__ import annotations

from idas_p2p.node.node import Node


async def test_the_holders_side_is_one_policy_one_catalog_and_one_set_of_pulls(lone: Node) -> None:
    assert lone.sharing.holdings is lone.holdings
    assert lone.sharing.shelves is lone.shelves
    assert lone.sharing.groupings.own("dr-lee").institution == lone.config.institution
