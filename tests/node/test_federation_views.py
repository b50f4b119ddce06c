from __future__ import annotations

from idas_p2p.access.admission import AskingNode
from idas_p2p.node import federation_views
from idas_p2p.node.node import Node
from idas_p2p.wire.federation import ADD


async def test_the_summary_tells_an_administrator_what_waits_for_it(pair: tuple[Node, Node], lone: Node) -> None:
    anna, berg = pair
    (summary,) = federation_views.federations(anna)
    assert summary == {
        "name": "Lake Region",
        "epoch": 2,
        "members": 2,
        "admin": True,
        "admins": 1,
        "asking": [],
        "proposals": 0,
    }
    made = await anna.membership.invite(lifetime=60, uses=1, needs_approval=True)
    (proved,) = (i.psk_id for i in anna.federation.invitations(now=anna.clock.now()) if i.label == made.label)
    asking = AskingNode.of(lone.identity.node_id, "Carl", proved=proved, now=anna.clock.now())
    anna.federation._admission.ask(asking, now=anna.clock.now())
    (told,) = federation_views.federations(anna)
    assert told["asking"] == ["Carl"]
    (other,) = federation_views.federations(berg)
    assert (other["admin"], other["asking"]) == (False, [])
    assert federation_views.federations(lone) == []


async def test_a_vote_that_waits_for_others_is_shown_with_who_gave_it(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    anna.membership.change_admins(ADD, "berg Hospital")
    change = anna.federation.require_member().changes[0]
    shown = federation_views.proposal(anna.federation, change, anna.identity.node_id)
    assert (shown["act"], shown["institution"]) == ("add", "berg Hospital")
    assert [vote["institution"] for vote in shown["votes"]] == ["anna Hospital"]
    assert berg.identity.node_id == change.subject


async def test_what_a_node_waits_for_is_shown_until_it_is_a_member(lone: Node) -> None:
    assert federation_views.joining(lone) is None
    lone.membership.waiting.remember("IDAS2-CODE")
    assert federation_views.joining(lone) == {"state": "waiting", "reason": ""}
    lone.membership.waiting.give_up("no")
    assert federation_views.joining(lone) == {"state": "refused", "reason": "no"}
    lone.membership.create("Alone")
    assert federation_views.joining(lone) is None
