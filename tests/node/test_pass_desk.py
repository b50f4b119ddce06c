"""Giving out passes and taking them back, as the operator's commands do."""

from __future__ import annotations

import pytest

from idas_p2p.access.invitation import PassCode
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.node import Node
from idas_p2p.node.pass_desk import pass_commands
from tests.node.nodes import STUDY, fill


def nothing(progress: object) -> None:
    pass


async def test_the_commands_make_list_and_revoke_a_pass_and_never_show_its_code_again(lone: Node) -> None:
    await fill(lone)
    commands = pass_commands(lone.outsiders.desk)
    wanted = {"study_uid": STUDY, "level": "full", "expires_seconds": 60, "uses": 1}
    made = await commands["share"](wanted, nothing)
    assert PassCode.from_code(made["code"]).contact.node_id == lone.identity.node_id
    assert made["kept_by"] == 0  # nobody else is there
    (row,) = (await commands["passes"]({}, nothing))["passes"]
    assert (row["label"], row["state"], row["uses"], row["begun"]) == (made["label"], "open", 1, 0)
    assert made["code"] not in str(row)
    assert (await commands["pass_revoke"]({"label": made["label"]}, nothing)) == {"label": made["label"]}
    assert (await commands["passes"]({}, nothing))["passes"][0]["state"] == "revoked"


async def test_what_is_not_here_and_what_shows_nothing_is_not_shared(lone: Node) -> None:
    desk = lone.outsiders.desk
    with pytest.raises(NoSuchThing):
        await desk.share("9.9.9", "full", lifetime=60, uses=1)
    await fill(lone)
    for level in ("none", "nonsense"):
        with pytest.raises(BadConfiguration):
            await desk.share(STUDY, level, lifetime=60, uses=1)
    assert desk.rows() == []


async def test_the_record_of_an_open_pass_is_left_again_when_it_is_due(lone: Node) -> None:
    await fill(lone)
    desk = lone.outsiders.desk
    await desk.share(STUDY, "full", lifetime=60, uses=1)
    (label,) = desk._published
    desk._published.clear()  # as after a restart
    assert await desk.turn() > 0
    assert list(desk._published) == [label]
    desk.revoke(label)
    desk._published.clear()
    await desk.turn()
    assert desk._published == {}
