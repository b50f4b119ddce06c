from __future__ import annotations

import asyncio

import pytest

from idas_p2p.errors import DirectoryUnreachable, PeerUnreachable
from idas_p2p.node import find as find_module
from idas_p2p.node.find import Found, Offer, Offers, Search
from idas_p2p.node.node import Node
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.query import StudyQuery
from tests.node.nodes import STUDY, fill, publish, share

ANNA, BERG = NodeId(b"a" * 32), NodeId(b"b" * 32)


def offer(holder: NodeId, *, count: int = 1, expires: int = 1_000) -> Offer:
    return Offer(holder, Ticket(level="full", expires=expires, mac=bytes(16)), count)


def search(**keys: str) -> Search:
    return Search(user="", query=StudyQuery.of(keys))


async def find(node: Node, one: Search) -> list[Found]:
    return [found async for found in node.finder.find(one)]


def test_offers_are_for_one_user_and_the_fullest_comes_first() -> None:
    offers = Offers()
    offers.remember("dr-lee", STUDY, offer(ANNA, count=1))
    offers.remember("dr-lee", STUDY, offer(BERG, count=9))
    assert [one.holder for one in offers.valid("dr-lee", STUDY, now=0.0)] == [BERG, ANNA]
    assert offers.valid("dr-moss", STUDY, now=0.0) == []


def test_an_offer_is_not_used_in_the_last_minute_of_its_ticket() -> None:
    offers = Offers()
    offers.remember("", STUDY, offer(ANNA, expires=1_000))
    assert offers.valid("", STUDY, now=939.0)
    assert not offers.valid("", STUDY, now=940.0)


def test_the_offers_least_recently_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idas_p2p.node.find.MAX_REMEMBERED", 2)
    offers = Offers()
    for uid in ("1", "2", "1", "3"):
        offers.remember("", uid, offer(ANNA))
    assert [uid for uid in ("1", "2", "3") if offers.valid("", uid, now=0.0)] == ["1", "3"]


def test_one_holders_offer_can_be_dropped_alone() -> None:
    offers = Offers()
    for holder in (ANNA, BERG):
        offers.remember("", STUDY, offer(holder))
    offers.forget("", STUDY, ANNA)
    offers.forget("", "unknown", ANNA)
    assert [one.holder for one in offers.valid("", STUDY, now=0.0)] == [BERG]


async def test_every_copy_is_found_and_the_first_is_marked(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await fill(berg, instances=2)
    await share(anna)
    one = search(StudyInstanceUID=STUDY)
    found = await find(berg, one)
    assert [(copy.holder, copy.is_first) for copy in found] == [(None, True), (anna.identity.node_id, False)]
    assert one.asked.answered == {anna.identity.node_id}


@pytest.mark.parametrize(
    "keys",
    [
        {"PatientID": "CANARY-7"},
        {"PatientName": "canary*"},
        {"PatientName": "CANARY^BIRD"},
        {"StudyDate": "20240101-20240131"},
        {"ModalitiesInStudy": "CT"},
        {},
    ],
)
async def test_a_study_is_found_by_whatever_is_known_of_it(pair: tuple[Node, Node], keys: dict[str, str]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    assert [copy.study.study_uid for copy in await find(berg, search(**keys))] == [STUDY]


async def test_who_holds_nothing_that_matches_is_not_asked(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await share(anna)
    one = search(PatientID="NOBODY")
    assert await find(berg, one) == []
    assert one.asked.answered == set()


async def test_when_the_directory_cannot_tell_every_member_is_asked(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await berg.links.control(anna.identity.node_id)

    async def broken(key: bytes) -> list[object]:
        raise DirectoryUnreachable

    async def silent(key: bytes) -> list[object]:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    for answer in (broken, silent):
        monkeypatch.setattr("idas_p2p.node.find.LOOKUP_TIMEOUT", 0.05)
        monkeypatch.setattr(berg.directory, "get", answer)
        assert [copy.study.study_uid for copy in await find(berg, search(StudyInstanceUID=STUDY))] == [STUDY]


async def test_nothing_found_and_somebody_silent_is_not_nothing_there(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await publish(anna)
    await berg.links.close()
    await anna.listener.stop()
    one = search(StudyInstanceUID=STUDY)
    with pytest.raises(PeerUnreachable):
        await find(berg, one)
    assert list(one.asked.unanswered) == [anna.identity.node_id]


async def test_offers_of_a_former_member_are_not_used(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(berg)
    await share(berg)
    assert await anna.finder.offers_of("", STUDY)
    anna.membership.remove("berg Hospital")
    assert await anna.finder.offers_of("", STUDY) == []


async def test_a_million_own_studies_are_not_remembered_and_none_comes_twice(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hold the same studies; of ours only one is noted."""
    monkeypatch.setattr(find_module, "MAX_NOTED", 1)
    anna, berg = pair
    for uid in ("1.1", "1.2", "1.3"):
        await fill(anna, study_uid=uid)
    for uid in ("1.2", "1.3", "1.4"):
        await fill(berg, study_uid=uid)
    await share(anna)
    search = Search(user="", query=StudyQuery())
    found = [one async for one in berg.finder.find(search)]
    assert sorted(one.study.study_uid for one in found if one.is_first) == ["1.1", "1.2", "1.3", "1.4"]
    assert len(found) == 6
