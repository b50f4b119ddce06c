"""What is noted of a retrieval: links, partners, refusals, copies that differ, signatures."""

from __future__ import annotations

import logging

import pytest

from idas_p2p.errors import PeerUnreachable, TicketRefused
from idas_p2p.exchange.signed_manifest import Evidence
from idas_p2p.node.fetch_log import FetchLog
from idas_p2p.node.find import Offer, Offers
from idas_p2p.node.transfers import Transfer
from idas_p2p.store.transfers import Direction
from idas_p2p.transport.memory import OTHER, make_pair
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from tests.node.nodes import STUDY


class Names:
    """A federation of one known member."""

    def institution(self, node_id: NodeId) -> str | None:
        return "Lake Clinic" if node_id == OTHER else None


def noted() -> tuple[FetchLog, Transfer, Offers]:
    transfer = Transfer(number=7, direction=Direction.IN, study_uid=STUDY, user="dr-lee", started_at=0.0)
    offers = Offers()
    ticket = Ticket(level="full", expires=2**40, mac=bytes(16))
    offers.remember("dr-lee", STUDY, Offer(OTHER, ticket, 3))
    return FetchLog(transfer, Names(), offers, "dr-lee", STUDY), transfer, offers  # type: ignore[arg-type]


def test_a_link_counts_and_names_its_partner_once() -> None:
    log, transfer, _ = noted()
    for _ in range(2):
        log.opened(OTHER, make_pair()[0])
    assert (transfer.partners, transfer.path, len(transfer._channels)) == (["Lake Clinic"], "memory", 2)


@pytest.mark.parametrize(("error", "kept"), [(TicketRefused(), False), (PeerUnreachable(), True)])
def test_an_offer_whose_ticket_was_refused_is_forgotten(error: Exception, kept: bool) -> None:
    log, _, offers = noted()
    log.failed(OTHER, error)  # type: ignore[arg-type]
    assert bool(offers.valid("dr-lee", STUDY, now=0.0)) is kept


def test_a_copy_that_differs_is_noted_and_logged_without_the_study(caplog: pytest.LogCaptureFixture) -> None:
    log, transfer, _ = noted()
    with caplog.at_level(logging.INFO, logger="idas_p2p"):
        log.differs(OTHER)
        log.interrupted(OTHER)
    assert transfer.differing == ["Lake Clinic"]
    assert [record.message for record in caplog.records] == ["copies_differ", "fetch_interrupted"]
    assert STUDY not in str([vars(record) for record in caplog.records])


def test_what_a_holder_signed_is_kept() -> None:
    log, transfer, _ = noted()
    log.signed(OTHER, Evidence(bytes(32), bytes(64)))
    assert transfer.evidence == [(OTHER, Evidence(bytes(32), bytes(64)))]
