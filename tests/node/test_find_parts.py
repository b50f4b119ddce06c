from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from idas_p2p.access.subjects import Requester
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.scan import header_of
from idas_p2p.node.audited_finds import AuditedParts
from idas_p2p.node.audited_users import operator
from idas_p2p.node.find import Search
from idas_p2p.node.find_parts import FoundPart, PartSearch
from idas_p2p.node.node import Node
from idas_p2p.wire.parts import Depth, Part, PartQuery, StudyPart
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.study import Study
from tests.dicom.memory_node import EXPLICIT, encode, make_dataset
from tests.node.nodes import STUDY, fill, join, make_config, running, share

SERIES = f"{STUDY}.4"


def asked(depth: Depth, *wanted: str, study_uid: str = STUDY, **keys: str) -> PartQuery:
    return PartQuery(
        depth=depth,
        studies=StudyQuery.of({"StudyInstanceUID": study_uid}),
        keys=tuple(QueryKey(keyword=keyword, pattern=keys[keyword]) for keyword in sorted(keys)),
        wanted=tuple(sorted({*wanted, *keys})),
    )


async def found(node: Node, query: PartQuery) -> list[FoundPart]:
    async with aclosing(node.users.find_parts(operator(""), PartSearch(user="", query=query))) as parts:
        return [part async for part in parts]


async def store(node: Node, number: int, *, series: str = SERIES, **attributes: object) -> None:
    """Store one more image of the study."""
    ds = make_dataset(number)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = STUDY, series, f"{series}.{number}"
    ds.PatientName, ds.StudyDate = "CANARY^BIRD", "20240131"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    data = MemoryBlob(encode(ds))
    await node.embedded.store(header_of(data, EXPLICIT).instance(data, EXPLICIT))
    await node.embedded.update_catalog()


async def test_series_and_images_of_another_member_are_told_by_the_holder(tmp_path: Path) -> None:
    async with running(make_config(tmp_path, "anna")) as anna, running(make_config(tmp_path, "berg")) as berg:
        anna.membership.create("Clinics")
        await join(berg, anna)
        await fill(anna, instances=3)
        await store(anna, 9, series="1.2.3.5", Modality="MR", SeriesNumber="2", SeriesDescription="Knie links")
        await share(anna)
        series = await found(
            berg, asked(Depth.SERIES, "Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances")
        )
        of_mr = await found(berg, asked(Depth.SERIES, Modality="MR", SeriesDescription="Knie*"))
        images = await found(berg, asked(Depth.IMAGE, "InstanceNumber", SeriesInstanceUID=SERIES))
    assert {
        one.part.value("SeriesInstanceUID"): one.part.value("NumberOfSeriesRelatedInstances") for one in series
    } == {
        SERIES: "3",
        "1.2.3.5": "1",
    }
    assert {one.holder for one in series} == {anna.identity.node_id}
    assert series[0].study.patient_name == "CANARY^BIRD"
    assert [one.part.value("SeriesInstanceUID") for one in of_mr] == ["1.2.3.5"]
    assert sorted(one.part.value("SOPInstanceUID") for one in images) == [f"{SERIES}.{n}" for n in (1, 2, 3)]


async def test_what_the_node_itself_holds_is_left_out_where_that_is_configured(tmp_path: Path) -> None:
    async with running(make_config(tmp_path, "anna")) as anna:
        await fill(anna, instances=1)
        asking = PartSearch(user="", query=asked(Depth.SERIES))
        leaving_out = PartSearch(user="", query=asked(Depth.SERIES), with_own=False)
        studies = Search(user="", query=asked(Depth.SERIES).studies, with_own=False)
        assert [one.holder async for one in anna.users.find_parts(operator(""), asking)] == [None]
        assert [one async for one in anna.users.find_parts(operator(""), leaving_out)] == []
        assert [one async for one in anna.users.find(operator(""), studies)] == []


async def test_attributes_that_another_node_makes_up_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def made_up(
        self: AuditedParts, requester: Requester, query: PartQuery, *, limit: int
    ) -> AsyncIterator[StudyPart]:
        told = {"SeriesInstanceUID": "1.9", "Modality": "CT", "NoSuchThing": "x", "Also.None": "y", "Rows": "5"}
        yield StudyPart(Study(study_uid=STUDY), Part.of(told))
        yield StudyPart(Study(study_uid=STUDY), Part.of({"Modality": "CT"}))  # of no series
        yield StudyPart(Study(study_uid="7.7"), Part.of({"SeriesInstanceUID": "1.8"}))  # of a study not asked for

    monkeypatch.setattr(AuditedParts, "find_parts", made_up)
    async with running(make_config(tmp_path, "anna")) as anna, running(make_config(tmp_path, "berg")) as berg:
        anna.membership.create("Clinics")
        await join(berg, anna)
        await fill(anna, instances=1)
        await share(anna)
        told = await found(berg, asked(Depth.SERIES))
    assert [one.part.values() for one in told] == [{"SeriesInstanceUID": "1.9", "Modality": "CT"}]
