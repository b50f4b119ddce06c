from __future__ import annotations

from typing import Any

import pytest

from idas_p2p.errors import NoSuchThing, UnknownDestination
from idas_p2p.node.exam_commands import exam_commands
from idas_p2p.node.node import Node
from tests.node.nodes import STUDY, fill, until


async def ask(node: Node, command: str, **arguments: Any) -> Any:
    return await exam_commands(node)[command](arguments, lambda progress: None)


async def test_the_commands_tell_how_far_an_offer_is_on_both_sides(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    sent = await ask(
        anna, "send", study_uid=STUDY, to="berg Hospital", level="full", note="why", user="lee", expires_seconds=60.0
    )
    assert (sent["state"], sent["institution"], sent["level"]) == ("offered", "berg Hospital", "full")
    (offer,) = (await ask(berg, "inbox"))["offers"]
    assert (offer["institution"], offer["user"], offer["note"], offer["state"]) == (
        "anna Hospital",
        "lee",
        "why",
        "waiting",
    )
    assert offer["study"]["PatientName"] == "CANARY^BIRD"
    with pytest.raises(UnknownDestination):
        await ask(berg, "inbox_accept", number=offer["number"], to="NOWHERE", user="ott")
    with pytest.raises(NoSuchThing):
        await ask(berg, "inbox_refuse", number=99, user="ott")
    accepted = await ask(berg, "inbox_accept", number=offer["number"], to="", user="ott")
    assert accepted["decided_by"] == "ott"
    await until(lambda: [one.study_uid for one in berg.exams.foreign.all()] == [STUDY], timeout=90.0)
    (kept,) = (await ask(berg, "kept"))["kept"]
    assert (kept["institution"], kept["why"]) == ("anna Hospital", "sent")
    await ask(berg, "kept_remove", study_uid=STUDY)
    assert (await ask(berg, "kept"))["kept"] == []
    assert len((await ask(anna, "sent"))["offers"]) == 1
