"""Exams that cross without being searched for, between real nodes."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.coercion import restored
from idas_p2p.dicom.scan import InstanceHeader, header_of
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.node.coercing import CoercionRule
from idas_p2p.node.node import Node
from idas_p2p.node.prior_rules import PriorBook, PriorRule
from idas_p2p.store.configured import Archive
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.offers import Offer, OfferDirection, OfferState
from idas_p2p.wire.instance import Instance, Selection
from idas_p2p.wire.query import StudyQuery
from tests.dicom.memory_node import CT, EXPLICIT, encode, make_dataset
from tests.dicom.workstation import Workstation
from tests.node.nodes import (
    STUDY,
    data_of,
    fill,
    join,
    make_config,
    publish,
    retrieve,
    running,
    share,
    until,
)

DAY = 86_400.0
WAIT = 90.0  # seconds; for a busy machine
OPINION = "Second opinion, please"


def header(instance: Instance) -> InstanceHeader:
    return header_of(instance.data, instance.transfer_syntax_uid)


def image(number: int, study_uid: str, *, name: str = "CANARY^BIRD", date: str = "20240131", issuer: str) -> Instance:
    ds = make_dataset(number)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = (
        study_uid,
        f"{study_uid}.4",
        f"{study_uid}.4.{number}",
    )
    ds.PatientName, ds.StudyDate, ds.IssuerOfPatientID = name, date, issuer
    ds.PatientID = name.split("^")[0]
    data = MemoryBlob(encode(ds))
    return header_of(data, EXPLICIT).instance(data, EXPLICIT)


def inbox(node: Node) -> list[Offer]:
    return node.exams.offers.all(OfferDirection.IN)


def sent(node: Node) -> list[Offer]:
    return node.exams.offers.all(OfferDirection.OUT)


def kept(node: Node) -> list[str]:
    return [one.study_uid for one in node.exams.foreign.all()]


async def own(node: Node, **keys: str) -> list[str]:
    return [study.study_uid async for study in node.holdings.own_studies("", StudyQuery.of(keys))]


async def found_by(asker: Node, **keys: str) -> list[str]:
    return [study.study_uid async for study, _ in asker.exams._find(StudyQuery.of(keys))]


async def test_a_study_that_is_sent_comes_when_it_is_accepted_and_its_sender_learns_it(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    data = await fill(anna)
    await anna.exams.push.send(STUDY, "berg hospital", user="lee", note=OPINION, level="full", lifetime=DAY)
    (offer,) = inbox(berg)
    assert (offer.institution, offer.note, offer.user_name) == ("anna Hospital", OPINION, "lee")
    assert offer.study.patient_name == "CANARY^BIRD"
    assert await own(berg) == []
    assert sent(anna)[0].state is OfferState.OFFERED

    berg.exams.inbox.accept(offer.number, to="", user="ott")
    await until(lambda: sent(anna)[0].state is OfferState.DONE, timeout=WAIT)
    assert inbox(berg)[0].state is OfferState.DONE
    assert await own(berg, PatientName="CANARY*") == [STUDY]
    assert data_of(await retrieve(berg)) == data
    assert kept(berg) == [STUDY]


async def test_what_is_kept_of_others_is_neither_published_nor_given_to_members(tmp_path: Path) -> None:
    async with (
        running(make_config(tmp_path, "anna")) as anna,
        running(make_config(tmp_path, "berg")) as berg,
        running(make_config(tmp_path, "carl")) as carl,
    ):
        anna.membership.create("Lake Region")
        await join(berg, anna)
        await join(carl, anna)
        await fill(anna)
        await share(berg)  # all that berg has, to everyone
        await anna.exams.push.send(STUDY, "berg Hospital", level="full", lifetime=DAY)
        berg.exams.inbox.accept(inbox(berg)[0].number, to="", user="ott")
        await until(lambda: inbox(berg)[0].state is OfferState.DONE, timeout=WAIT)
        assert [entry.archive for entry in berg.catalog.entries(STUDY)] == [FOREIGN]
        assert berg.catalog.pending_count(now=berg.clock.now() + 1e6) == 0
        assert await found_by(carl, StudyInstanceUID=STUDY) == []
        assert await found_by(anna, StudyInstanceUID=STUDY) == []


async def test_a_study_that_is_refused_never_comes(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await anna.exams.push.send(STUDY, "berg Hospital", level="full", lifetime=DAY)
    berg.exams.inbox.refuse(inbox(berg)[0].number, user="ott")
    await until(lambda: sent(anna)[0].state is OfferState.REFUSED, timeout=WAIT)
    with pytest.raises(NoSuchThing, match="decided already"):
        berg.exams.inbox.accept(inbox(berg)[0].number, to="", user="ott")
    assert await own(berg) == []
    assert kept(berg) == []


async def test_an_offer_shows_no_more_than_the_level_allows(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    with pytest.raises(BadConfiguration, match="no rule"):
        await anna.exams.push.send(STUDY, "berg Hospital", lifetime=DAY)
    with pytest.raises(NoSuchThing):
        await anna.exams.push.send(STUDY, "Nobody", level="full", lifetime=DAY)
    assert inbox(berg) == []
    await anna.exams.push.send(STUDY, "berg Hospital", level="deidentified", lifetime=DAY)
    (offer,) = inbox(berg)
    assert offer.study_uid != STUDY
    assert "CANARY" not in offer.study.patient_name
    assert offer.study.patient_id != "CANARY-7"
    berg.exams.inbox.accept(offer.number, to="", user="ott")
    await until(lambda: inbox(berg)[0].state is OfferState.DONE, timeout=WAIT)
    assert await own(berg) == [offer.study_uid]
    assert all(b"CANARY" not in data for data in data_of(await retrieve(berg, offer.study_uid)).values())


async def test_an_offer_and_its_acceptance_survive_restarts(tmp_path: Path) -> None:
    other = make_config(tmp_path, "berg")
    async with running(make_config(tmp_path, "anna")) as anna:
        anna.membership.create("Lake Region")
        async with running(other) as berg:
            await join(berg, anna)
        await fill(anna)
        offer = await anna.exams.push.send(STUDY, "berg Hospital", level="full", lifetime=DAY)
        assert offer.state is OfferState.WAITING
        async with running(other) as berg:
            async with asyncio.timeout(WAIT):
                while not inbox(berg):
                    await anna.exams.push.turn()
                    await asyncio.sleep(0.05)
            berg.exams.inbox.accept(inbox(berg)[0].number, to="", user="ott")
        async with running(other) as berg:
            await until(lambda: inbox(berg)[0].state is OfferState.DONE, timeout=WAIT)
            assert await own(berg) == [STUDY]


def today(*, years: int = 0) -> str:
    return f"{datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=365 * years):%Y%m%d}"


async def store(node: Node, study_uid: str, date: str, *, name: str = "CANARY^BIRD", number: int = 1) -> None:
    """One image of a study of some day."""
    await node.embedded.store(image(number, study_uid, name=name, date=date, issuer="CITY"))
    await node.embedded.update_catalog()
    await publish(node)


async def test_priors_of_a_new_study_are_there_before_anybody_asks_and_only_those_that_are_wanted(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    await share(anna)
    for uid, years in (("1.1", 1), ("1.2", 2), ("1.3", 3), ("1.9", 30)):
        await store(anna, uid, today(years=years))
    await store(anna, "1.5", today(years=1), name="OTHER^BIRD")
    PriorBook(berg.settings).add(PriorRule(count=2, years=5))
    await until(lambda: bool(berg.exams.priors._rules), timeout=WAIT)
    await store(berg, "1.50", today(years=4))  # old: nobody waits for its priors
    await store(berg, "1.77", today())
    await until(lambda: sorted(kept(berg)) == ["1.1", "1.2"], timeout=WAIT)
    await until(lambda: berg.exams.priors.waiting == 0, timeout=WAIT)
    assert set(await own(berg, PatientName="CANARY*")) == {"1.1", "1.2", "1.50", "1.77"}
    why = {one["study_uid"]: one["why"] for one in (await berg.exams.priors.explain("1.77"))["priors"]}
    assert (why["1.1"], why["1.3"], why["1.9"]) == ("is here already", "only the newest 2 are taken", "too old")
    assert "1.5" not in why  # another patient


async def test_a_kept_exam_follows_its_source_and_goes_with_it(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await share(anna)
    await store(anna, "1.1", today(years=1))
    PriorBook(berg.settings).add(PriorRule())
    await until(lambda: bool(berg.exams.priors._rules), timeout=WAIT)
    await store(berg, "1.77", today())
    await until(lambda: kept(berg) == ["1.1"] and berg.exams.priors.waiting == 0, timeout=WAIT)

    async def compare() -> None:
        """As the node does it an hour later."""
        foreign = berg.exams.foreign
        for one in foreign.all():
            foreign._studies.add(replace(one, checked_at=0.0))
        await foreign.turn(berg.exams._ask, berg.exams._renew, lambda node: True)

    await store(anna, "1.1", today(years=1), number=2)
    await compare()
    assert [entry.study.instance_count for entry in berg.catalog.entries("1.1")] == [2]
    anna.settings.remove_grant(anna.settings.grants()[0].number)
    anna.configure()
    await compare()
    assert kept(berg) == []
    assert await own(berg) == ["1.77"]
    assert berg.objects.instances(Selection(study_uid="1.1")) == []


async def test_an_exam_of_another_issuer_is_kept_under_the_local_id_and_can_be_given_back(
    pair: tuple[Node, Node],
) -> None:
    anna, berg = pair
    original = image(1, STUDY, issuer="CITY")
    await anna.embedded.store(original)
    await anna.embedded.update_catalog()
    await publish(anna)
    rule = CoercionRule(issuer="City", patient=header(original).study.patient_id, to_patient="L-77", to_issuer="LAKE")
    berg.exams.coercing.add([CoercionRule(issuer="OTHER", prefix="X"), rule])
    await anna.exams.push.send(STUDY, "berg Hospital", level="full", lifetime=DAY)
    berg.exams.inbox.accept(inbox(berg)[0].number, to="", user="ott")
    await until(lambda: inbox(berg)[0].state is OfferState.DONE, timeout=WAIT)
    assert await own(berg, PatientID="L-77", IssuerOfPatientID="LAKE") == [STUDY]
    (came,) = [event for event in await retrieve(berg) if isinstance(event, Instance)]
    assert restored(came.data, EXPLICIT).read() == original.data.read()


async def test_priors_can_be_pushed_to_an_archive_under_local_ids_and_never_twice(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await share(anna)
    await store(anna, "1.1", today(years=1))
    pacs = Workstation()
    with pacs.listening({CT: [EXPLICIT]}) as remote:
        archive = Archive(name="PACS", aet=remote.aet, address=remote.address, poll_seconds=DAY)
        berg.settings.add_archive(archive)
        berg.configure()
        berg.exams.coercing.add([CoercionRule(issuer="CITY", prefix="CITY-")])
        PriorBook(berg.settings).add(PriorRule(to="PACS"))
        await until(lambda: bool(berg.exams.priors._rules), timeout=WAIT)
        await store(berg, "1.77", today())
        await until(lambda: bool(pacs.received) and berg.exams.priors.waiting == 0, timeout=WAIT)
        await store(berg, "1.78", today())
        await until(lambda: berg.exams.priors.waiting == 0, timeout=WAIT)
    assert pacs.count == 1
    came = MemoryBlob(pacs.received["1.1.4.1"])
    assert header_of(came, EXPLICIT).study.patient_id == "CITY-CANARY"
    assert header_of(restored(came, EXPLICIT), EXPLICIT).study.patient_id == "CANARY"
    assert await own(berg, PatientName="CANARY*") == ["1.77", "1.78"]
