from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.errors import ArchiveUnreachable, IdasError, NoSuchThing, NotAMember, UnknownDestination
from idas_p2p.node.commands import commands
from idas_p2p.node.node import Node
from idas_p2p.store.settings import Archive
from idas_p2p.wire.address import Address
from tests.node.nodes import STUDY, fill, share, until


async def do(asked: Node, command: str, told: list[Any] | None = None, **arguments: Any) -> Mapping[str, Any]:
    return await commands(asked)[command](arguments, (told if told is not None else []).append)


async def test_a_federation_is_founded_joined_listed_and_left_by_commands(lone: Node, pair: tuple[Node, Node]) -> None:
    anna, _ = pair
    code = (await do(anna, "federation_invite", expires_seconds=60, uses=1))["code"]
    joined = await do(lone, "join", code=code)
    assert joined == {"federation": "Lake Region", "epoch": 3, "members": 3}
    members = (await do(anna, "federation_members"))["members"]
    assert {member["institution"] for member in members} == {"anna Hospital", "berg Hospital", "lone Hospital"}
    assert [member["institution"] for member in members if member["admin"]] == ["anna Hospital"]
    assert (await do(anna, "federation_remove", node="lone Hospital"))["epoch"] == 4


async def test_a_node_that_left_may_come_back_with_a_new_code(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    assert await do(berg, "federation_leave") == {"federation": "Lake Region"}
    with pytest.raises(NotAMember):
        await do(berg, "federation_members")
    code = (await do(anna, "federation_invite", expires_seconds=60, uses=1))["code"]
    assert (await do(berg, "join", code=code))["members"] == 2


async def test_a_node_alone_has_no_members_and_may_found(lone: Node) -> None:
    with pytest.raises(NotAMember):
        await do(lone, "federation_members")
    assert await do(lone, "federation_create", name="Mine") == {"federation": "Mine", "epoch": 1}


async def test_find_tells_attributes_and_holders(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await fill(berg)
    await share(anna)
    answer = await do(berg, "find", keys={"PatientID": "CANARY-7"}, user="")
    (study,) = answer["studies"]
    assert (study["StudyInstanceUID"], study["NumberOfStudyRelatedInstances"]) == (STUDY, "4")
    assert study["Holders"] == ["berg Hospital", "anna Hospital"]
    assert answer["unanswered"] == []


async def test_find_names_who_did_not_answer(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await anna.listener.stop()
    await berg.links.close()
    assert await do(berg, "find", keys={"ModalitiesInStudy": "CT"}) == {"studies": [], "unanswered": ["anna Hospital"]}


async def test_get_writes_files_tells_progress_and_counts(pair: tuple[Node, Node], tmp_path: Path) -> None:
    anna, berg = pair
    stored = await fill(anna, size=100_000)
    await share(anna)
    told: list[Any] = []
    result = await do(berg, "get", told, study_uid=STUDY, out=str(tmp_path / "out"), user="")
    assert (result["instances"], result["failed"], result["holders"]) == (len(stored), [], ["anna Hospital"])
    assert result["bytes"] == sum(map(len, stored.values()))
    assert result["wire_bytes"] > 0
    assert result["path"] == "direct"
    assert told[0].keys() >= {"instances", "total", "bytes", "wire_bytes", "path", "failed"}


async def test_get_to_an_unknown_workstation_is_refused(lone: Node) -> None:
    await fill(lone)
    with pytest.raises(UnknownDestination):
        await do(lone, "get", study_uid=STUDY, to="NOBODY")


async def test_reload_takes_the_configuration_and_an_archive_can_be_tried(lone: Node) -> None:
    with pytest.raises(NoSuchThing):
        await do(lone, "archive_echo", name="pacs")
    lone.settings.add_archive(Archive(name="pacs", aet="PACS", address=Address("127.0.0.1", 9), poll_seconds=600.0))
    await do(lone, "reload")
    with pytest.raises(ArchiveUnreachable):
        await do(lone, "archive_echo", name="pacs")
    await until(lambda: lone.catalog.harvest_state("pacs").failures == 1)
    (row,) = (await do(lone, "status"))["archives"]
    assert (row["name"], row["state"], row["error"]) == ("pacs", "unreachable", ArchiveUnreachable.code)


@pytest.mark.parametrize("command", ["status", "peers", "transfers", "studies"])
async def test_views_answer_at_any_time(lone: Node, command: str) -> None:
    assert await do(lone, command)


async def test_a_study_nobody_has_is_an_error_with_a_code(lone: Node, tmp_path: Path) -> None:
    with pytest.raises(IdasError) as refused:
        await do(lone, "get", study_uid="9.9", out=str(tmp_path))
    assert refused.value.code == "remote.study_not_found"
