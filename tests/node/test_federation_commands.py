"""What an operator asks about the federation, of real nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from idas_p2p.errors import AwaitingApproval, BadCode, BadConfiguration, HandshakeFailed, NoSuchThing, NotAMember
from idas_p2p.node.federation_commands import federation_commands
from idas_p2p.node.node import Node
from tests.node.nodes import make_config, running, until


async def ask(at: Node, command: str, **arguments: Any) -> Any:
    return await federation_commands(at)[command](arguments, lambda progress: None)


async def test_a_node_waits_until_an_administrator_approves_and_then_joins_by_itself(
    pair: tuple[Node, Node], tmp_path: Path
) -> None:
    anna, _ = pair
    made = await ask(anna, "federation_invite", expires_seconds=60, uses=1, approval=True)
    async with running(make_config(tmp_path, "carl")) as carl:
        with pytest.raises(AwaitingApproval):
            await ask(carl, "join", code=made["code"])
        (waits,) = (await ask(anna, "federation_requests"))["requests"]
        assert (waits["institution"], waits["node_id"]) == ("carl Hospital", str(carl.identity.node_id))
        await carl.membership.turn()
        assert not carl.federation.is_member
        await ask(anna, "federation_approve", node="carl Hospital")
        await carl.membership.turn()
        assert carl.federation.is_member
        assert carl.membership.waiting.code() is None
        assert (await ask(anna, "federation_requests"))["requests"] == []


async def test_a_node_that_is_refused_is_told_and_asks_no_more(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, _ = pair
    made = await ask(anna, "federation_invite", expires_seconds=60, uses=1, approval=True)
    async with running(make_config(tmp_path, "carl")) as carl:
        with pytest.raises(AwaitingApproval):
            await ask(carl, "join", code=made["code"])
        with pytest.raises(NoSuchThing):
            await ask(anna, "federation_approve", node="berg Hospital")
        assert (await ask(anna, "federation_refuse", node="carl Hospital"))["institution"] == "carl Hospital"
        await carl.membership.turn()
        assert not carl.federation.is_member
        assert "administrator said no" in carl.membership.waiting.refusal
        assert carl.membership.waiting.code() is None


async def test_an_invitation_is_listed_without_its_code_and_admits_nobody_once_revoked(
    pair: tuple[Node, Node], lone: Node
) -> None:
    anna, _ = pair
    made = await ask(anna, "federation_invite", expires_seconds=60, uses=2)
    listed = await ask(anna, "federation_invitations")
    (row,) = [one for one in listed["invitations"] if one["label"] == made["label"]]
    assert (row["uses_left"], row["used"], row["approval"]) == (2, False, False)
    assert made["code"] not in str(listed)
    await ask(anna, "federation_revoke", invitation=made["label"])
    with pytest.raises((BadCode, HandshakeFailed)):
        await ask(lone, "join", code=made["code"])
    assert not lone.federation.is_member


async def test_an_invitation_says_how_many_other_nodes_keep_it(lone: Node, pair: tuple[Node, Node]) -> None:
    await ask(lone, "federation_create", name="Alone")
    assert (await ask(lone, "federation_invite", expires_seconds=60, uses=1))["kept_by"] == 0
    anna, _ = pair
    assert (await ask(anna, "federation_invite", expires_seconds=60, uses=1))["kept_by"] == 1


async def test_a_second_administrator_is_made_shown_and_acts(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    done = await ask(anna, "federation_admin", act="add", node="berg Hospital")
    assert (done["missing"], done["admins"]) == (0, 2)
    await until(lambda: berg.federation.is_admin)
    told = await ask(berg, "federation_admins")
    assert [one["institution"] for one in told["admins"]] == ["anna Hospital", "berg Hospital"]
    assert {row["admin"] for row in (await ask(berg, "federation_members"))["members"]} == {True}
    with pytest.raises(BadConfiguration, match="end its office first"):
        await ask(berg, "federation_remove", node="anna Hospital")
    await ask(berg, "federation_admin", act="remove", node="anna Hospital")
    await until(lambda: not anna.federation.is_admin)
    await ask(berg, "federation_remove", node="anna Hospital")
    await until(lambda: not anna.federation.is_member)


async def test_outside_a_federation_there_is_nothing_to_show(lone: Node) -> None:
    for command in ("federation_members", "federation_admins", "federation_invitations", "federation_requests"):
        with pytest.raises(NotAMember):
            await ask(lone, command)
