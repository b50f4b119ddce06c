"""Configuration as tables."""

from __future__ import annotations

from idas_p2p.dashboard.configuration import (
    archives_table,
    grants_table,
    groups_table,
    users_table,
    workstations_table,
)
from tests.dashboard.pictures import drawn


def test_both_kinds_of_archive_say_where_they_are() -> None:
    shown = drawn(
        archives_table(
            [
                {"name": "pacs", "kind": "dicom", "aet": "ORTHANC", "address": "192.0.2.1:4242", "poll_seconds": 60.0},
                {"name": "shelf", "kind": "folder", "folder": "/srv/images", "poll_seconds": 300.0},
            ]
        )
    )
    assert "192.0.2.1:4242" in shown
    assert "/srv/images" in shown
    assert "5 min 0 s" in shown
    assert "2 archives" in shown


def test_workstations_users_and_groups_are_listed() -> None:
    assert "VIEWER" in drawn(workstations_table([{"aet": "VIEWER", "address": "192.0.2.2:104", "user": None}]))
    assert "radiology, ct" in drawn(users_table([{"name": "dr-lee", "groups": ["radiology", "ct"]}]))
    assert "dr-lee, dr-moss" in drawn(groups_table([{"name": "radiology", "members": ["dr-lee", "dr-moss"]}]))


def test_a_grant_says_until_when_it_holds() -> None:
    shown = drawn(
        grants_table(
            [
                {"number": 1, "subject": "everyone", "level": "full", "expires": None},
                {"number": 2, "subject": "node:Lake", "level": "none", "expires": 1_700_000_000.0},
            ]
        )
    )
    assert "never" in shown
    assert "2023-11-1" in shown


def test_what_is_empty_says_how_to_fill_it() -> None:
    for empty in (archives_table, workstations_table, users_table, groups_table, grants_table):
        assert "with: idas " in drawn(empty([]))
