from __future__ import annotations

import pytest

from idas_p2p.access.passwords import hash_password
from idas_p2p.dicom.services import Caller
from idas_p2p.dicom.serving import comment_on
from idas_p2p.errors import SignInNeeded, SignInRefused, UnknownCaller
from idas_p2p.node.callers import WAITING_FOR, Callers, Identity, Waiting, normal, resolve
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive, Settings, User, Workstation
from idas_p2p.store.sign_ins import Session, SignIns
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit import By
from tests.directory.network import ManualClock

NAMES = {"viewer.example": frozenset({"192.0.2.7"})}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def callers(database: Database, clock: ManualClock) -> Callers:
    settings = Settings(database)
    settings.add_workstation(Workstation(aet="VIEWER", address=Address("viewer.example", 104), user="dr-lee"))
    settings.add_workstation(Workstation(aet="PLAIN", address=Address("192.0.2.8", 104)))
    settings.add_archive(Archive(name="pacs", aet="PACS", address=Address("192.0.2.9", 104)))
    settings.add_user(User(name="dr-moss", password_hash=hash_password("correct horse")))
    sign_ins = SignIns(database)
    return Callers(settings, sign_ins, clock=clock, resolve=lambda host: NAMES.get(host, frozenset()))


def caller(aet: str, address: str, **more: str) -> Caller:
    return Caller(aet=aet, called_aet="IDAS", address=address, local_address="192.0.2.1", **more)


@pytest.mark.parametrize(
    ("aet", "address"), [("VIEWER", "192.0.2.7"), ("PLAIN", "::ffff:192.0.2.8"), ("PACS", "192.0.2.9")]
)
def test_a_configured_device_is_let_in(callers: Callers, aet: str, address: str) -> None:
    callers.check(caller(aet, address))


@pytest.mark.parametrize(("aet", "address"), [("NOBODY", "192.0.2.7"), ("VIEWER", "192.0.2.66"), ("PACS", "192.0.2.8")])
def test_an_unknown_title_or_a_title_used_from_elsewhere_is_refused(callers: Callers, aet: str, address: str) -> None:
    with pytest.raises(UnknownCaller):
        callers.check(caller(aet, address))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.1"])
def test_a_program_on_this_machine_may_use_any_configured_title(callers: Callers, address: str) -> None:
    callers.check(caller("PLAIN", address))


def test_an_archive_is_not_a_workstation(callers: Callers) -> None:
    assert callers.is_archive(caller("PACS", "192.0.2.9"))
    assert callers.workstation(caller("PACS", "192.0.2.9")) is None


def test_the_user_is_the_workstations_own_unless_someone_signs_in(callers: Callers) -> None:
    assert callers.user(caller("VIEWER", "192.0.2.7")) == "dr-lee"
    signed_in = caller("VIEWER", "192.0.2.7", user_name="dr-moss", password="correct horse")
    assert callers.user(signed_in) == "dr-moss"


def test_a_name_without_a_password_proves_nothing(callers: Callers) -> None:
    assert callers.user(caller("VIEWER", "192.0.2.7", user_name="dr-moss")) == "dr-lee"


def test_how_a_user_is_known_is_told_and_a_title_alone_is_weak(callers: Callers, database: Database) -> None:
    plain = caller("PLAIN", "192.0.2.8")
    assert callers.identity(caller("VIEWER", "192.0.2.7")) == Identity("dr-lee", By.TITLE)
    signed_in = caller("PLAIN", "192.0.2.8", user_name="dr-moss", password="correct horse")
    assert callers.identity(signed_in) == Identity("dr-moss", By.PASSWORD)
    SignIns(database).open_session(Session(aet="PLAIN", user="dr-moss", until=2e9))
    assert callers.identity(plain) == Identity("dr-moss", By.SESSION)


def test_where_there_are_accounts_somebody_must_have_said_who_asks(callers: Callers, database: Database) -> None:
    plain = caller("PLAIN", "192.0.2.8")
    assert callers.check(plain) is None
    with pytest.raises(SignInNeeded) as needed:
        callers.user(plain)
    assert needed.value.detail == "Who asks? Sign in with: idas login DIR --aet PLAIN"
    Settings(database).remove_user("dr-moss")
    assert callers.user(plain) == ""


def test_the_longest_title_still_leaves_room_for_what_to_do_in_an_error_comment(callers: Callers) -> None:
    needed = SignInNeeded("Who asks? Sign in with: idas login DIR --aet SIXTEENCHARSLONG")
    assert comment_on(needed) == needed.detail


def test_a_workstation_that_asked_in_vain_is_shown_until_somebody_signs_in_or_an_hour_went_by(
    callers: Callers, clock: ManualClock
) -> None:
    plain = caller("PLAIN", "192.0.2.8")
    for _ in range(2):
        with pytest.raises(SignInNeeded):
            callers.user(plain)
    assert callers.waiting() == [Waiting(aet="PLAIN", address="192.0.2.8", asked_at=clock.now())]
    callers.signed_in("PLAIN")
    assert callers.waiting() == []
    with pytest.raises(SignInNeeded):
        callers.user(plain)
    clock.advance(WAITING_FOR + 1)
    assert callers.waiting() == []


def test_a_session_ends_with_its_time_and_with_its_account(
    callers: Callers, database: Database, clock: ManualClock
) -> None:
    plain = caller("PLAIN", "192.0.2.8")
    Settings(database).add_user(User(name="dr-kay", password_hash="x"))
    SignIns(database).open_session(Session(aet="PLAIN", user="dr-kay", until=clock.now() + 10))
    assert callers.user(plain) == "dr-kay"
    Settings(database).remove_user("dr-kay")
    with pytest.raises(SignInNeeded):
        callers.user(plain)
    SignIns(database).open_session(Session(aet="PLAIN", user="dr-moss", until=clock.now() + 10))
    clock.advance(10)
    with pytest.raises(SignInNeeded):
        callers.user(plain)


def test_what_was_begun_goes_on_until_its_user_or_workstation_is_removed(callers: Callers, database: Database) -> None:
    plain, viewer = caller("PLAIN", "192.0.2.8"), caller("VIEWER", "192.0.2.7")
    assert callers.may_go_on(plain, "dr-moss")
    assert callers.may_go_on(viewer, "dr-lee")
    Settings(database).remove_user("dr-moss")
    assert not callers.may_go_on(plain, "dr-moss")
    Settings(database).remove_workstation("VIEWER")
    assert not callers.may_go_on(viewer, "dr-lee")


def test_a_title_used_from_another_address_gets_nothing_of_the_session_of_that_title(
    callers: Callers, database: Database
) -> None:
    SignIns(database).open_session(Session(aet="PLAIN", user="dr-moss", until=2e9))
    spoofed = caller("PLAIN", "192.0.2.66")
    with pytest.raises(UnknownCaller):
        callers.check(spoofed)
    assert callers.workstation(spoofed) is None


@pytest.mark.parametrize(("name", "password"), [("dr-moss", "wrong"), ("nobody", "correct horse")])
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(callers: Callers, name: str, password: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        callers.check(caller("VIEWER", "192.0.2.7", user_name=name, password=password))
    assert refused.value.detail == "no such user, or a wrong password"


def test_a_password_that_was_right_is_not_asked_about_again_until_the_account_changes(
    callers: Callers, database: Database
) -> None:
    signed_in = caller("VIEWER", "192.0.2.7", user_name="dr-moss", password="correct horse")
    assert callers.user(signed_in) == callers.user(signed_in) == "dr-moss"
    assert SignIns(database).counts() == {}
    Settings(database).add_user(User(name="dr-moss", password_hash=hash_password("another horse")))
    with pytest.raises(SignInRefused):
        callers.user(signed_in)


def test_addresses_have_one_text_each() -> None:
    assert normal("::ffff:192.0.2.1") == "192.0.2.1"
    assert normal("fe80::1%eth0") == "fe80::1"
    assert normal("viewer.example") == "viewer.example"


def test_a_host_that_does_not_exist_has_no_addresses() -> None:
    assert resolve("no-such-host.invalid") == frozenset()
    assert "127.0.0.1" in resolve("127.0.0.1")


def test_a_workstation_with_a_certificate_is_known_by_it_wherever_it_comes_from(callers: Callers) -> None:
    mine, other = "ab" * 32, "cd" * 32
    callers.settings.add_workstation(Workstation(aet="CLINIC", address=Address("192.0.2.8", 104), certificate=mine))
    callers.check(caller("CLINIC", "203.0.113.9", certificate=mine))
    for stranger in (caller("CLINIC", "192.0.2.8"), caller("CLINIC", "192.0.2.8", certificate=other)):
        with pytest.raises(UnknownCaller):
            callers.check(stranger)
    callers.check(caller("PLAIN", "192.0.2.8", certificate=other))  # where none is asked for, any will do
