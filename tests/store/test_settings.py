from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import select

from idas_p2p.errors import NoSuchThing
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive, Grant, Group, Settings, User, Workstation
from idas_p2p.store.tables import archive_ways
from idas_p2p.wire.address import Address

PACS = Archive(name="pacs", aet="PACS", address=Address("10.0.0.1", 104), poll_seconds=30.0, prefer="get")
CLOUD = Archive(
    name="cloud", kind="dicomweb", dicomweb="https://pacs.example/web", web_user="idas", web_password="sesame"
)
FOLDER = Archive(name="disk", kind="folder", folder="/images")
VIEWER = Workstation(aet="VIEWER", address=Address("::1", 11112), user="anna")
ANNA = User(name="anna", password_hash="$argon2id$…", groups=("radiology", "research"))


@pytest.fixture
def settings(database: Database) -> Settings:
    return Settings(database)


def test_archives_come_back_as_they_were_added(settings: Settings) -> None:
    settings.add_archive(PACS)
    settings.add_archive(FOLDER)
    settings.add_archive(CLOUD)
    assert settings.archives() == [CLOUD, FOLDER, PACS]
    assert settings.archive("pacs") == PACS


def test_an_archive_that_an_older_version_kept_is_asked_as_it_was(settings: Settings, database: Database) -> None:
    settings.add_archive(PACS)
    settings.add_archive(FOLDER)
    with database.write() as connection:
        connection.execute(archive_ways.delete())
    assert settings.archives() == [FOLDER, PACS]


def test_a_removed_archive_leaves_no_password_behind(settings: Settings, database: Database) -> None:
    settings.add_archive(CLOUD)
    settings.remove_archive("cloud")
    with database.read() as connection:
        assert connection.execute(select(archive_ways)).all() == []


def test_adding_an_archive_again_replaces_it(settings: Settings) -> None:
    settings.add_archive(FOLDER)
    moved = Archive(name="disk", kind="folder", folder="/elsewhere")
    settings.add_archive(moved)
    assert settings.archives() == [moved]


def test_workstations_come_back_as_they_were_added(settings: Settings) -> None:
    alone = Workstation(aet="ALONE", address=Address("host.example", 104))
    settings.add_workstation(VIEWER)
    settings.add_workstation(alone)
    assert settings.workstations() == [alone, VIEWER]
    assert settings.workstation("VIEWER") == VIEWER


def test_users_are_members_of_exactly_the_groups_they_were_added_with(settings: Settings) -> None:
    settings.add_user(ANNA)
    assert settings.users() == [ANNA]
    settings.add_user(User(name="anna", password_hash="new", groups=("research",)))
    assert settings.user("anna") == User(name="anna", password_hash="new", groups=("research",))
    assert settings.groups() == [Group(name="research", members=("anna",))]


def test_a_group_keeps_its_members_when_others_are_added(settings: Settings) -> None:
    settings.add_user(ANNA)
    settings.add_group(Group(name="research", members=("bert",)))
    settings.add_group(Group(name="research", members=("bert", "carl")))
    assert settings.groups()[1] == Group(name="research", members=("anna", "bert", "carl"))
    settings.remove_member("research", "anna")
    assert settings.user("anna").groups == ("radiology",)


def test_a_removed_user_is_in_no_group(settings: Settings) -> None:
    settings.add_user(ANNA)
    settings.remove_user("anna")
    assert (settings.users(), settings.groups()) == ([], [])


def test_grants_keep_the_order_they_were_given_in(settings: Settings) -> None:
    first = settings.add_grant(subject="node:b", level="none")
    second = settings.add_grant(subject="everyone", level="full", conditions='{"modality":"CT"}', expires=1.5)
    third = settings.add_grant(subject="group:x", level="full")
    settings.remove_grant(first.number)
    assert settings.grants() == [second, third]
    assert second == Grant(number=2, subject="everyone", level="full", conditions='{"modality":"CT"}', expires=1.5)


def test_kept_values_are_replaced_and_removed(settings: Settings) -> None:
    assert settings.value("manifest") is None
    settings.set_value("manifest", b"\x00one")
    settings.set_value("manifest", b"\x00two")
    assert settings.value("manifest") == b"\x00two"
    settings.remove_value("manifest")
    assert settings.value("manifest") is None


@pytest.mark.parametrize(
    "remove",
    [
        lambda s: s.remove_archive("x"),
        lambda s: s.remove_workstation("x"),
        lambda s: s.remove_user("x"),
        lambda s: s.remove_group("x"),
        lambda s: s.remove_member("x", "y"),
        lambda s: s.remove_grant(7),
        lambda s: s.archive("x"),
        lambda s: s.workstation("x"),
        lambda s: s.user("x"),
    ],
)
def test_what_does_not_exist_is_named(settings: Settings, remove: object) -> None:
    assert callable(remove)
    with pytest.raises(NoSuchThing, match=r"x|7"):
        remove(settings)


def test_another_process_can_change_settings_while_this_one_writes(sqlite: Database, database_url: str) -> None:
    script = (
        "import sys; from idas_p2p.store.database import Database; from idas_p2p.store.settings import Settings\n"
        "database = Database.open(sys.argv[1])\n"
        "for n in range(50): Settings(database).set_value(f'other {n}', b'v')\n"
    )
    other = subprocess.Popen([sys.executable, "-c", script, database_url])
    settings = Settings(sqlite)
    written = 0
    while other.poll() is None:
        settings.set_value(f"own {written}", b"v")
        written += 1
    assert other.returncode == 0
    assert all(settings.value(f"other {n}") for n in range(50))
    assert all(settings.value(f"own {n}") for n in range(written))


def test_tls_and_limits_of_devices_are_kept_and_go_with_them(settings: Settings) -> None:
    archive = Archive(
        name="pacs",
        aet="PACS",
        address=Address("192.0.2.9", 2762),
        tls=True,
        associations=2,
        hours="22:00-06:00",
        bandwidth=1e6,
    )
    settings.add_archive(archive)
    assert settings.archive("pacs") == archive
    settings.remove_archive("pacs")
    plain = Archive(name="pacs", aet="PACS", address=Address("192.0.2.9", 104))
    settings.add_archive(plain)
    assert settings.archive("pacs") == plain
    clinic = Workstation(aet="CLINIC", address=Address("192.0.2.8", 2762), tls=True, certificate="ab" * 32)
    settings.add_workstation(clinic)
    assert settings.workstation("CLINIC") == clinic
