"""A federation with two administrators as separate processes: what both do while they cannot speak, a removal, a lost
machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.cli.client import call
from idas_p2p.errors import IdasError
from tools.idas import Node
from tools.programs import wait_until
from tools.region import Region

HEARD = 120.0  # seconds in which whoever can be reached has heard of a change, also on a busy machine


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    with Region(tmp_path) as made:
        yield made


def ask(node: Node, command: str, **arguments: Any) -> Any:
    """A command without the start of an interpreter."""
    return call(node.folder, command, arguments, timeout=30.0)


def members(node: Node) -> set[str]:
    try:
        return {row["institution"] for row in ask(node, "federation_members")["members"]}
    except IdasError:
        return set()


def invite(node: Node, **options: Any) -> str:
    code: str = ask(node, "federation_invite", **{"expires_seconds": 600.0, "uses": 1, **options})["code"]
    return code


@pytest.mark.slow
def test_what_two_administrators_do_apart_is_one_federation_when_they_meet_and_outlives_the_loss_of_one(
    region: Region,
) -> None:
    anna, berg, carl = (region.node(name) for name in ("anna", "berg", "carl"))
    dora = region.node("dora", joins=False)
    anna.do("federation admin add", "Berg")
    wait_until(lambda: ask(berg, "status")["federation"]["admin"], timeout=HEARD, what="Berg is an administrator")

    berg.stop()
    anna.do("federation remove", "Carl")
    wait_until(lambda: members(carl) == set(), timeout=HEARD, what="Carl knows that it is no member")
    anna.stop()
    berg.start()
    assert "Carl" in members(berg)  # nobody could tell it
    done = dora.try_idas("join", str(dora.folder), invite(berg, approval=True))
    assert done.returncode == 1
    assert "approve" in done.stderr
    assert ask(berg, "status")["federation"]["asking"] == ["Dora"]
    berg.do("federation approve", "Dora")
    wait_until(lambda: "Dora" in members(dora), timeout=HEARD, what="Dora asks again and joins")

    anna.start()
    ours = {"Anna", "Berg", "Dora"}
    wait_until(lambda: all(members(one) == ours for one in (anna, berg, dora)), timeout=HEARD, what="they are at one")
    assert members(carl) == set()

    anna.kill()
    berg.do("federation admin remove", "Anna")
    berg.do("federation remove", "Anna")
    wait_until(lambda: members(dora) == {"Berg", "Dora"}, timeout=HEARD, what="Dora hears of it")
    carl.do("federation leave")
    carl.do("join", invite(berg))
    wait_until(lambda: "Carl" in members(dora), timeout=HEARD, what="Carl was admitted again")
