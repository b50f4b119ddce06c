from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.dicom.levels.keys import SHIFT_DAYS, Pseudonyms, shifted

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/pseudonyms.json").read_text())
KEY = bytes(range(32))
OURS = Pseudonyms(KEY)


def test_the_same_key_gives_the_same_pseudonyms_on_every_node() -> None:
    other = Pseudonyms(KEY)
    assert OURS.patient("P1") == other.patient("P1 ")
    assert OURS.uid(b"1.2.3") == other.uid(b"1.2.3")
    assert OURS.shift("P1") == other.shift("p1")
    assert OURS.code(b"A1") == other.code(b"A1")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"{one['domain']}-{one['uid_root']}")
def test_pseudonyms_are_those_of_the_vectors_so_that_other_implementations_agree(vector: dict[str, Any]) -> None:
    ours = Pseudonyms(bytes.fromhex(vector["key"]), domain=vector["domain"], uid_root=vector["uid_root"])
    for patient, expected in vector["patients"].items():
        assert {"shown": ours.patient(patient), "days": ours.shift(patient)} == expected
    assert {uid: ours.uid(uid.encode()).decode() for uid in vector["uids"]} == vector["uids"]
    assert {value: ours.code(value.encode()).decode() for value in vector["codes"]} == vector["codes"]


def test_another_key_or_numbering_gives_other_pseudonyms() -> None:
    others = [Pseudonyms(bytes(32)), Pseudonyms(KEY, domain="St Mary")]
    assert len({OURS.patient("P1"), *(other.patient("P1") for other in others)}) == 3
    assert Pseudonyms(bytes(32)).uid(b"1.2.3") != OURS.uid(b"1.2.3")


def test_a_new_uid_is_a_uuid_under_2_25_or_stands_under_a_root() -> None:
    number = int(OURS.uid(b"1.2.3").removeprefix(b"2.25."))
    assert number.bit_length() <= 128
    assert number >> 76 & 0xF == 8  # the version
    assert number >> 62 & 3 == 2  # the variant
    rooted = Pseudonyms(KEY, uid_root="1.2.826.0.1.3680043.10.1234567").uid(b"1.2.3")
    assert rooted.startswith(b"1.2.826.0.1.3680043.10.1234567.")
    assert len(rooted) <= 64


@pytest.mark.parametrize("uid", [b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.1.2.1", b""])
def test_uids_of_the_standard_stay(uid: bytes) -> None:
    assert OURS.uid(uid) == uid


def test_dates_move_back_by_one_day_to_ten_years() -> None:
    shifts = {OURS.shift(f"P{number}") for number in range(500)}
    assert all(-SHIFT_DAYS <= days <= -1 for days in shifts)
    assert len(shifts) > 400


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("20231105", "20231026"),
        ("2023.11.05", "20231026"),
        ("20231105101500.25+0100", "20231026101500.25+0100"),
        ("202311", "202310"),
        ("2023", "2022"),
        ("00010101", ""),
        ("20231399", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_a_date_is_moved_and_its_time_stays(text: str, moved: str) -> None:
    assert shifted(text, -10) == moved
