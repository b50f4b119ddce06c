"""Parts of a node, and whole nodes, for the tests of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.directory.service import Directory
from idas_p2p.node.node import Node
from idas_p2p.store.database import Database
from idas_p2p.tasks import TaskOwner
from tests.directory.network import ManualClock
from tests.node.nodes import ANYWHERE, fill, join, make_config, running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/node.db")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    made = Bridge(threads=4)
    yield made
    await made.close()


@pytest.fixture
async def tasks() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner(limit=64)
    yield owner
    await owner.stop()


@pytest.fixture
async def directory(tasks: TaskOwner) -> AsyncIterator[Directory]:
    """The directory of one node that knows nobody yet."""
    made = Directory(SigningKey.generate(), clock=SystemClock(), storage_path=None, tasks=tasks)
    await made.start(ANYWHERE)
    yield made
    await made.stop()


@pytest.fixture
async def lone(tmp_path: Path) -> AsyncIterator[Node]:
    """A node that belongs to no federation."""
    async with running(make_config(tmp_path, "lone")) as node:
        yield node


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[Node]:
    """A node of no federation with one study of four images."""
    async with running(make_config(tmp_path, "anna")) as node:
        await fill(node)
        yield node


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Node, Node]]:
    """Anna founded a federation, Berg joined it."""
    async with running(make_config(tmp_path, "anna")) as anna, running(make_config(tmp_path, "berg")) as berg:
        anna.membership.create("Lake Region")
        await join(berg, anna)
        yield anna, berg
