from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from idas_p2p.access.levels import DEIDENTIFIED, FULL, OBSCURED
from idas_p2p.access.subjects import Requester
from idas_p2p.errors import ArchiveUnreachable, BadQuery, TooManyMatches
from idas_p2p.node import parts
from idas_p2p.node.parts import HeldPart, HeldParts
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.wire.parts import Depth, Part, PartQuery, Within
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.network import ManualClock
from tests.node.nodes import STUDY
from tests.node.test_holdings import BERG, CARL, NoGroups, holdings, rule

SERIES = Part.of({"SeriesInstanceUID": "1.2.3.1", "Modality": "CT", "SeriesDescription": "Thorax of Jane Doe"})
OTHER = Part.of({"SeriesInstanceUID": "1.2.3.2", "Modality": "MR", "OperatorsName": "Smith^Ann"})


@dataclass
class Archive:
    """An archive that lists what it is told to."""

    parts: list[Part]
    is_down: bool = False
    asked: list[Within] = field(default_factory=list)

    async def find_parts(self, within: Within) -> AsyncIterator[Part]:
        self.asked.append(within)
        if self.is_down:
            raise ArchiveUnreachable
        for part in self.parts:
            if within.includes(series_uid=part.value("SeriesInstanceUID")):
                yield part


@dataclass
class Archives:
    big: Archive
    small: Archive

    def get(self, name: str) -> Any:
        return {"big": self.big, "small": self.small}.get(name)


@pytest.fixture
def archives() -> Archives:
    return Archives(Archive([SERIES]), Archive([SERIES, OTHER]))


@pytest.fixture
def catalog(database: Database) -> Catalog:
    made = Catalog(database)
    study = Study(study_uid=STUDY, patient_id="P-1", patient_name="Doe^Jane", instance_count=2)
    made.record("big", [study, Study(study_uid="9.9", patient_id="P-2")], now=1.0)
    made.record("small", [replace(study, instance_count=1)], now=1.0)
    return made


def asked(study_uid: str = STUDY, **keys: str) -> PartQuery:
    return PartQuery(
        depth=Depth.SERIES,
        studies=StudyQuery.of({"StudyInstanceUID": study_uid} if study_uid else {}),
        keys=tuple(QueryKey(keyword=keyword, pattern=keys[keyword]) for keyword in sorted(keys)),
        wanted=("Modality", "OperatorsName", "SeriesDescription"),
    )


def held(catalog: Catalog, archives: Archives, *rules: Any) -> HeldParts:
    return HeldParts(holdings(catalog, ManualClock(), list(rules)), archives, NoGroups())  # type: ignore[arg-type]


async def found(held: HeldParts, who: Requester, query: PartQuery) -> list[HeldPart]:
    return [part async for part in held.find(who, query)]


async def test_the_series_of_all_archives_are_told_each_once(catalog: Catalog, archives: Archives) -> None:
    told = await found(held(catalog, archives, rule("node:Berg", FULL)), BERG, asked())
    assert [one.part for one in told] == [SERIES, OTHER]
    assert {(one.study.patient_name, one.level, one.original) for one in told} == {("Doe^Jane", "full", STUDY)}


async def test_a_study_that_may_not_be_seen_costs_no_archive_a_question(catalog: Catalog, archives: Archives) -> None:
    source = held(catalog, archives, rule("node:Berg", FULL))
    assert await found(source, CARL, asked()) == await found(source, CARL, asked("7.7")) == []
    assert archives.big.asked == archives.small.asked == []


async def test_only_what_matches_is_told_and_named_series_are_asked_for(catalog: Catalog, archives: Archives) -> None:
    source = held(catalog, archives, rule("node:Berg", FULL))
    assert [one.part for one in await found(source, BERG, asked(Modality="MR"))] == [OTHER]
    assert [one.part for one in await found(source, BERG, asked(SeriesInstanceUID="1.2.3.1\\1.2.3.9"))] == [SERIES]
    assert archives.big.asked[-1].series_uids == ("1.2.3.1", "1.2.3.9")


async def test_what_a_level_hides_is_neither_told_nor_matched(catalog: Catalog, archives: Archives) -> None:
    source = held(catalog, archives, rule("node:Berg", OBSCURED))
    told = await found(source, BERG, asked())
    assert [one.part.value("OperatorsName") for one in told] == ["", ""]
    assert "Jane" not in told[0].part.value("SeriesDescription")
    assert await found(source, BERG, asked(OperatorsName="Smith*")) == []
    assert await found(source, BERG, asked(SeriesDescription="*Jane*")) == []


async def test_a_series_is_asked_for_by_the_pseudonym_it_was_shown_under(catalog: Catalog, archives: Archives) -> None:
    source = held(catalog, archives, rule("node:Berg", DEIDENTIFIED))
    (shown,) = [
        one async for one in source._holdings.find(BERG, StudyQuery.of({}), limit=9) if one.study.instance_count
    ]
    told = await found(source, BERG, asked(shown.study.study_uid))
    pseudonym = told[0].part.value("SeriesInstanceUID")
    assert pseudonym != "1.2.3.1"
    again = await found(source, BERG, asked(shown.study.study_uid, SeriesInstanceUID=pseudonym))
    assert [one.part for one in again] == [told[0].part]
    assert archives.big.asked[-1].series_uids == ("1.2.3.1",)
    assert await found(source, BERG, asked(shown.study.study_uid, SeriesInstanceUID="1.2.3.1")) == []
    assert await found(source, BERG, asked(STUDY)) == []


async def test_an_archive_that_is_down_is_passed_over_while_another_answers(
    catalog: Catalog, archives: Archives
) -> None:
    archives.big.is_down = True
    source = held(catalog, archives, rule("node:Berg", FULL))
    assert len(await found(source, BERG, asked())) == 2
    archives.small.is_down = True
    with pytest.raises(ArchiveUnreachable):
        await found(source, BERG, asked())


async def test_parts_of_too_many_studies_are_refused(
    catalog: Catalog, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MAX_STUDIES", 1)
    with pytest.raises(TooManyMatches):
        await found(held(catalog, archives, rule("node:Berg", FULL)), BERG, asked(""))


async def test_a_key_that_series_do_not_have_is_refused(catalog: Catalog, archives: Archives) -> None:
    with pytest.raises(BadQuery):
        await found(held(catalog, archives, rule("node:Berg", FULL)), BERG, asked(Rows="512"))


async def test_a_user_of_the_node_itself_sees_what_it_holds(catalog: Catalog, archives: Archives) -> None:
    source = held(catalog, archives)
    assert [one.part async for one in source.own("anna", asked())] == [SERIES, OTHER]
