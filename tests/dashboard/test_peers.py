"""Peers and members as tables."""

from __future__ import annotations

from idas_p2p.dashboard.peers import members_table, peers_table
from tests.dashboard.pictures import drawn

PEER = {
    "node_id": "b" * 52,
    "institution": "Lake\x1b[2J",
    "aet": "LAKE",
    "address": "192.0.2.7:7400",
    "state": "connected",
    "path": "direct",
    "rtt_ms": 81.6,
    "last_seen": 1_000.0,
}


def test_a_peer_is_shown_with_how_it_is_reached_and_when_it_was_seen() -> None:
    shown = drawn(peers_table({"peers": [PEER]}, now=1_012.0))
    for words in ("Lake\\x1b[2J", "connected", "direct", "82 ms", "12 s ago", "192.0.2.7:7400", "b" * 52):
        assert words in shown


def test_a_peer_never_reached_has_dashes() -> None:
    shown = drawn(peers_table({"peers": [{"node_id": "b" * 52, "institution": "Lake"}]}, now=0.0))
    assert "never" in shown
    assert "–" in shown


def test_no_peer_yet_says_how_to_get_some() -> None:
    assert "idas join" in drawn(peers_table({}, now=0.0))


def test_the_administrator_and_this_node_are_marked() -> None:
    members = [{"node_id": "a" * 52, "institution": "City", "admin": True, "self": True}, {"node_id": "b" * 52}]
    shown = drawn(members_table({"members": members}))
    assert "administrator, this node" in shown
    assert "2 members" in shown


def test_why_a_shorter_path_was_not_taken_is_shown_where_there_is_a_reason() -> None:
    detour = {**PEER, "path": "relay", "detours": {"direct": "192.0.2.7:7400: Connection refused"}}
    shown = drawn(peers_table({"peers": [PEER, detour]}, now=0.0))
    assert "NOT BY" in shown
    assert "Connection refused" in shown
    assert "NOT BY" not in drawn(peers_table({"peers": [PEER]}, now=0.0))


def test_the_path_of_the_images_is_shown_where_it_is_another_than_that_of_the_link() -> None:
    shown = drawn(peers_table({"peers": [{**PEER, "path": "relay", "image_path": "tcp-open"}]}, now=1_000.0))
    assert "relay, images tcp-open" in shown
    assert "images" not in drawn(peers_table({"peers": [{**PEER, "image_path": PEER["path"]}]}, now=1_000.0))
