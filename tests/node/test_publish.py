from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.access.blinding import Blinder
from idas_p2p.access.federation import Federation
from idas_p2p.access.invitation import Invitation
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.directory.placing import Draft, OnStored
from idas_p2p.directory.service import Directory
from idas_p2p.limits import REPUBLISH_INTERVAL
from idas_p2p.node.publish import FAILURE_INTERVAL, IDLE_INTERVAL, Progress, Publisher
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import Claim
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import Field, Term, study_terms
from tests.directory.network import ManualClock

CLOCK = SystemClock()
STUDY = Study(study_uid="1.2.3", patient_id="P-1", patient_name="Doe^Jane", study_date="20240131", instance_count=7)


@pytest.fixture
def settings(database: Database) -> Settings:
    return Settings(database)


@pytest.fixture
def identity() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def federation(identity: SigningKey, settings: Settings) -> Federation:
    return Federation(identity, settings, random_bytes=random_bytes)


@pytest.fixture
def catalog(database: Database) -> Catalog:
    made = Catalog(database)
    made.record("pacs", [STUDY], now=CLOCK.now())
    return made


@pytest.fixture
def publisher(
    identity: SigningKey, federation: Federation, directory: Directory, catalog: Catalog, settings: Settings
) -> Publisher:
    return Publisher(identity, federation, directory, catalog, settings, clock=CLOCK)


async def claims(directory: Directory, federation: Federation, term: Term) -> list[Claim]:
    blinder = Blinder(federation.secrets)
    place = blinder.place(term, now=CLOCK.now())
    return [blinder.read_claim(record) for record in await directory.get(place.node_id.kademlia_id)]


async def test_a_node_outside_a_federation_publishes_nothing(publisher: Publisher, directory: Directory) -> None:
    assert await publisher.turn() == IDLE_INTERVAL
    assert directory.status().records_stored == 0
    assert publisher.backlog == 1


async def test_every_term_of_a_study_leads_to_its_holder(
    publisher: Publisher, federation: Federation, directory: Directory, identity: SigningKey
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    assert await publisher.turn() == 0.0
    for term in study_terms(STUDY):
        (claim,) = await claims(directory, federation, term)
        assert claim.holder == identity.node_id
        assert claim.count == (7 if term.field is Field.STUDY else 0)
    assert await publisher.turn() == IDLE_INTERVAL


async def test_a_study_that_vanished_is_withdrawn_once(
    publisher: Publisher, federation: Federation, directory: Directory, catalog: Catalog
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    await publisher.turn()
    catalog.forget("pacs", [STUDY.study_uid], now=CLOCK.now())
    await publisher.turn()
    (claim,) = await claims(directory, federation, Term(Field.STUDY, STUDY.study_uid))
    assert claim.withdrawn
    assert await publisher.turn() == IDLE_INTERVAL
    assert publisher.backlog == 0


async def test_a_shared_term_is_stored_once_for_many_studies(
    publisher: Publisher, federation: Federation, directory: Directory, catalog: Catalog
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    others = [replace(STUDY, study_uid=f"1.2.3.{number}") for number in range(5)]
    catalog.record("pacs", others, now=CLOCK.now())
    await publisher.turn()
    shared = len(study_terms(STUDY)) - 1
    assert directory.status().records_stored == shared + 6


async def test_new_secrets_publish_everything_again_also_after_a_restart(
    publisher: Publisher,
    federation: Federation,
    directory: Directory,
    catalog: Catalog,
    settings: Settings,
    identity: SigningKey,
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    await publisher.turn()
    _admit_and_remove(federation)
    again = Publisher(identity, federation, directory, catalog, settings, clock=CLOCK)
    assert await again.turn() == 0.0
    for term in study_terms(STUDY):
        assert len(await claims(directory, federation, term)) == 1
    assert await Publisher(identity, federation, directory, catalog, settings, clock=CLOCK).turn() == IDLE_INTERVAL


async def test_secrets_that_change_while_records_are_on_their_way_leave_no_index_term_behind(
    publisher: Publisher, federation: Federation, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    publish = directory.publish

    async def slow_publish(drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        monkeypatch.setattr(directory, "publish", publish)
        await publish(drafts, on_stored=on_stored)
        _admit_and_remove(federation)

    monkeypatch.setattr(directory, "publish", slow_publish)
    await publisher.turn()
    await publisher.turn()
    for term in study_terms(STUDY):
        assert len(await claims(directory, federation, term)) == 1


async def test_a_study_stays_due_until_the_directory_stored_it(
    publisher: Publisher, federation: Federation, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())

    async def nobody(drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        on_stored([(number, 0) for number in range(len(drafts))])

    with monkeypatch.context() as patched:
        patched.setattr(directory, "publish", nobody)
        assert await publisher.turn() == FAILURE_INTERVAL
    assert await publisher.turn() == 0.0
    assert len(await claims(directory, federation, Term(Field.PATIENT, "p-1"))) == 1


def _admit_and_remove(federation: Federation) -> None:
    """Change the secrets in force, as the removal of a member does."""
    now = CLOCK.now()
    member = SigningKey.generate().node_id
    invitation = Invitation.of(member, random_bytes(16), Contact(Address("h", 1), member))
    federation.invite(invitation, expires=now + 60, uses=1, now=now)
    federation.admit(member, "Gone Clinic", proved=psk_id(invitation.psk), now=now)
    federation.remove("Gone Clinic", now=now)


class Watched:
    """Counts the records a directory is asked to place, and takes them all."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def publish(self, drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        self.batches.append(len(drafts))
        on_stored([(number, 8) for number in range(len(drafts))])


@pytest.fixture
def placed(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    monkeypatch.setattr(directory, "publish", watched.publish)
    return watched


async def test_a_restart_in_the_middle_tells_the_directory_nothing_twice(
    identity: SigningKey,
    federation: Federation,
    directory: Directory,
    catalog: Catalog,
    settings: Settings,
    placed: Watched,
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    first = Publisher(identity, federation, directory, catalog, settings, clock=CLOCK)
    await first.turn()
    catalog.record("pacs", [replace(STUDY, series_count=9)], now=CLOCK.now())
    again = Publisher(identity, federation, directory, catalog, settings, clock=CLOCK)
    assert await again.turn() == 0.0
    assert placed.batches == [len(study_terms(STUDY)), 0]


async def test_renewals_of_many_studies_are_spread_over_the_interval_and_go_out_together(
    identity: SigningKey,
    federation: Federation,
    directory: Directory,
    catalog: Catalog,
    settings: Settings,
    placed: Watched,
) -> None:
    clock = ManualClock(unix=CLOCK.now())
    federation.create("Anna", "F", now=clock.now())
    catalog.record("pacs", [replace(STUDY, study_uid=f"1.2.{number}") for number in range(200)], now=clock.now())
    publisher = Publisher(identity, federation, directory, catalog, settings, clock=clock, rng=random.Random(1))
    await publisher.turn()
    due = []
    for _ in range(20):
        clock.advance(REPUBLISH_INTERVAL / 10)
        due.append(publisher.progress().renewals_due)
        await publisher.turn()
    assert sum(due) >= 2 * 200
    assert max(due) < 60
    assert max(placed.batches[1:]) < 60
    assert sum(placed.batches) >= 2 * 200


async def test_renewals_wait_for_company_and_changes_do_not(
    identity: SigningKey,
    federation: Federation,
    directory: Directory,
    catalog: Catalog,
    settings: Settings,
    placed: Watched,
) -> None:
    clock = ManualClock(unix=CLOCK.now())
    federation.create("Anna", "F", now=clock.now())
    publisher = Publisher(identity, federation, directory, catalog, settings, clock=clock, rng=random.Random(1))
    await publisher.turn()
    clock.advance(REPUBLISH_INTERVAL)
    assert await publisher.turn() == 0.0  # the renewal
    clock.unix += REPUBLISH_INTERVAL  # due again, but the next look at renewals is not yet
    assert await publisher.turn() == IDLE_INTERVAL
    catalog.record("pacs", [replace(STUDY, study_uid="1.2.3.4.5")], now=clock.now())
    assert await publisher.turn() == 0.0
    assert (publisher.progress().unpublished, publisher.progress().renewals_due) == (0, 1)


async def test_progress_tells_what_is_waiting_and_what_the_directory_knows(
    publisher: Publisher, federation: Federation, placed: Watched
) -> None:
    federation.create("Anna", "F", now=CLOCK.now())
    assert publisher.progress() == Progress(unpublished=1, renewals_due=0, records=0, sending=0, sent=0)
    await publisher.turn()
    assert publisher.progress() == Progress(
        unpublished=0, renewals_due=0, records=len(study_terms(STUDY)), sending=0, sent=0
    )
