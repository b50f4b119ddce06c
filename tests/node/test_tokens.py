"""What a node says about groups reaches those who decide by it, and nobody believes more than may be said."""

from __future__ import annotations

import pytest

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import BadConfiguration, NoSuchThing, NotAnAdmin
from idas_p2p.node.group_commands import group_commands
from idas_p2p.node.node import Node
from idas_p2p.node.tokens import LEAVE_FRESH, NODES, VOUCHES
from idas_p2p.store.settings import User
from tests.node.nodes import STUDY, fill, retrieve, share, until


async def say(admin: Node, kind: str, group: str, *members: str, withdrawn: bool = False) -> None:
    """As the administrator's command does, without waiting for the node's own turn."""
    commands = group_commands(admin.sharing.tokens, admin.sharing.groupings, admin.federation, clock=admin.clock)
    words = {"kind": kind, "group": group, "members": members, "expires_seconds": 3_600, "withdrawn": withdrawn}
    await commands["group_say"](words, lambda progress: None)
    await admin.sharing.tokens.turn()


def forget(node: Node) -> None:
    """As if a minute went by, so that what is known is looked up again."""
    for found in node.sharing.groupings._found.values():
        found.found_at -= LEAVE_FRESH


async def offers(node: Node, user: str = "") -> int:
    return len(await node.finder.offers_of(user, STUDY))


async def test_a_rule_about_a_group_of_nodes_holds_for_those_the_admin_put_into_it(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna, to="nodes:Lake")
    assert await offers(berg) == 0
    await say(anna, "nodes", "lake", "berg Hospital")
    forget(anna)
    assert len(await retrieve(berg)) == 1 + len(stored)
    await say(anna, "nodes", "Lake", "Berg Hospital", withdrawn=True)
    forget(anna)
    berg.finder.offers.forget("", STUDY, anna.identity.node_id)
    assert await offers(berg) == 0


async def test_a_rule_about_a_group_of_users_holds_for_those_their_node_may_and_does_vouch_for(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna, to="group:Radiology")
    berg.settings.add_user(User(name="dr-lee", password_hash="x", groups=("Radiology",)))
    await berg.sharing.tokens.turn()
    assert [one for one, _ in berg.sharing.tokens.all()] == []
    await say(anna, "vouch", "Radiology", "Berg Hospital")
    forget(berg)
    await berg.sharing.tokens.turn()
    assert [(one.member, is_stored) for one, is_stored in berg.sharing.tokens.all()] == [("dr-lee", True)]
    assert (await offers(berg, "dr-lee"), await offers(berg, "dr-moss"), await offers(berg)) == (1, 0, 0)
    berg.settings.remove_user("dr-lee")
    await berg.sharing.tokens.turn()
    forget(anna)
    asks = Requester(node_id=berg.identity.node_id, institution="Berg Hospital", user="dr-lee")
    assert (await anna.sharing.groupings.of(asks)).client_groups == frozenset()


async def test_only_an_admin_speaks_of_members_and_only_of_members(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    with pytest.raises(NotAnAdmin):
        berg.sharing.tokens.say(NODES, "lake", [berg.identity.node_id], until=2e9)
    with pytest.raises(NoSuchThing):
        await say(anna, "nodes", "lake", "Nowhere")
    with pytest.raises(BadConfiguration):
        await say(anna, "users", "lake", "Berg Hospital")
    with pytest.raises(BadConfiguration):
        anna.sharing.tokens.say(VOUCHES, "´", [berg.identity.node_id], until=2e9)


async def test_statements_are_listed_with_whether_the_directory_has_them(pair: tuple[Node, Node]) -> None:
    anna, _ = pair
    await say(anna, "nodes", "Lake", "Berg Hospital")
    commands = group_commands(anna.sharing.tokens, anna.sharing.groupings, anna.federation, clock=anna.clock)
    await until(lambda: all(is_stored for _, is_stored in anna.sharing.tokens.all()))
    (row,) = (await commands["group_tokens"]({}, lambda progress: None))["tokens"]
    assert (row["kind"], row["group"], row["member"], row["stored"]) == ("nodes", "lake", "berg Hospital", True)
