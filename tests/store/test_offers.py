from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.errors import Busy, NoSuchThing
from idas_p2p.store import offers as module
from idas_p2p.store.database import Database
from idas_p2p.store.offers import OPEN, Offer, OfferDirection, OfferState, OfferStore
from idas_p2p.wire.fetching import Ticket
from tests.store.makers import make_study

OFFER = Offer(
    direction=OfferDirection.IN,
    offer=bytes(16),
    node=bytes(32),
    institution="City Hospital",
    study=make_study(),
    study_uid="1.2.3",
    level="full",
    ticket=Ticket(level="full", expires=9, mac=bytes(16)),
    note="second opinion",
    offered_at=1.0,
    expires=100.0,
)


@pytest.fixture
def store(database: Database) -> OfferStore:
    return OfferStore(database)


def test_an_offer_comes_back_as_it_was_and_twice_is_once(store: OfferStore) -> None:
    kept = store.add(OFFER)
    assert kept == replace(OFFER, number=1)
    assert store.add(replace(OFFER, note="again")) == kept
    assert store.all(OfferDirection.IN) == [kept] == store.open(OfferDirection.IN, *OPEN)
    assert store.all(OfferDirection.OUT) == []


def test_an_offer_leaves_a_state_once(store: OfferStore) -> None:
    offer = store.add(OFFER)
    waiting = (OfferState.WAITING,)
    assert store.change(offer, OfferState.ACCEPTED, when=waiting, decided_by="lee", destination="VIEWER")
    assert not store.change(offer, OfferState.REFUSED, when=waiting)
    now = store.numbered(offer.number, OfferDirection.IN)
    assert (now.state, now.decided_by, now.destination) == (OfferState.ACCEPTED, "lee", "VIEWER")


def test_what_the_sender_does_not_know_yet_is_to_be_told(store: OfferStore) -> None:
    offer = store.add(OFFER)
    assert store.untold() == []
    store.change(offer, OfferState.REFUSED, when=OPEN)
    assert [one.state for one in store.untold()] == [OfferState.REFUSED]
    store.note(offer, told=OfferState.REFUSED)
    assert store.untold() == []


def test_one_node_cannot_fill_the_inbox_of_all(store: OfferStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OF_ONE", 2)
    monkeypatch.setattr(module, "MAX_OFFERS", 3)
    for number in (1, 2):
        store.add(replace(OFFER, offer=bytes((number,) * 16)))
    with pytest.raises(Busy):
        store.add(replace(OFFER, offer=bytes((3,) * 16)))
    other = replace(OFFER, node=bytes((1,) * 32))
    store.add(other)
    with pytest.raises(Busy):
        store.add(replace(other, offer=bytes((3,) * 16)))


def test_offers_that_are_over_are_forgotten_in_the_end(store: OfferStore) -> None:
    offer = store.add(OFFER)
    assert store.forget(before=1e9) == 0
    store.change(offer, OfferState.DONE, when=OPEN)
    assert store.forget(before=100.0) == 0
    assert store.forget(before=101.0) == 1
    with pytest.raises(NoSuchThing):
        store.numbered(offer.number, OfferDirection.IN)


def test_an_offer_never_prints_whom_it_is_about(store: OfferStore) -> None:
    assert "Doe" not in repr(store.add(OFFER))


def test_our_offer_is_found_by_the_id_it_was_sent_under(store: OfferStore) -> None:
    sent = store.add(replace(OFFER, direction=OfferDirection.OUT))
    assert store.of_sender(bytes(32), bytes(16)) == sent
    with pytest.raises(NoSuchThing):
        store.of_sender(bytes(32), bytes((1,) * 16))
