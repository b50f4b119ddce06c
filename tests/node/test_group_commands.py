"""The commands themselves are tested with what they do in test_tokens.py; here: what they answer."""

from __future__ import annotations

from idas_p2p.node.group_commands import group_commands
from idas_p2p.node.node import Node
from idas_p2p.wire.audit import Event
from tests.node.nodes import share


async def test_a_statement_is_written_down_and_answered_with_the_node_ids_it_is_about(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    noted = list[Event]()
    commands = group_commands(
        anna.sharing.tokens, anna.sharing.groupings, anna.federation, clock=anna.clock, note=noted.append
    )
    words = {"kind": "vouch", "group": "Lake", "members": [str(berg.identity.node_id)], "expires_seconds": 60}
    answer = await commands["group_say"](words, lambda progress: None)
    assert answer == {"group": "Lake", "members": [str(berg.identity.node_id)]}
    assert [event.text for event in noted] == [f"group Lake: vouches said of {berg.identity.node_id}"]


async def test_the_groups_that_rules_name_and_somebody_is_proved_to_be_in_are_told(pair: tuple[Node, Node]) -> None:
    anna, _ = pair
    await share(anna, to="nodes:Lake")
    commands = group_commands(anna.sharing.tokens, anna.sharing.groupings, anna.federation, clock=anna.clock)
    words = {"kind": "nodes", "group": "Lake", "members": ["berg Hospital"], "expires_seconds": 60}
    await commands["group_say"](words, lambda progress: None)
    await anna.sharing.tokens.turn()
    answer = await commands["group_proved"]({"node": "Berg hospital", "user": ""}, lambda progress: None)
    assert answer == {"groups": [], "node_groups": ["lake"]}
