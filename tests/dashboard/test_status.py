"""A node's status at a glance."""

from __future__ import annotations

from typing import Any

from idas_p2p.dashboard.status import status_view
from tests.dashboard.pictures import drawn

STATUS: dict[str, Any] = {
    "node_id": "a" * 52,
    "institution": "City Hospital",
    "aet": "IDAS",
    "version": "0.1.0",
    "dicom": "0.0.0.0:104",
    "network": "0.0.0.0:7400",
    "reachability": {"reachable": True, "mapped": [{"way": "upnp", "external": "203.0.113.7:7400"}]},
    "uptime_seconds": 250.0,
    "memory_bytes": 81_000_000,
    "spool_bytes": 1_500_000,
    "spool_limit_bytes": 20_000_000_000,
    "spool_encrypted": True,
    "federation": {"name": "Lake Region\x1b", "epoch": 3, "members": 4, "admin": True},
    "connections": {"channels": 3, "handshakes": 0, "refused": {"bad_hello": 1, "timed_out": 1_200}},
    "directory": {
        "joined": True,
        "contacts": 12,
        "records_stored": 340,
        "lookup_ms_p50": 91.2,
        "unpublished": 5,
        "records_published": 1_000_000,
        "records_sending": 250,
    },
    "catalog": {"studies": 1_234, "instances": 98_765},
    "transfers": {"active": 2},
    "archives": [
        {"name": "pacs", "kind": "dicom", "state": "ok", "studies": 1_234, "instances": 98_765, "last_ok": 940.0},
        {"name": "shelf", "kind": "folder", "state": "unreachable", "error": "unreachable.archive", "last_ok": None},
    ],
}


def test_a_status_tells_who_where_with_whom_and_how_much() -> None:
    shown = drawn(status_view(STATUS, now=1_000.0))
    for words in (
        "City Hospital (AE title IDAS)",
        "DICOM 0.0.0.0:104, network 0.0.0.0:7400",
        "yes; the router opened 203.0.113.7:7400 by upnp",
        "4 min 10 s, 81 MB of memory",
        "Lake Region\\x1b, 4 members, epoch 3, this node administers it",
        "joined, 12 contacts, 340 records stored, lookups take 91 ms at the median",
        "1,234 studies, 98,765 images",
        "2 active",
        "3 opened by others; turned away: 1 bad_hello, 1,200 timed_out",
        "1.5 MB of 20 GB, encrypted",
    ):
        assert words in shown


def test_a_proxy_is_shown_with_what_it_says_and_only_where_there_is_one() -> None:
    assert "Proxy" not in drawn(status_view(STATUS | {"proxy": None}, now=1_000.0))
    for refusal in ("", "the proxy 192.0.2.1:3128 wants a name and a password (407)"):
        proxy = {"address": "192.0.2.1:3128", "refusal": refusal}
        shown = drawn(status_view(STATUS | {"proxy": proxy}, now=1_000.0))
        assert "connections go through 192.0.2.1:3128" in shown
        assert ("(407)" in shown) == bool(refusal)


def test_an_archive_in_trouble_is_named_with_its_reason() -> None:
    shown = drawn(status_view(STATUS, now=1_000.0))
    assert "1 min 0 s ago" in shown
    assert "unreachable.archive" in shown


def test_a_node_alone_is_told_the_next_step() -> None:
    shown = drawn(status_view({**STATUS, "federation": None, "directory": {"joined": False}, "archives": []}, now=0.0))
    assert "`idas join`" in shown
    assert "NOT joined: check the bootstrap address and UDP" in shown
    assert "idas archive add" in shown


def test_who_waits_for_an_administrator_and_what_it_should_do_is_shown_on_both_sides() -> None:
    asked = {"name": "Lake", "members": 2, "epoch": 3, "admin": True, "admins": 1, "asking": ["B\x1b"], "proposals": 1}
    shown = drawn(status_view({**STATUS, "federation": asked}, now=0.0))
    for words in ("alone: add a second", "idas federation approve`: B\\x1b", "idas federation admins"):
        assert words in shown
    several = {**STATUS, "federations": [asked, {**asked, "name": "South"}]}
    assert "South, 2 members" in drawn(status_view(several, now=0.0))
    asking = {**STATUS, "federation": None, "joining": {"state": "waiting", "reason": ""}}
    assert "waits for an administrator's approval" in drawn(status_view(asking, now=0.0))
    refused = {**STATUS, "federation": None, "joining": {"state": "refused", "reason": "said no"}}
    assert "did not admit this node: said no" in drawn(status_view(refused, now=0.0))


def test_a_status_with_parts_missing_is_shown_with_dashes() -> None:
    assert "–" in drawn(status_view({}, now=0.0))


def test_how_far_publishing_has_come_is_shown() -> None:
    shown = " ".join(drawn(status_view(STATUS, now=0.0)).split())
    assert "1,000,000 records published, 250 records being sent, 5 studies wait to be published" in shown
    assert "wait to be renewed" not in shown


def test_a_node_that_is_carried_over_tcp_says_so() -> None:
    carried = {**STATUS, "directory": {"joined": True, "carried": True}}
    assert "joined over TCP, for no UDP gets through" in " ".join(drawn(status_view(carried, now=0.0)).split())


def test_broken_glass_and_tried_codes_stand_out_without_saying_about_whom() -> None:
    rows = [
        {"side": "holder", "institution": "Lake Clinic", "user": "dr-lee", "until": 1_800_000_000},
        {"side": "requester", "institution": "Hill Clinic", "user": "dr-lee", "until": 1_800_000_000},
    ]
    text = drawn(status_view({**STATUS, "emergencies": rows, "passes": {"open": 2, "guesses": 7}}, now=1_000.0))
    assert "a user of Lake Clinic broke the glass here, until 2027-01-1" in text
    assert "a user of this node broke the glass at Hill Clinic" in text
    assert "2 open: idas pass list; 7 codes were tried that nobody has" in text
    assert "dr-lee" not in text
    assert "Passes" not in drawn(status_view({**STATUS, "passes": {"open": 0, "guesses": 0}}, now=1_000.0))
