"""One node in two federations: their members do not meet, and each has the rules that were made for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from idas_p2p.errors import BadConfiguration, IdasError
from idas_p2p.node.federation_commands import federation_commands
from idas_p2p.node.find import Search
from idas_p2p.node.node import Node
from idas_p2p.wire.query import StudyQuery
from tests.node.nodes import STUDY, data_of, fill, make_config, retrieve, running, until

Three = tuple[Node, Node, Node]


@pytest.fixture
async def between(tmp_path: Path) -> AsyncIterator[Three]:
    """Berg founded North, Carl founded South, Anna joined both."""
    async with (
        running(make_config(tmp_path, "berg")) as berg,
        running(make_config(tmp_path, "carl")) as carl,
        running(make_config(tmp_path, "anna")) as anna,
    ):
        berg.membership.create("North")
        carl.membership.create("South")
        for inviter in (berg, carl):
            await anna.memberships.join((await inviter.membership.invite(lifetime=600, uses=1)).code)
        yield anna, berg, carl


async def offer(node: Node, *, instances: int = 1, study_uid: str = STUDY) -> dict[str, bytes]:
    """Store a study at a node; returns when the directory knows."""
    stored = await fill(node, instances=instances, study_uid=study_uid)
    await until(lambda: node.catalog.announced.count() > 0)
    return stored


async def seen_by(node: Node) -> list[str]:
    search, found = Search(user="", query=StudyQuery.of({"StudyInstanceUID": STUDY})), list[str]()
    try:
        async for one in node.finder.find(search):
            found.append(one.study.study_uid)
    except IdasError as error:
        return [error.code]
    return found


async def test_a_rule_for_one_federation_gives_nothing_to_another(between: Three) -> None:
    anna, berg, carl = between
    stored = await offer(anna, instances=2)
    anna.settings.add_grant(subject="everyone", level="full")  # which speaks of North, that Anna joined first
    anna.configure()
    assert await seen_by(berg) == [STUDY]
    assert await seen_by(carl) == []
    anna.settings.add_grant(subject="in:South:everyone", level="full")
    anna.configure()
    assert await seen_by(carl) == [STUDY]
    assert data_of(await retrieve(carl)) == stored
    assert berg.identity.node_id not in carl.federations.others()


async def test_a_node_sees_what_members_of_both_share_and_leaves_one_without_the_other(between: Three) -> None:
    anna, berg, carl = between
    for node, study in ((berg, "1.2.3"), (carl, "1.2.4")):
        await offer(node, study_uid=study)
        node.settings.add_grant(subject="everyone", level="full")
        node.configure()
    for study in ("1.2.3", "1.2.4"):
        assert len(data_of(await retrieve(anna, study))) == 1
    berg.membership.remove("anna Hospital")
    await until(lambda: not anna.federation.is_member)
    assert anna.federations.others() == [carl.identity.node_id]
    assert len(data_of(await retrieve(anna, "1.2.4"))) == 1


async def test_commands_name_the_federation_where_there_are_several_and_nobody_joins_one_twice(between: Three) -> None:
    anna, berg, carl = between
    commands = federation_commands(anna)
    with pytest.raises(BadConfiguration, match="North, South"):
        await commands["federation_members"]({}, lambda progress: None)
    told = await commands["federation_members"]({"federation": "south"}, lambda progress: None)
    assert {row["institution"] for row in told["members"]} == {"anna Hospital", "carl Hospital"}
    again = await carl.membership.invite(lifetime=600, uses=1)
    with pytest.raises(BadConfiguration, match="this federation already"):
        await anna.memberships.join(again.code)
    assert [one.is_member for one in anna.federations.places][:2] == [True, True]
    await commands["federation_leave"]({"federation": "North"}, lambda progress: None)
    assert berg.identity.node_id not in anna.federations.others()
