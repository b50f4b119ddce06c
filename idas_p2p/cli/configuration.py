"""Changes of a node's configuration: written to its database, then taken over by the node if it runs.

Belongs here: what every configuration command does before and after its own change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import client
from idas_p2p.cli.render import Document, Output, sentence
from idas_p2p.clock import SystemClock
from idas_p2p.errors import IdasError, NodeNotRunning

if TYPE_CHECKING:
    from idas_p2p.node.config import NodeConfig
    from idas_p2p.node.rules import RuleBook
    from idas_p2p.store.database import Database
    from idas_p2p.store.settings import Settings


def load_config(folder: Path) -> NodeConfig:
    """The node's configuration.

    Raises:
        BadConfiguration: there is no node in this folder, or node.toml has an error.
    """
    from idas_p2p.node.config import NodeConfig

    return NodeConfig.load(folder)


@contextmanager
def open_database(folder: Path) -> Iterator[Database]:
    """The node's database, whether or not the node runs.

    Raises:
        BadConfiguration: there is no node in this folder, or its database cannot be opened.
    """
    from idas_p2p.store.database import Database

    database = Database.open(load_config(folder).database_url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_settings(folder: Path) -> Iterator[Settings]:
    """The settings in the node's database; errors as for `open_database`."""
    from idas_p2p.store.settings import Settings

    with open_database(folder) as database:
        yield Settings(database)


@contextmanager
def open_rules(folder: Path) -> Iterator[tuple[Database, RuleBook]]:
    """The node's database and the rules in it and in policy.toml; errors as for `open_database`."""
    from idas_p2p.node.rules import RuleBook

    async def at_once(work: Callable[[], Any]) -> Any:
        return work()

    with open_database(folder) as database:
        book = RuleBook(folder, database, run=at_once)
        book.load()
        yield database, book


def changed(folder: Path, output: Output, words: str, document: Document) -> int:
    """Let the running node take over a change that is saved, and say so.

    Returns:
        The exit status: 1 when the node runs and could not take it over.
    """
    from idas_p2p.node.audit_questions import reader

    user = reader()
    try:
        client.call(folder, "reload", {"user": user, "text": words})
    except NodeNotRunning:
        _record(folder, output, user, words)
        output.say(f"{words}; takes effect when the node starts")
        in_effect = False
    except IdasError as error:
        output.say(f"{words}, but the running node did not take it over; restart it")
        output.fail(error)
        return 1
    else:
        output.say(f"{words}; in effect now")
        in_effect = True
    if output.as_json:
        output.document({**document, "in_effect": in_effect})
    return 0


def _record(folder: Path, output: Output, user: str, words: str) -> None:
    """Have the audit log say what was changed while the node does not run."""
    from idas_p2p.access.audit.events import configured
    from idas_p2p.node.audit_questions import note_while_stopped

    try:
        note_while_stopped(load_config(folder), configured(words, user=user), clock=SystemClock())
    except IdasError as error:
        output.say(f"idas: the change could not be recorded: {sentence(error)}")
