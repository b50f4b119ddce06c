from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.access.levels import DEIDENTIFIED, FULL, OBSCURED
from idas_p2p.dicom.levels.plan import Plan
from idas_p2p.dicom.levels.table import Deed, table
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.level import Action, Option
from tests.dicom.levels.objects import CT, with_options

MR_SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.4.2"


def test_a_plan_has_a_deed_for_every_row_of_the_table() -> None:
    deeds = Plan(DEIDENTIFIED).of(CT)
    assert set(table().rows) <= set(deeds.top)
    assert deeds.top[0x60003000] is deeds.top[0x601E3000] is Deed.REMOVE
    assert (deeds.curves, deeds.others_private) == (Deed.REMOVE, Deed.REMOVE)


def test_name_and_number_of_the_patient_become_the_pseudonym() -> None:
    deeds = Plan(DEIDENTIFIED).of(CT)
    assert deeds.top[0x00100010] is deeds.top[0x00100020] is Deed.PATIENT


@pytest.mark.parametrize("option", Option)
def test_each_option_changes_what_its_column_says(option: Option) -> None:
    plan, basic = Plan(with_options(option)).of(CT), Plan(DEIDENTIFIED).of(CT)
    for tag, row in table().rows.items():
        if option in row.options:
            assert plan.top[tag] is Deed(row.options[option]), hex(tag)
        else:
            assert plan.top[tag] is basic.top[tag]


def test_obscured_takes_names_addresses_and_telephones_and_leaves_numbers_and_dates() -> None:
    deeds = Plan(OBSCURED).of(CT).top
    hidden = (0x00100010, 0x00101040, 0x00102154, 0x00080092, 0x00080090, 0x00081048, 0x00081070, 0x00080096)
    assert all(deeds.get(tag) not in (None, Deed.KEEP) for tag in hidden)
    assert all(tag not in deeds for tag in (0x00100020, 0x00080020, 0x0020000D, 0x00080050))


def test_obscured_can_hide_numbers_as_well() -> None:
    deeds = Plan(replace(OBSCURED, name="own", hides_ids=True)).of(CT).top
    assert (deeds[0x00100020], deeds[0x00080050]) == (Deed.PATIENT, Deed.EMPTY)


def test_what_a_level_names_itself_goes_over_all_else() -> None:
    actions = (("(0019,xx23)GEMS", Action.KEEP), ("KVP", Action.REMOVE), ("StudyDescription", Action.KEEP))
    for base in (FULL, OBSCURED, DEIDENTIFIED):
        deeds = Plan(replace(base, name="own", actions=actions)).of(CT)
        assert (deeds.top[0x00081030], deeds.top[0x00180060]) == (Deed.KEEP, Deed.REMOVE)
        assert deeds.private == {("GEMS", 0x0019, 0x23): Deed.KEEP}


def test_a_level_that_names_no_attribute_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="Nonsense"):
        Plan(replace(OBSCURED, name="own", actions=(("Nonsense", Action.KEEP),)))


def test_an_answer_hides_what_an_object_hides() -> None:
    plan = Plan(DEIDENTIFIED)
    assert plan.deed_of("PatientID") is Deed.PATIENT
    assert plan.deed_of("StudyDate") is Deed.EMPTY
    assert plan.deed_of("StudyDescription") is Deed.REMOVE
    assert plan.deed_of("NumberOfStudyRelatedSeries") is Deed.KEEP
    assert plan.maps_uids
    assert not Plan(with_options(Option.RETAIN_UIDS)).maps_uids
