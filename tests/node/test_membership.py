from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.errors import (
    BadCode,
    BadConfiguration,
    HandshakeFailed,
    IdasError,
    NotAMember,
    NotAnAdmin,
    PeerUnreachable,
)
from idas_p2p.node.node import Node
from idas_p2p.wire.handshake import Purpose
from tests.node.nodes import fill, join, make_config, retrieve, running, share, until


async def test_one_code_is_all_a_joining_node_needs(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    assert berg.federation.epoch == anna.federation.epoch == 2
    assert berg.federation.others() == [anna.identity.node_id]
    assert berg.federation.institution(anna.identity.node_id) == "anna Hospital"


async def test_a_code_is_used_up_by_as_many_as_were_invited(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, _ = pair
    code = (await anna.membership.invite(lifetime=60, uses=1)).code
    async with running(make_config(tmp_path, "carl")) as carl, running(make_config(tmp_path, "dora")) as dora:
        await carl.membership.join(code)
        with pytest.raises((BadCode, HandshakeFailed)):
            await dora.membership.join(code)
        assert not dora.federation.is_member


async def test_a_code_that_expired_or_was_mistyped_admits_nobody(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, _ = pair
    code = (await anna.membership.invite(lifetime=60, uses=1)).code
    async with running(make_config(tmp_path, "carl")) as carl:
        with pytest.raises(BadCode):
            await carl.membership.join(code[:-1] + ("0" if code[-1] != "0" else "1"))
        with pytest.raises(BadCode):
            await carl.membership.join("hello")


async def test_only_the_admin_invites_and_removes(pair: tuple[Node, Node], lone: Node) -> None:
    _, berg = pair
    with pytest.raises(NotAnAdmin):
        await berg.membership.invite(lifetime=60, uses=1)
    with pytest.raises(NotAnAdmin):
        berg.membership.remove("anna Hospital")
    with pytest.raises(NotAMember):
        await lone.membership.invite(lifetime=60, uses=1)


async def test_a_member_does_not_join_or_found_a_second_federation(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    with pytest.raises(BadConfiguration):
        await berg.membership.join((await anna.membership.invite(lifetime=60, uses=1)).code)
    with pytest.raises(BadConfiguration):
        berg.membership.create("Another")


async def test_a_removed_member_gets_nothing_more_and_its_links_are_ended(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await retrieve(berg)
    link = await berg.links.control(anna.identity.node_id)
    anna.membership.remove("berg Hospital")
    await until(lambda: not link.is_open)
    with pytest.raises((HandshakeFailed, PeerUnreachable, NotAMember)):  # it may have learned of its removal by now
        await berg.links.control(anna.identity.node_id)
    berg.finder.offers.forget("", "1.2.3", anna.identity.node_id)
    with pytest.raises(IdasError):
        await retrieve(berg)


async def test_those_who_stay_learn_of_a_removal_and_publish_under_new_secrets(
    pair: tuple[Node, Node], tmp_path: Path
) -> None:
    anna, berg = pair
    async with running(make_config(tmp_path, "carl")) as carl:
        await join(carl, anna)
        await until(lambda: berg.federation.epoch == anna.federation.epoch)
        stored = await fill(berg)
        await share(berg)
        before = berg.federation.secrets
        anna.membership.remove("carl Hospital")
        await until(lambda: berg.federation.epoch == anna.federation.epoch)
        assert berg.federation.secrets == anna.federation.secrets != before
        await until(lambda: berg.federation.institution(carl.identity.node_id) is None)
        assert len(await retrieve(anna)) == 1 + len(stored)


async def test_who_may_open_a_channel_follows_from_roster_and_key(pair: tuple[Node, Node], lone: Node) -> None:
    anna, berg = pair
    member, stranger = berg.identity.node_id, lone.identity.node_id
    current, old = _psk_id(anna), b"\0" * 8
    assert anna.membership.admits(member, Purpose.IMAGE, current)
    assert anna.membership.admits(member, Purpose.CONTROL, old)
    assert not anna.membership.admits(member, Purpose.IMAGE, old)
    assert anna.membership.admits(stranger, Purpose.CONTROL, current)
    assert not anna.membership.admits(stranger, Purpose.IMAGE, current)
    assert not anna.membership.admits(stranger, Purpose.CONTROL, old)
    assert anna.membership.admits(stranger, Purpose.JOIN, old)


def _psk_id(node: Node) -> bytes:
    return psk_id(node.federation.secrets.psk)
