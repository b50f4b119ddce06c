from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.errors import RemoteError
from idas_p2p.node.manifests import LOOK_INTERVAL, PUBLISH_INTERVAL, is_due
from idas_p2p.node.node import Node
from tests.node.nodes import join, make_config, running, until


def test_a_header_is_due_for_a_new_epoch_and_after_its_interval() -> None:
    assert is_due(None, b"1", now=0.0)
    assert not is_due((b"1", 0.0), b"1", now=PUBLISH_INTERVAL - 1)
    assert is_due((b"1", 0.0), b"2", now=1.0)
    assert is_due((b"1", 0.0), b"1", now=PUBLISH_INTERVAL)


async def test_a_member_that_was_away_finds_the_newer_manifest_by_the_header(tmp_path: Path) -> None:
    config = make_config(tmp_path, "berg")
    async with running(make_config(tmp_path, "anna")) as anna, running(make_config(tmp_path, "carl")) as carl:
        anna.membership.create("Lake Region")
        async with running(config) as berg:
            await join(berg, anna)
        await join(carl, anna)
        anna.membership.remove("carl Hospital")
        await until(lambda: carl.identity.node_id not in anna.federation.others())
        async with running(config) as berg:
            await berg.directory.wait_joined(10)
            assert await berg.manifests.turn() == LOOK_INTERVAL
            assert berg.federation.secrets == anna.federation.secrets


async def test_opening_a_link_brings_both_sides_to_the_newer_manifest(tmp_path: Path) -> None:
    config = make_config(tmp_path, "berg")
    async with running(make_config(tmp_path, "anna")) as anna, running(make_config(tmp_path, "carl")) as carl:
        anna.membership.create("Lake Region")
        async with running(config) as berg:
            await join(berg, anna)
        await join(carl, anna)
        anna.membership.remove("carl Hospital")
        async with running(config) as berg:
            await berg.directory.wait_joined(10)
            link = await berg.links.control(anna.identity.node_id)
            assert link.remote_epoch == anna.federation.epoch == berg.federation.epoch
            assert berg.membership.is_current_member(link.channel)


async def test_a_manifest_that_is_no_successor_is_refused_by_name(pair: tuple[Node, Node], lone: Node) -> None:
    anna, berg = pair
    other = lone.membership.create("Another")
    with pytest.raises(RemoteError, match="other_federation"):
        berg.membership.take_manifest(other.to_bytes())
    same = anna.membership.manifest_for(frozenset())
    assert same is not None
    berg.membership.take_manifest(same)
    assert berg.federation.manifest == anna.federation.manifest
