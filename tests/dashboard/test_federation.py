"""Administrators, votes, invitations and requests as tables."""

from __future__ import annotations

from idas_p2p.dashboard.federation import admins_view, invitations_table, requests_table
from tests.dashboard.pictures import drawn

ANNA = {"node_id": "a" * 52, "institution": "Anna\x1b[2J", "self": True}


def test_a_vote_shows_who_gave_it_and_how_many_are_missing() -> None:
    vote = {"act": "add", "institution": "Bert", "node_id": "b" * 52, "votes": [ANNA], "missing": 1}
    shown = drawn(admins_view({"admins": [ANNA], "proposals": [vote]}))
    assert "1 administrator" in shown
    assert "add Bert" in shown
    assert "Anna\\x1b[2J" in shown
    assert "PROPOSED" not in drawn(admins_view({"admins": [ANNA]}))


def test_an_invitation_shows_what_is_left_of_it() -> None:
    row = {"label": "3fa9c21b", "expires": 1_800_000_000, "uses_left": 2, "used": False, "approval": True}
    shown = drawn(invitations_table({"invitations": [row]}))
    assert "3fa9c21b  2027-01-15 08:00 UTC" in shown
    assert "idas federation invite" in drawn(invitations_table({}))


def test_a_moment_that_is_none_is_a_dash() -> None:
    for moment in (None, "soon", 1e30):
        assert "–" in drawn(requests_table({"requests": [{**ANNA, "asked": moment}]}))
    assert "Nobody waits" in drawn(requests_table({}))
