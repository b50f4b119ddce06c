"""Everything a dashboard shows, of a real node."""

from __future__ import annotations

import json

from idas_p2p.node.node import Node
from idas_p2p.node.overview import overview, pulse
from idas_p2p.node.recent import RecentEvents
from tests.node.nodes import fill, retrieve, share


async def test_a_node_without_a_federation_says_so_first(lone: Node) -> None:
    told = overview(lone, RecentEvents())
    assert "no_federation" in {one["name"] for one in told["alerts"]}
    assert json.dumps(told)


async def test_what_two_nodes_do_is_in_both_dashboards(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await retrieve(berg)
    for node, direction, other in ((anna, "out", "berg Hospital"), (berg, "in", "anna Hospital")):
        told = overview(node, RecentEvents())
        assert [(one["direction"], one["peer"]) for one in told["transfers"]] == [(direction, other)]
        assert [one["institution"] for one in told["peers"]] == [other]
        assert pulse(node, RecentEvents())["transfers"] == told["transfers"]
