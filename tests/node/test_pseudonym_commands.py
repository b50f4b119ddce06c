from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from idas_p2p.access.audit.search import Wanted
from idas_p2p.errors import BadCode, BadConfiguration, NoSuchThing
from idas_p2p.node.audit_questions import matching
from idas_p2p.node.commands import commands
from idas_p2p.node.node import Node
from idas_p2p.store.audit_log import FOLDER
from tests.node.nodes import STUDY, fill
from tests.node.test_levelling import find, give

POLICY = """
[levels.trial]
base = "deidentified"
project = "liver"
[[rule]]
to = "everyone"
level = "trial"
"""


async def do(asked: Node, command: str, **arguments: str) -> Mapping[str, Any]:
    return await commands(asked)[command]({"user": "root", **arguments}, [].append)


async def test_only_the_node_that_showed_a_pseudonym_can_tell_whom_it_means(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await give(anna, POLICY)
    (study,) = await find(berg)
    assert await do(anna, "pseudonym_reveal", pseudonym=study.study_uid) == {
        "means": [{"kind": "study", "original": STUDY}]
    }
    assert await do(anna, "pseudonym_reveal", pseudonym=study.patient_id) == {
        "means": [{"kind": "patient", "original": "CANARY-7"}]
    }
    for asked, pseudonym in ((berg, study.patient_id), (anna, "AAAAAAAAAAAAAAAA")):
        with pytest.raises(NoSuchThing):
            await do(asked, "pseudonym_reveal", pseudonym=pseudonym)


async def test_a_reveal_is_in_the_audit_log(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await give(anna, POLICY)
    (study,) = await find(berg)
    await do(anna, "pseudonym_reveal", pseudonym=study.patient_id)
    noted = [record.event for record in matching(anna.config.folder / FOLDER, Wanted(patient_id="CANARY-7"))]
    assert noted[-1].text == "pseudonym reveal"


async def test_two_nodes_with_the_key_of_a_project_call_a_patient_the_same(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    for node in pair:
        await fill(node)
        await give(node, POLICY)
    shown = [(await find(other))[-1] for other in (berg, anna)]
    assert shown[0].patient_id != shown[1].patient_id
    key = (await do(anna, "pseudonym_key", project="liver"))["key"]
    assert await do(berg, "pseudonym_share", project="liver", key=key + "\n") == {"project": "liver"}
    assert (await do(berg, "pseudonym_key", project="liver"))["key"] == key
    (view,) = berg.holdings._changing().values()
    assert view.uid(STUDY) == shown[0].study_uid


@pytest.mark.parametrize("key", ["", "abc", "no key!", "a" * 53])
async def test_what_is_no_key_is_refused(lone: Node, key: str) -> None:
    with pytest.raises(BadCode):
        await do(lone, "pseudonym_share", project="liver", key=key)


async def test_what_is_no_project_is_refused(lone: Node) -> None:
    with pytest.raises(BadConfiguration):
        await do(lone, "pseudonym_key", project="../x")
