from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from idas_p2p.dicom.levels.answers import Answers
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.part_answers import PartAnswers
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.listed_parts import part_of
from idas_p2p.dicom.query_keys import part_keywords
from idas_p2p.dicom.scan import header_of
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.level import Level
from idas_p2p.wire.parts import Depth, Part, Within
from tests.dicom.levels.objects import KEY, ct_slice, encoded, engine
from tests.dicom.levels.test_answers import LEVELS

ALL = part_keywords(Depth.IMAGE)


def image() -> Instance:
    """A slice of which every text names the patient."""
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP-1", "SPS-1"
    request.RequestedProcedureDescription = "Chest of Jane Doering"
    return encoded(
        ct_slice(
            SeriesDescription="Chest of Jane Doering",
            SeriesNumber="3",
            SeriesDate="20231105",
            SeriesTime="101501",
            OperatorsName="Smith^Ann",
            PerformingPhysicianName="Housegood^Gregory",
            InstitutionName="St. Elsewhere",
            StationName="CT1",
            ProtocolName="Thorax Doering",
            BodyPartExamined="CHEST",
            InstanceNumber="7",
            ImageComments="Jane moved",
            FrameOfReferenceUID="1.2.3.99",
            RequestAttributesSequence=[request],
        )
    )


def told(instance: Instance) -> Part:
    header = header_of(instance.data, instance.transfer_syntax_uid)
    return part_of(instance, Within(study_uid=header.study.study_uid, depth=Depth.IMAGE, wanted=ALL))


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.mark)
def test_an_answer_tells_no_more_than_the_object_at_the_level_does(level: Level) -> None:
    before = image()
    study = header_of(before.data, before.transfer_syntax_uid).study
    plan, pseudonyms = Plan(level), Pseudonyms(KEY)
    shown = PartAnswers(plan, pseudonyms, Answers(plan, pseudonyms)).part(study, told(before)).values()
    of_object = told(engine(level).apply(before)).values()
    assert {keyword: text for keyword, text in shown.items() if of_object.get(keyword) != text} == {}
    assert not [text for text in shown.values() if any(word in text for word in ("Jane", "Doering", "Smith"))]


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.mark)
def test_what_no_level_hides_is_told(level: Level) -> None:
    before = image()
    study = header_of(before.data, before.transfer_syntax_uid).study
    plan, pseudonyms = Plan(level), Pseudonyms(KEY)
    shown = PartAnswers(plan, pseudonyms, Answers(plan, pseudonyms)).part(study, told(before))
    assert (shown.value("Modality"), shown.value("SeriesNumber"), shown.value("InstanceNumber")) == ("CT", "3", "7")
    assert shown.value("SOPInstanceUID")
    assert (shown.value("SOPInstanceUID") == before.sop_instance_uid) is not plan.maps_uids


def test_an_attribute_that_is_not_known_is_hidden() -> None:
    plan, pseudonyms = Plan(LEVELS[0]), Pseudonyms(KEY)
    study = header_of(image().data, image().transfer_syntax_uid).study
    part = Part.of({"SeriesInstanceUID": "1.2", "PatientComments": "Jane"})
    shown = PartAnswers(plan, pseudonyms, Answers(plan, pseudonyms)).part(study, part)
    assert shown.values() == {"SeriesInstanceUID": "1.2"}
