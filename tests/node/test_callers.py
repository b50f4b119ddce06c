from __future__ import annotations

import pytest

from idas_p2p.access.passwords import hash_password
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import UnknownCaller
from idas_p2p.node.callers import Callers, normal, resolve
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive, Settings, User, Workstation
from idas_p2p.wire.address import Address

NAMES = {"viewer.example": frozenset({"192.0.2.7"})}


@pytest.fixture
def callers(database: Database) -> Callers:
    settings = Settings(database)
    settings.add_workstation(Workstation(aet="VIEWER", address=Address("viewer.example", 104), user="dr-lee"))
    settings.add_workstation(Workstation(aet="PLAIN", address=Address("192.0.2.8", 104)))
    settings.add_archive(Archive(name="pacs", aet="PACS", address=Address("192.0.2.9", 104)))
    settings.add_user(User(name="dr-moss", password_hash=hash_password("correct horse")))
    return Callers(settings, resolve=lambda host: NAMES.get(host, frozenset()))


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
    assert callers.user(caller("PLAIN", "192.0.2.8")) == ""
    signed_in = caller("VIEWER", "192.0.2.7", user_name="dr-moss", password="correct horse")
    assert callers.user(signed_in) == "dr-moss"


def test_a_name_without_a_password_proves_nothing(callers: Callers) -> None:
    assert callers.user(caller("VIEWER", "192.0.2.7", user_name="dr-moss")) == "dr-lee"


@pytest.mark.parametrize(("name", "password"), [("dr-moss", "wrong"), ("nobody", "correct horse")])
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(callers: Callers, name: str, password: str) -> None:
    with pytest.raises(UnknownCaller) as refused:
        callers.check(caller("VIEWER", "192.0.2.7", user_name=name, password=password))
    assert refused.value.detail == "no such user, or a wrong password"


def test_addresses_have_one_text_each() -> None:
    assert normal("::ffff:192.0.2.1") == "192.0.2.1"
    assert normal("fe80::1%eth0") == "fe80::1"
    assert normal("viewer.example") == "viewer.example"


def test_a_host_that_does_not_exist_has_no_addresses() -> None:
    assert resolve("no-such-host.invalid") == frozenset()
    assert "127.0.0.1" in resolve("127.0.0.1")
