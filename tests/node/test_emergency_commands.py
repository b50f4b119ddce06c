"""The operator's commands about emergencies: what they answer."""

from __future__ import annotations

import pytest

from idas_p2p.errors import NoEmergencyHere, NoSuchThing
from idas_p2p.node import views
from idas_p2p.node.emergency_commands import emergency_commands
from idas_p2p.node.node import Node
from tests.node.nodes import STUDY, fill, publish


def nothing(progress: object) -> None:
    pass


async def test_the_commands_break_the_glass_show_it_at_both_sides_and_end_it_at_the_owners(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    await fill(anna)
    patient = anna.catalog.entries(STUDY)[0].study.patient_id
    wanted = {"patient_id": patient, "reason": "unconscious", "user": "dr-lee"}
    ours, theirs = (emergency_commands(node.outsiders.emergencies) for node in (berg, anna))
    with pytest.raises(NoEmergencyHere):
        await ours["break_glass"](wanted, nothing)
    rule = '[[rule]]\nto = "everyone"\nlevel = "full"\nbreak_glass = true\n'
    (anna.config.folder / "policy.toml").write_text(rule)
    anna.configure()
    await publish(anna)
    answer = await ours["break_glass"](wanted, nothing)
    assert ([one["institution"] for one in answer["opened"]], answer["unanswered"]) == (["anna Hospital"], [])
    for node, side, other in ((anna, "holder", "berg Hospital"), (berg, "requester", "anna Hospital")):
        (shown,) = views.status(node)["emergencies"]
        assert (shown["side"], shown["institution"], shown["user"]) == (side, other, "dr-lee")
        assert shown["state"] == "open"
        assert patient not in str(shown)  # who looks how the node does need not learn that
    (row,) = (await theirs["emergencies"]({}, nothing))["emergencies"]
    assert (row["patient_id"], row["reason"]) == (patient, "unconscious")
    assert (await theirs["emergency_end"]({"number": row["number"]}, nothing))["state"] == "ended"
    assert views.status(anna)["emergencies"] == []
    with pytest.raises(NoSuchThing):
        await theirs["emergency_end"]({"number": row["number"]}, nothing)
