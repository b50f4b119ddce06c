"""What an operator writes is in force as a whole, or what was in force stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.levels import FULL, Levels
from idas_p2p.access.objects import Objects, Patient
from idas_p2p.access.policy_file import POLICY_FILE
from idas_p2p.errors import BadConfiguration
from idas_p2p.node.rules import RuleBook, as_rule
from idas_p2p.store.database import Database
from idas_p2p.store.labels import PATIENT, STUDY, Label, Labels
from idas_p2p.store.settings import Grant, Settings

ONE = '[[rule]]\nto = "everyone"\nlevel = "full"\n'
TWO = ONE + '[[rule]]\nto = "node:Berg"\nlevel = "none"\n'


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


@pytest.fixture
def book(tmp_path: Path, database: Database) -> RuleBook:
    made = RuleBook(tmp_path, database, run=at_once)
    made.load()
    return made


def test_a_grant_becomes_a_rule() -> None:
    conditions = json.dumps({"modalities": ["CT"], "patients": ["P^^^City"]})
    grant = Grant(number=1, subject="node:Berg", level="full", expires=5.0, conditions=conditions)
    rule = as_rule(grant, Levels())
    assert (rule.level, rule.expires, str(rule.subjects[0]), rule.origin) == (FULL, 5.0, "node:Berg", "grant 1")
    assert rule.objects == Objects(modalities=("CT",), patients=(Patient("p", "city"),))


@pytest.mark.parametrize(
    "grant",
    [
        Grant(number=1, subject="everyone", level="half"),
        Grant(number=1, subject="users:radiology", level="full"),
        Grant(number=1, subject="everyone", level="full", conditions=json.dumps({"modality": "CT"})),
        Grant(number=1, subject="everyone", level="full", conditions=json.dumps({"modalities": 7})),
    ],
)
def test_a_grant_this_version_does_not_understand_shares_nothing(grant: Grant) -> None:
    with pytest.raises(BadConfiguration, match="grant 1"):
        as_rule(grant, Levels())


async def test_the_file_is_tried_before_the_grants(book: RuleBook, tmp_path: Path, database: Database) -> None:
    Settings(database).add_grant(subject="node:Carl", level="full")
    (tmp_path / POLICY_FILE).write_text(ONE)
    await book.turn()
    assert [rule.origin for rule in book.policy.rules] == ["policy.toml line 1", "grant 1"]


async def test_a_change_of_the_file_is_taken_at_the_next_look_and_only_then(book: RuleBook, tmp_path: Path) -> None:
    (tmp_path / POLICY_FILE).write_text(ONE)
    await book.turn()
    version = book.version
    await book.turn()
    assert (len(book.policy), book.version) == (1, version)
    (tmp_path / POLICY_FILE).write_text(TWO)
    await book.turn()
    assert len(book.policy) == 2
    assert book.version > version


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (TWO.replace("none", "some"), "policy.toml, line 6: rule.level: level 'some': known are"),
        ("\xff", "policy.toml is not text in UTF-8"),
        (None, "policy.toml has vanished; put it back"),
    ],
)
async def test_a_file_with_an_error_is_refused_whole_and_the_old_one_stays_in_force_over_restarts_too(
    book: RuleBook, tmp_path: Path, database: Database, wrong: str | None, says: str
) -> None:
    file = tmp_path / POLICY_FILE
    file.write_text(ONE)
    await book.turn()
    if wrong is None:
        file.unlink()
    else:
        file.write_bytes(wrong.encode("latin-1"))
    await book.turn()
    again = RuleBook(tmp_path, database, run=at_once)
    again.load()
    for one in (book, again):
        assert [rule.level for rule in one.policy.rules] == [FULL]
        assert says in one.refusal
    file.write_text(TWO)
    await again.turn()
    assert (len(again.policy), again.refusal) == (2, "")


async def test_a_level_that_a_grant_gives_cannot_be_taken_out_of_the_file(
    book: RuleBook, tmp_path: Path, database: Database
) -> None:
    file = tmp_path / POLICY_FILE
    file.write_text('[levels.law]\nbase = "full"\nremove = ["PatientSex"]\n')
    Settings(database).add_grant(subject="everyone", level="law")
    book.load()
    file.write_text("")
    await book.turn()
    assert [rule.level.name for rule in book.policy.rules] == ["law"]
    assert "grant 1: level 'law': known are" in book.refusal


def test_a_grant_that_is_not_understood_leaves_what_is_in_force(book: RuleBook, database: Database) -> None:
    Settings(database).add_grant(subject="everyone", level="full")
    book.load()
    Settings(database).add_grant(subject="everyone", level="half")
    with pytest.raises(BadConfiguration):
        book.load()
    assert len(book.policy) == 1


def test_labels_are_looked_up_by_study_and_patient(book: RuleBook, database: Database) -> None:
    Labels(database).add(Label(label="trial", kind=STUDY, name="1.2"))
    Labels(database).add(Label(label="vip", kind=PATIENT, name="p", issuer="city"))
    book.load()
    assert book.labelled.of("1.2", Patient("p", "city")) == ("trial", "vip")


async def test_a_grant_revoked_while_the_file_is_read_does_not_come_back(tmp_path: Path, database: Database) -> None:
    settings = Settings(database)
    settings.add_grant(subject="everyone", level="full")

    async def slowly(work: Callable[[], Any]) -> Any:
        read = work()
        settings.remove_grant(1)
        book.load()  # as the command that revoked it has the node do
        return read

    book = RuleBook(tmp_path, database, run=slowly)
    book.load()
    (tmp_path / POLICY_FILE).write_text(TWO)
    await book.turn()
    assert [rule.origin for rule in book.policy.rules] == ["policy.toml line 1", "policy.toml line 4"]


async def test_a_grant_is_taken_without_reading_the_file_again(
    book: RuleBook, tmp_path: Path, database: Database
) -> None:
    (tmp_path / POLICY_FILE).write_text(TWO)
    await book.turn()
    before = book.rules_of_file
    Settings(database).add_grant(subject="everyone", level="full")
    book.load()
    assert book.rules_of_file is before
    assert len(book.policy) == 3
