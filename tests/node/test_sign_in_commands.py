from __future__ import annotations

import pytest

from idas_p2p.access.audit.events import Event
from idas_p2p.access.passwords import hash_password
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import BadConfiguration, NoSuchThing, SignInNeeded, SignInRefused
from idas_p2p.node.callers import Callers, Identity
from idas_p2p.node.sign_in_commands import SignInDesk, sign_in_commands
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings, User, Workstation
from idas_p2p.store.sign_ins import SignIns
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit import By
from tests.directory.network import ManualClock

VIEWER = Caller(aet="VIEWER", called_aet="IDAS", address="192.0.2.7", local_address="192.0.2.1")
HASH = hash_password("correct horse")


@pytest.fixture
def callers(database: Database, clock: ManualClock) -> Callers:
    settings = Settings(database)
    settings.add_workstation(Workstation(aet="VIEWER", address=Address("192.0.2.7", 104)))
    settings.add_user(User(name="dr-lee", password_hash=HASH))
    return Callers(settings, SignIns(database), clock=clock)


@pytest.fixture
def noted() -> list[Event]:
    return []


@pytest.fixture
def desk(callers: Callers, database: Database, clock: ManualClock, bridge: Bridge, noted: list[Event]) -> SignInDesk:
    return SignInDesk(callers, SignIns(database), bridge, clock=clock, note=noted.append)


async def test_the_next_question_works_after_somebody_signed_in_and_no_more_after_the_session(
    desk: SignInDesk, callers: Callers, clock: ManualClock
) -> None:
    with pytest.raises(SignInNeeded):
        callers.user(VIEWER)
    assert [one.aet for one in callers.waiting()] == ["VIEWER"]
    session = await desk.login("VIEWER", "dr-lee", "correct horse", seconds=60.0)
    assert (session.user, session.until) == ("dr-lee", clock.now() + 60.0)
    assert callers.identity(VIEWER) == Identity("dr-lee", By.SESSION)
    assert callers.waiting() == []
    clock.advance(60.0)
    with pytest.raises(SignInNeeded):
        callers.user(VIEWER)


async def test_signing_out_ends_the_session(desk: SignInDesk, callers: Callers) -> None:
    await desk.login("VIEWER", "dr-lee", "correct horse", seconds=60.0)
    desk.logout("VIEWER")
    with pytest.raises(SignInNeeded):
        callers.user(VIEWER)
    with pytest.raises(NoSuchThing):
        desk.logout("VIEWER")


async def test_who_signs_in_and_who_fails_to_is_written_down(desk: SignInDesk, noted: list[Event]) -> None:
    with pytest.raises(SignInRefused):
        await desk.login("VIEWER", "dr-lee", "battery", seconds=60.0)
    await desk.login("VIEWER", "dr-lee", "correct horse", seconds=60.0)
    desk.logout("VIEWER")
    assert [event.reason for event in noted] == [SignInRefused.code, "", ""]
    assert {event.user for event in noted} == {"dr-lee"}


async def test_only_at_a_known_workstation_and_not_for_ever(desk: SignInDesk) -> None:
    with pytest.raises(NoSuchThing):
        await desk.login("OTHER", "dr-lee", "correct horse", seconds=60.0)
    with pytest.raises(BadConfiguration, match="at most 24 hours"):
        await desk.login("VIEWER", "dr-lee", "correct horse", seconds=1e6)


async def test_the_commands_answer_with_who_is_signed_in_until_when(desk: SignInDesk, clock: ManualClock) -> None:
    commands = sign_in_commands(desk)
    words = {"aet": "VIEWER", "user": "dr-lee", "password": "correct horse", "seconds": 60}
    answer = await commands["login"](words, lambda progress: None)
    assert answer == {"aet": "VIEWER", "user": "dr-lee", "until": clock.now() + 60}
    assert await commands["logout"]({"aet": "VIEWER"}, lambda progress: None) == {"aet": "VIEWER"}
