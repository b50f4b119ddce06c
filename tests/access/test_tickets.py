"""Tickets: honoured for the one they were issued to, and refused by name for anyone and anything else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.access.levels import DEIDENTIFIED, FULL, OBSCURED, parse_level
from idas_p2p.access.subjects import Requester
from idas_p2p.access.tickets import TicketOffice, TicketRefusal
from idas_p2p.limits import TICKET_LIFETIME
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.level import Level
from tests.access.region import ANNA, BERT

OFFICE = TicketOffice(b"k" * 32)
ANNA_ASKS = Requester(node_id=ANNA.node_id, institution="Anna", user="dr.a")
TICKET = OFFICE.issue(ANNA_ASKS, "1.2.3", FULL, now=1_000.0)


def test_a_ticket_is_honoured_until_it_expires_not_longer() -> None:
    assert OFFICE.check(TICKET, ANNA_ASKS, "1.2.3", now=1_000.0 + TICKET_LIFETIME - 1) is None
    assert OFFICE.check(TICKET, ANNA_ASKS, "1.2.3", now=1_000.0 + TICKET_LIFETIME) is TicketRefusal.EXPIRED


def test_a_ticket_outlives_a_restart_of_its_holder() -> None:
    assert TicketOffice(b"k" * 32).check(TICKET, ANNA_ASKS, "1.2.3", now=1_000.0) is None


@pytest.mark.parametrize(
    ("ticket", "requester", "study_uid"),
    [
        pytest.param(TICKET, replace(ANNA_ASKS, node_id=BERT.node_id), "1.2.3", id="another requester"),
        pytest.param(TICKET, replace(ANNA_ASKS, user="dr.b"), "1.2.3", id="another user"),
        pytest.param(TICKET, ANNA_ASKS, "1.2.4", id="another study"),
        pytest.param(replace(TICKET, level="none"), ANNA_ASKS, "1.2.3", id="another level"),
        pytest.param(replace(TICKET, expires=TICKET.expires + 1), ANNA_ASKS, "1.2.3", id="a later expiry"),
        pytest.param(replace(TICKET, mac=bytes(16)), ANNA_ASKS, "1.2.3", id="a forged mac"),
    ],
)
def test_a_ticket_for_another_is_not_ours(ticket: Ticket, requester: Requester, study_uid: str) -> None:
    assert OFFICE.check(ticket, requester, study_uid, now=1_000.0) is TicketRefusal.NOT_OURS


@pytest.mark.parametrize("shown", [OBSCURED, DEIDENTIFIED], ids=str)
def test_a_ticket_whose_level_was_raised_is_not_ours(shown: Level) -> None:
    less = OFFICE.issue(ANNA_ASKS, "1.2.3", shown, now=1_000.0)
    assert OFFICE.check(less, ANNA_ASKS, "1.2.3", now=1_000.0) is None
    assert OFFICE.check(replace(less, level=FULL.mark), ANNA_ASKS, "1.2.3", now=1_000.0) is TicketRefusal.NOT_OURS


def test_a_level_whose_definition_changed_makes_its_old_tickets_void() -> None:
    before, after = (parse_level("law", {"base": "full", "remove": [name]}) for name in ("PatientName", "PatientSex"))
    old = OFFICE.issue(ANNA_ASKS, "1.2.3", before, now=1_000.0)
    assert OFFICE.check(old, ANNA_ASKS, "1.2.3", now=1_000.0) is None
    assert old.level != after.mark
    assert OFFICE.check(replace(old, level=after.mark), ANNA_ASKS, "1.2.3", now=1_000.0) is TicketRefusal.NOT_OURS


def test_a_ticket_of_another_holder_is_not_ours() -> None:
    other = TicketOffice(b"l" * 32).issue(ANNA_ASKS, "1.2.3", FULL, now=1_000.0)
    assert OFFICE.check(other, ANNA_ASKS, "1.2.3", now=1_000.0) is TicketRefusal.NOT_OURS


def test_an_expired_ticket_of_another_does_not_tell_that_it_once_was_good() -> None:
    bert_asks = replace(ANNA_ASKS, node_id=BERT.node_id)
    assert OFFICE.check(TICKET, bert_asks, "1.2.3", now=1e9) is TicketRefusal.NOT_OURS


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_no_two_users_and_studies_share_a_mac(user: str, study: str, other_user: str, other_study: str) -> None:
    one = OFFICE.issue(replace(ANNA_ASKS, user=user), study, FULL, now=0.0)
    other = OFFICE.issue(replace(ANNA_ASKS, user=other_user), other_study, FULL, now=0.0)
    assert (one.mac == other.mac) == ((user, study) == (other_user, other_study))


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/tickets.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_have_their_outcomes(vector: dict[str, Any]) -> None:
    ticket = Ticket(level=vector["level"], expires=vector["expires"], mac=bytes.fromhex(vector["mac"]))
    requester = Requester(node_id=NodeId.parse(vector["requester"]), institution="any", user=vector["user"])
    office = TicketOffice(bytes.fromhex(vector["key"]))
    outcome = office.check(ticket, requester, vector["study_uid"], now=vector["now"])
    assert (outcome or "success") == vector["outcome"]
