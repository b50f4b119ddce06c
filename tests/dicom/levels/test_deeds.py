from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from idas_p2p.access.levels import DEIDENTIFIED, FULL, OBSCURED
from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.levels.table import Deed, resolve, table, types
from idas_p2p.dicom.recode import vr_of
from idas_p2p.wire.level import Action, Level, Option
from tests.dicom.encoded import element, header
from tests.dicom.levels.objects import CT, EVERYTHING_PASSES, ct_slice, encoded, engine, item, levelled, with_options

VALUES = {
    "AE": "AET", "AS": "045Y", "AT": 0x00100010, "CS": "TERM", "DA": "20220203", "DS": "1.5", "DT": "20220203111213",
    "FD": 1.5, "FL": 1.5, "IS": "7", "LO": "orig text", "LT": "orig text", "OB": b"\1\2", "OW": b"\1\2",
    "PN": "Some^One", "SH": "orig", "ST": "orig text",
    "TM": "111213", "UC": "orig text", "UI": "1.2.3.77", "UL": 7, "UN": b"\1\2",
    "UR": "http://orig", "US": 7, "UT": "orig text",
}  # fmt: skip
SKIPPED = frozenset({0x00020003, 0x00001000, 0x00001001, 0x00041511})  # of other groups than a data set's
NAMES = frozenset({0x00100010, 0x00100020})  # see the pseudonym's own tests
OUTCOMES = {
    Deed.KEEP: lambda before, after: after == before,
    Deed.REMOVE: lambda before, after: after is None,
    Deed.EMPTY: lambda before, after: after == "",
    Deed.DUMMY: lambda before, after: after not in (None, "", before),
    Deed.CLEAN: lambda before, after: after is not None,
    Deed.UID: lambda before, after: after not in (None, "", before),
    Deed.UIDS_INSIDE: lambda before, after: after is not None,
    Deed.PATIENT: lambda before, after: after not in (None, "", before),
}


def text_of(element: DataElement) -> str:
    """A value as text; of a sequence what its items say."""
    return str(element.value or "")


def with_every_attribute() -> Dataset:
    """A CT image with a value for every row of the table that a data set can have."""
    ds = ct_slice()
    for tag in table().rows:
        vr = vr_of(tag, signed=False).decode()
        if tag not in NAMES | SKIPPED and tag >> 16 not in (0x4FFE, 0xFFFA, 0xFFFC) and (vr in VALUES or vr == "SQ"):
            value = VALUES.get(vr, "")
            if isinstance(value, str) and value.startswith("orig"):  # one of its own, or what is hidden of one is cut
                value = f"v{tag:x}"  # out of another
            ds.add_new(tag, vr, item(ConvolutionKernel=f"s{tag:x}") if vr == "SQ" else value)
    return ds


@pytest.mark.parametrize("options", [(), *[(option,) for option in Option]], ids=str)
def test_every_row_of_the_table_is_done_as_the_column_says(options: tuple[Option, ...]) -> None:
    ds, checked = with_every_attribute(), 0
    shown = levelled(ds, with_options(*options, base=EVERYTHING_PASSES))
    for tag, row in table().rows.items():
        if tag in ds and tag not in NAMES:
            deed = resolve(row.chosen(options), types().at_top(tag, CT))
            before, after = text_of(ds[tag]), text_of(shown[tag]) if tag in shown else None
            assert OUTCOMES[deed](before, after), (hex(tag), deed, before, after)
            checked += 1
    assert checked > 550


def test_dates_move_by_the_same_days_in_every_attribute_of_a_patient() -> None:
    ds = ct_slice(SeriesDate="20231106", AcquisitionDateTime="20231104120000.5")
    shown = levelled(ds, with_options(Option.RETAIN_MODIFIED_DATES))
    assert shown.StudyDate != "20231105"
    assert int(shown.SeriesDate) - int(shown.StudyDate) in (1, 8870, 71, 70, 72, 73)  # over the end of a month or year
    assert shown.AcquisitionDateTime.endswith("120000.5")
    assert shown.StudyTime == "101500"


def test_a_person_in_a_report_is_replaced_and_its_form_stays() -> None:
    report = item(RelationshipType="HAS OBS CONTEXT", ValueType="PNAME", PersonName="Doering^Jane")
    report[0].ConceptNameCodeSequence = item(CodeValue="121008", CodingSchemeDesignator="DCM", CodeMeaning="Person")
    shown = levelled(ct_slice(ContentSequence=report), DEIDENTIFIED).ContentSequence[0]
    assert shown.PersonName == "REMOVED"
    assert (shown.RelationshipType, shown.ValueType) == ("HAS OBS CONTEXT", "PNAME")
    assert shown.ConceptNameCodeSequence[0].CodeValue == "121008"


def test_text_of_a_report_goes_unless_structured_content_is_cleaned() -> None:
    report = item(ValueType="TEXT", TextValue="Jane Doering has a nodule of 5 mm")
    assert levelled(ct_slice(ContentSequence=report), DEIDENTIFIED).ContentSequence[0].TextValue == "REMOVED"
    cleaned = levelled(ct_slice(ContentSequence=report), with_options(Option.CLEAN_STRUCTURED_CONTENT))
    assert cleaned.ContentSequence[0].TextValue == "has a nodule of 5 mm"


def test_free_text_in_a_cleaned_sequence_loses_what_looks_like_an_identifier() -> None:
    note = item(TextObjectSequence=item(UnformattedTextValue="lesion, call 555-123-4567"))
    shown = levelled(ct_slice(GraphicAnnotationSequence=note), with_options(Option.CLEAN_GRAPHICS))
    assert shown.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue == "lesion, call"


def test_an_overlay_in_a_sequence_is_removed_too() -> None:
    hidden = item(StudyID="x")
    hidden[0].add_new(0x60003000, "OW", b"\1\2")
    hidden[0].add_new(0x60000010, "US", 2)
    shown = levelled(ct_slice(RequestAttributesSequence=hidden, ViewCodeSequence=hidden), DEIDENTIFIED)
    assert not [one for one in shown.iterall() if one.tag.group == 0x6000]


def test_the_code_of_a_person_is_replaced_with_the_person() -> None:
    person = item(CodeValue="4711", CodingSchemeDesignator="L", CodeMeaning="Dr Doering")
    performer = item(PersonIdentificationCodeSequence=person)
    shown = levelled(ct_slice(ContributingEquipmentSequence=performer), with_options(Option.RETAIN_DEVICE_IDENTITY))
    assert "Doering" not in str(shown)
    assert "4711" not in str(shown)


def test_a_persons_name_of_unknown_representation_is_a_name_all_the_same() -> None:
    author = element(0x0040A067, "UN", b"Curie^Marie ")  # Document Author (Trial), of no row of the table
    instance = replace(encoded(ct_slice()), data=MemoryBlob(header() + author))
    assert b"Curie" not in engine(OBSCURED).apply(instance).data.read()


def test_private_elements_that_carry_names_are_emptied_and_others_stay_when_obscured() -> None:
    ds = ct_slice()
    block = ds.private_block(0x0009, "MMCPrivate", create=True)
    block.add_new(0x11, "LO", "Physician unheard of")
    block.add_new(0x77, "LO", "dose 5")
    block.add_new(0x78, "LO", "of Jane Doering")
    block.add_new(0x79, "OB", b"\0\1..DOERING...")
    shown = levelled(ds, OBSCURED)
    assert [shown[0x0009, 0x1000 | number].value for number in (0x11, 0x77, 0x78)] == ["", "dose 5", "of"]
    assert shown[0x0009, 0x1079].value == b"\0\1..       ..."


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_safe_private_elements_stay_with_their_uids_replaced_and_unseen_sequences_gone(syntax: str) -> None:
    ds = ct_slice()
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000")
    ds.private_block(0x0099, "NQHeader", create=True).add_new(0x02, "UI", "1.2.3.99")
    ds.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x5F, "SQ", item(PatientName="Who^Else"))
    shown = levelled(ds, with_options(Option.RETAIN_SAFE_PRIVATE), syntax)
    assert str(shown.private_block(0x0019, "SIEMENS MR HEADER")[0x0C].value) == "1000"
    assert "1.2.3.99" not in str(shown)
    assert "Who^Else" not in str(shown)
    with_uids = levelled(ds, with_options(Option.RETAIN_SAFE_PRIVATE, Option.RETAIN_UIDS), syntax)
    assert "1.2.3.99" in str(with_uids)


def test_a_level_can_keep_one_private_element_and_nothing_else_of_its_block() -> None:
    ds = ct_slice()
    block = ds.private_block(0x0021, "OURS", create=True)
    block.add_new(1, "LO", "kept")
    block.add_new(2, "LO", "gone")
    level = replace(DEIDENTIFIED, name="own", actions=(("(0021,xx01)OURS", Action.KEEP),))
    assert [one.value for one in levelled(ds, level) if one.tag.is_private] == ["OURS", "kept"]


def test_a_full_level_with_an_action_of_its_own_changes_that_alone() -> None:
    level = Level(name="own", base=FULL.base, actions=(("AccessionNumber", Action.EMPTY),))
    shown = levelled(ct_slice(), level)
    assert (shown.AccessionNumber, shown.PatientName, shown.StudyInstanceUID) == ("", "Doering^Jane", "1.2.3")
    assert "PatientIdentityRemoved" not in shown
