from __future__ import annotations

from idas_p2p.node.waiting import Waiting
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings

KEY = b"k" * 32


def test_a_code_is_remembered_over_a_restart_sealed_and_forgotten_when_it_has_served(database: Database) -> None:
    settings = Settings(database)
    Waiting(settings, KEY).remember("IDAS2-SECRET")
    assert Waiting(settings, KEY).code() == "IDAS2-SECRET"
    assert b"SECRET" not in (settings.value("join.code") or b"")
    Waiting(settings, KEY).forget()
    assert Waiting(settings, KEY).code() is None


def test_what_was_given_up_is_told_until_the_next_try(database: Database) -> None:
    waiting = Waiting(Settings(database), KEY)
    waiting.remember("IDAS2-SECRET")
    waiting.give_up("the administrator said no")
    assert (waiting.code(), waiting.refusal) == (None, "the administrator said no")
    waiting.forget()
    assert waiting.refusal == ""


def test_a_code_sealed_with_another_nodes_key_is_none(database: Database) -> None:
    settings = Settings(database)
    Waiting(settings, KEY).remember("IDAS2-SECRET")
    assert Waiting(settings, b"?" * 32).code() is None
