"""What a running node says of itself, judged."""

from __future__ import annotations

from typing import Any

import pytest

from idas_p2p.node.doctor.running import Expiry, judge_running

NOW, DAY = 1_800_000_000.0, 86_400.0
WELL: dict[str, Any] = {
    "version": "1.0",
    "uptime_seconds": 600.0,
    "directory": {"joined": True, "contacts": 9, "lookup_ms_p50": 40.0, "unpublished": 3, "refused": {"expired": 1}},
    "reachability": {"reachable": True},
    "relays": 2,
    "proxy": None,
    "federations": [{"name": "Lake", "members": 3, "admins": 2, "admin": True, "epoch": 4, "asking": []}],
    "archives": [{"name": "pacs", "state": "ok"}],
    "audit": {"records": 12, "collector": {"connected": True}},
    "policy": {"refusal": ""},
}
PEERS: dict[str, Any] = {"peers": [{"institution": "Berg", "state": "connected", "path": "direct", "version": "1.0"}]}


def names(*expiries: Expiry, peers: dict[str, Any] | None = None, **changed: Any) -> set[str]:
    findings = judge_running({**WELL, **changed}, peers or PEERS, expiries, now=NOW)
    return {one.name for one in findings if one.name}


def test_a_node_that_is_well_has_nothing_wrong() -> None:
    assert names(Expiry("federation Lake", NOW - DAY, NOW + 300 * DAY)) == set()


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"directory": {"joined": False}}, "directory_not_joined"),
        ({"directory": {**WELL["directory"], "unpublished": 50_000}}, "publishing_behind"),
        ({"directory": {**WELL["directory"], "refused": {"too_long_lived": 7}}}, "clock_wrong"),
        ({"directory": {**WELL["directory"], "refused": {"expired": 7}}}, "clock_wrong"),
        ({"reachability": {"reachable": False}}, "only_by_relay"),
        ({"reachability": {"reachable": False}, "relays": 0}, "nobody_can_dial"),
        ({"reachability": {"reachable": None}, "relays": 0}, "nobody_can_dial"),
        ({"proxy": {"address": "proxy:3128", "refusal": "407"}}, "proxy_refuses"),
        ({"federations": []}, "no_federation"),
        ({"federations": [{**WELL["federations"][0], "admins": 1}]}, "one_admin"),
        ({"federations": [{**WELL["federations"][0], "asking": ["Carl"]}]}, "approval_waiting"),
        ({"archives": [{"name": "pacs", "state": "unreachable", "error": "closed"}]}, "harvest_failed"),
        ({"audit": {"refused": True}}, "audit_unwritable"),
        ({"audit": {"records": 1, "collector": {"connected": False, "error": "refused"}}}, "collector_unreachable"),
        ({"policy": {"refusal": "line 3"}}, "policy_refused"),
    ],
)
def test_what_is_not_well_is_named(changed: dict[str, Any], name: str) -> None:
    assert names(**changed) == {name}


def test_a_node_that_has_just_begun_is_given_time_to_be_dialled() -> None:
    assert names(reachability={"reachable": None}, relays=0, uptime_seconds=5.0) == set()


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ({"state": "unreachable.peer"}, "peer_unreachable"),
        ({"state": "connected", "path": "relay", "version": "2.0"}, "version_differs"),
        ({"state": "idle"}, ""),
    ],
)
def test_peers_are_told_apart(peer: dict[str, Any], name: str) -> None:
    assert names(peers={"peers": [{"institution": "Berg", **peer}]}) == ({name} if name else set())


@pytest.mark.parametrize(
    ("issued", "expires", "name"),
    [
        (NOW - DAY, NOW + 300 * DAY, ""),
        (NOW - DAY, NOW + 3 * DAY, "federation_expires"),
        (NOW - DAY, NOW - 1, "federation_expired"),
        (NOW + 600, NOW + 300 * DAY, "clock_wrong"),
    ],
)
def test_what_is_signed_has_an_end_and_is_not_from_the_future(issued: float, expires: float, name: str) -> None:
    assert names(Expiry("federation Lake", issued, expires)) == ({name} if name else set())
