"""What serves whom who is no member, and what outlives a restart."""

from __future__ import annotations

from pathlib import Path

from idas_p2p.node.node import Node
from idas_p2p.wire.handshake import Purpose
from tests.node.nodes import STUDY, fill, make_config, running


async def test_channels_of_outsiders_and_of_users_are_served_and_no_others(lone: Node) -> None:
    assert set(lone.outsiders.served()) == {Purpose.PASS, Purpose.SIGN_IN}
    assert [name for name, _ in lone.outsiders.turns()] == ["passes", "emergencies"]


async def test_passes_outlive_a_restart_of_the_node(tmp_path: Path) -> None:
    config = make_config(tmp_path, "anna")
    async with running(config) as node:
        await fill(node)
        made = await node.outsiders.desk.share(STUDY, "full", lifetime=60, uses=1)
    async with running(config) as node:
        assert [row["label"] for row in node.outsiders.desk.rows()] == [made.label]
