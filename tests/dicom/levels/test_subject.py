from __future__ import annotations

from dataclasses import replace

from idas_p2p.access.levels import DEIDENTIFIED, OBSCURED
from idas_p2p.dicom.levels.keys import Pseudonyms
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.levels.subject import Head, subject_of
from idas_p2p.dicom.levels.tree import Encoding, Tree
from idas_p2p.wire.level import Level
from tests.dicom.levels.objects import CT, KEY, ct_slice, encoded, item


def head(**attributes: object) -> Head:
    data = encoded(ct_slice(**attributes)).data.read()
    return Head(data, Tree(data, Encoding()).read(), Encoding())


def identity_at(level: Level, **attributes: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    plan = Plan(level)
    found = subject_of(head(**attributes), plan.of(CT), Pseudonyms(KEY)).identity
    return found.names, found.numbers


def test_people_are_found_at_every_depth() -> None:
    inner = item(ContentSequence=item(PersonName="Curie^Marie"))
    names, _ = identity_at(DEIDENTIFIED, RequestAttributesSequence=inner)
    assert names == ("Curie^Marie", "Doering^Jane", "Housegood^Gregory")


def test_numbers_are_looked_for_where_the_level_hides_them() -> None:
    assert {"PID-4711", "ACC99812", "19610203", "1.2.3"} <= set(identity_at(DEIDENTIFIED)[1])
    assert {"1961-02-03", "03.02.1961", "02/03/1961"} <= set(identity_at(DEIDENTIFIED)[1])
    assert identity_at(OBSCURED)[1] == ()
    assert "PID-4711" in identity_at(replace(OBSCURED, name="own", hides_ids=True))[1]


def test_a_patient_without_a_number_is_told_by_name() -> None:
    plan, ours = Plan(DEIDENTIFIED), Pseudonyms(KEY)
    found = subject_of(head(PatientID=""), plan.of(CT), ours)
    assert found.patient.decode() == ours.patient("Doering^Jane")
    assert found.shift == ours.shift("Doering^Jane")


def test_text_and_numbers_are_read_from_the_head() -> None:
    found = head(SpecificCharacterSet="ISO_IR 100", StudyDescription="Schädel ")
    assert found.text(0x00081030) == "Schädel"
    assert found.number(0x00280010) == 2
    assert (found.text(0x00104000), found.number(0x00280008)) == ("", 0)


def test_an_overlay_without_data_of_its_own_lies_hidden_in_the_pixels() -> None:
    ds = ct_slice()
    ds.add_new(0x60000010, "US", 2)
    data = encoded(ds).data.read()
    assert Head(data, Tree(data, Encoding()).read(), Encoding()).has_hidden_overlay()
    assert not head().has_hidden_overlay()


def test_neither_a_head_nor_a_subject_prints_itself() -> None:
    assert "Doering" not in repr(head())
    assert "Doering" not in repr(subject_of(head(), Plan(DEIDENTIFIED).of(CT), Pseudonyms(KEY)))
