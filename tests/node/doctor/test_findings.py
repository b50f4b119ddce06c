"""Findings: a fault without a next step cannot be made, and every one is in the operator's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.node.doctor.findings import FAULTS, NOTES, Finding, Verdict, found, good, has_fault

PAGE = Path(__file__).parents[3] / "docs" / "operations" / "doctor.md"


def test_a_finding_is_as_bad_as_its_name_says() -> None:
    assert found("disk", "disk_full", "0.1 GB free").verdict is Verdict.FAULT
    assert found("disk", "disk_low", "2 GB free").verdict is Verdict.NOTE
    assert good("disk", "50 GB free").verdict is Verdict.GOOD
    assert has_fault([good("disk", ""), found("disk", "disk_full", "")])
    assert not has_fault([good("disk", ""), found("disk", "disk_low", "")])


def test_what_is_wrong_has_a_next_step_and_what_is_well_has_none() -> None:
    assert found("disk", "disk_full", "").next_step == FAULTS["disk_full"]
    assert good("disk", "").next_step == ""
    with pytest.raises(KeyError):
        found("disk", "no such name", "")


def test_no_name_is_both_a_fault_and_a_note_and_none_lacks_words() -> None:
    assert not FAULTS.keys() & NOTES.keys()
    assert all(len(step) > 20 for step in [*FAULTS.values(), *NOTES.values()])


@pytest.mark.parametrize("one", [good("disk", "fine"), found("archive pacs", "archive_closed", "nothing listens")])
def test_a_finding_survives_its_document(one: Finding) -> None:
    assert Finding.of(one.document()) == one


def test_a_name_of_another_version_is_told_as_such() -> None:
    one = Finding.of({"part": "disk", "said": "odd", "name": "disk_on_fire"})
    assert (one.name, one.said) == ("version_differs", "odd (disk_on_fire)")


@pytest.mark.parametrize("name", [*FAULTS, *NOTES])
def test_every_name_is_in_the_page_for_operators(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text("utf-8")
