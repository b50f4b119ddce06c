from __future__ import annotations

import pytest

from idas_p2p.dicom.levels.table import Deed, resolve, table, types

CT, MADE_UP = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
CONTENT_DATE, ACQUISITION_DATETIME, SERIES_DATE = 0x00080023, 0x0008002A, 0x00080021
PET = "1.2.840.10008.5.1.4.1.1.128"


def test_every_row_of_the_standards_table_is_there() -> None:
    known = table()
    assert len(known.rows) + len(known.overlays) + 2 == 621  # curves and private elements are one row each
    assert known.private.options == {"retain-safe-private": "C"}


@pytest.mark.parametrize(
    ("tag", "options", "action"),
    [
        (0x00100010, (), "Z"),
        (0x00080020, (), "Z"),
        (0x00080020, ("retain-long-full-dates",), "K"),
        (0x00080020, ("retain-long-modified-dates",), "C"),
        (0x00081030, ("clean-descriptors",), "C"),
        (0x00081010, ("retain-device-identity",), "K"),
        (0x0020000D, ("retain-uids",), "K"),
        (0x0040A730, ("clean-structured-content",), "C"),
        (0x00181203, ("retain-device-identity", "retain-long-modified-dates"), "C"),  # the one that tells less
    ],
)
def test_the_options_chosen_change_the_action_as_the_standard_says(
    tag: int, options: tuple[str, ...], action: str
) -> None:
    assert table().rows[tag].chosen(options) == action


@pytest.mark.parametrize(
    ("action", "deeds"),
    [
        ("X/Z", (Deed.DUMMY, Deed.EMPTY, Deed.REMOVE)),
        ("X/D", (Deed.DUMMY, Deed.DUMMY, Deed.REMOVE)),
        ("X/Z/D", (Deed.DUMMY, Deed.EMPTY, Deed.REMOVE)),
        ("Z/D", (Deed.DUMMY, Deed.EMPTY, Deed.EMPTY)),
        ("X/Z/U*", (Deed.UIDS_INSIDE, Deed.EMPTY, Deed.REMOVE)),
        ("Z", (Deed.DUMMY, Deed.EMPTY, Deed.EMPTY)),
        ("U", (Deed.UID, Deed.UID, Deed.UID)),
    ],
)
def test_a_combined_action_follows_the_type_of_the_attribute(action: str, deeds: tuple[Deed, ...]) -> None:
    assert tuple(resolve(action, type_) for type_ in (1, 2, 3)) == deeds


def test_types_are_those_of_the_iod_and_the_strictest_where_it_is_not_known() -> None:
    assert types().at_top(SERIES_DATE, PET) == 1
    assert types().at_top(SERIES_DATE, CT) == 3
    assert types().at_top(ACQUISITION_DATETIME, ENHANCED_MR) == 1
    assert types().at_top(SERIES_DATE, MADE_UP) == 1


def test_types_in_a_sequence_are_those_of_its_items() -> None:
    assert types().inside(0x0040A073, 0x0040A088) == 2  # of a verifying observer, its identification code
    assert types().inside(0x0040A073, 0x00104000) == 3
