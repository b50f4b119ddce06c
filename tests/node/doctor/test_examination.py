"""Faults planted on purpose, each found by its name, with a next step: what `idas doctor` is for.

One for each kind of thing that goes wrong before a node serves or while it does. Those that need a machine of their own
(a full disk, a clock that is off, a NAT) are judged from measured values in test_machine.py and test_running.py.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pynetdicom import evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from idas_p2p.cli.client import call
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.node.app import _lock
from idas_p2p.node.commands import commands
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.control import ControlSocket
from idas_p2p.node.doctor.examination import examine
from idas_p2p.node.doctor.findings import Finding
from idas_p2p.node.node import Node
from idas_p2p.store.configured import Archive, Workstation
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address, Contact
from tests.dicom.archives import serving
from tests.directory.network import nodes
from tests.transport.proxying import proxying
from tools.programs import LOOPBACK, free_port

PATIENCE = 2.0  # seconds for a bootstrap node that answers at once or never
ANSWER = 60.0  # seconds for the running node
PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
FIND, MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove
NOBODY = Contact(Address(LOOPBACK, 9), SigningKey.generate().node_id)


@dataclass
class House:
    """A node's folder, and what stands around it."""

    folder: Path
    config: NodeConfig
    around: ExitStack = field(default_factory=ExitStack)

    @property
    def toml(self) -> Path:
        return self.folder / "node.toml"

    def edit(self, before: str, after: str) -> None:
        text = self.toml.read_text()
        assert before in text
        self.toml.write_text(text.replace(before, after))

    def configure(self, *things: Archive | Workstation) -> None:
        database = Database.open(self.config.database_url)
        for thing in things:
            settings = Settings(database)
            settings.add_archive(thing) if isinstance(thing, Archive) else settings.add_workstation(thing)
        database.close()

    def archive(self, *, host: str = LOOPBACK, port: int = 9, aet: str = "PACS") -> None:
        self.configure(Archive(name="pacs", aet=aet, address=Address(host, port)))

    async def examined(self) -> list[Finding]:
        return await examine(
            self.folder,
            ask=lambda: call(self.folder, "examine", timeout=ANSWER),
            clock=SystemClock(),
            patience=PATIENCE,
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "anna"
    config = NodeConfig.create(
        folder,
        institution="City Hospital",
        aet="IDAS",
        dicom=Address(LOOPBACK, free_port()),
        network=Address(LOOPBACK, free_port()),
    )
    made = House(folder, config)
    with made.around:
        yield made


def taken(house: House, address: Address, kind: socket.SocketKind) -> None:
    other = house.around.enter_context(socket.socket(socket.AF_INET, kind))
    other.bind((address.host, address.port))
    if kind is socket.SOCK_STREAM:
        other.listen()


def named(house: House, contact: str) -> None:
    house.edit("bootstrap = []", f'bootstrap = ["{contact}"]')


def listening(house: House) -> str:
    """Something that listens, and is no bootstrap node of the name that node.toml gives."""
    server = house.around.enter_context(socket.create_server((LOOPBACK, 0)))
    return f"{LOOPBACK}:{server.getsockname()[1]}/{NOBODY.node_id}"


PLANTED: list[tuple[str, Callable[[House], object]]] = [
    ("configuration_wrong", lambda house: house.edit("spool_gb = 20.0", 'spool_gb = "much"')),
    ("key_unusable", lambda house: (house.folder / "node.key").chmod(0o644)),
    ("key_unusable", lambda house: (house.folder / "node.key").unlink()),
    ("database_unusable", lambda house: (house.folder / "node.db").write_bytes(b"no database at all" * 100)),
    ("policy_refused", lambda house: (house.folder / "policy.toml").write_text("[[rule]]\nlevle = 'full'\n")),
    ("spool_larger_than_disk", lambda house: house.edit("spool_gb = 20.0", "spool_gb = 900000.0")),
    ("port_taken", lambda house: taken(house, house.config.dicom, socket.SOCK_STREAM)),
    ("port_taken", lambda house: taken(house, house.config.network, socket.SOCK_DGRAM)),
    ("address_not_ours", lambda house: house.edit(str(house.config.network), "192.0.2.7:7400")),
    ("bootstrap_unknown_host", lambda house: named(house, f"boot.invalid:7300/{NOBODY.node_id}")),
    ("bootstrap_silent", lambda house: named(house, str(NOBODY))),
    ("bootstrap_not_as_named", lambda house: named(house, listening(house))),
    ("archive_unknown_host", lambda house: house.archive(host="pacs.invalid")),
    ("archive_closed", lambda house: house.archive(port=free_port())),
    ("archive_refuses", lambda house: house.archive(port=scp(house), aet="OTHER")),
    ("archive_no_find", lambda house: house.archive(port=scp(house))),
    ("archive_empty", lambda house: house.archive(port=scp(house, find=[]))),
    ("web_fails", lambda house: house.configure(Archive(name="w", kind="dicomweb", dicomweb="http://127.0.0.1:9/x"))),
    ("folder_unreadable", lambda house: house.configure(Archive(name="f", kind="folder", folder="/no/such/folder"))),
    ("workstation_closed", lambda house: house.configure(Workstation(aet="WS", address=Address(LOOPBACK, 9)))),
    (
        "workstation_refuses",
        lambda house: house.configure(Workstation(aet="OTHER", address=Address(LOOPBACK, scp(house)))),
    ),
    (
        "workstation_unknown_host",
        lambda house: house.configure(Workstation(aet="WS", address=Address("desk.invalid", 104))),
    ),
    ("not_running", lambda house: None),
    ("no_bootstrap", lambda house: None),
    ("nothing_shared", lambda house: None),
    ("nothing_offered", lambda house: None),
]


def scp(house: House, *, find: list[str] | None = None, move: int | None = None) -> int:
    """An archive of pynetdicom: C-ECHO, and where asked a C-FIND of these studies and a C-MOVE of this status."""
    from pydicom.dataset import Dataset

    def on_find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for uid in find or []:
            answer = Dataset()
            answer.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
            answer.StudyInstanceUID, answer.SeriesInstanceUID, answer.SOPInstanceUID = uid, f"{uid}.1", f"{uid}.1.1"
            yield 0xFF00, answer

    def on_move(event: evt.Event) -> Iterator[object]:
        yield (None, None) if move == 0xA801 else (LOOPBACK, 9)

    contexts = [(Verification, PLAIN)]
    handlers: list[object] = []
    if find is not None:
        contexts.append((FIND, PLAIN))
        handlers.append((evt.EVT_C_FIND, on_find))
    if move is not None:
        contexts.append((MOVE, PLAIN))
        handlers.append((evt.EVT_C_MOVE, on_move))
    return house.around.enter_context(serving("PACS", contexts, handlers))


@pytest.mark.parametrize(("name", "plant"), PLANTED, ids=[f"{n}-{name}" for n, (name, _) in enumerate(PLANTED)])
async def test_a_planted_fault_is_found_by_its_name(house: House, name: str, plant: Callable[[House], object]) -> None:
    plant(house)
    findings = await house.examined()
    found = [one for one in findings if one.name == name]
    assert found, [(one.part, one.name, one.said) for one in findings]
    assert all(one.next_step for one in found)


async def test_a_healthy_folder_has_no_fault(house: House) -> None:
    assert {one.name for one in await house.examined() if one.name} <= {
        "not_running", "no_bootstrap", "nothing_shared", "nothing_offered", "no_workstation", "clock_unsynchronised",
        "disk_low",
    }  # fmt: skip


async def test_a_bootstrap_node_that_answers_is_well(house: House) -> None:
    async with nodes() as group:
        boot = await group.start("boot")
        named(house, str(group.running[boot]))
        assert [one.said for one in await house.examined() if one.part.startswith("bootstrap")] == ["answers by UDP"]


async def test_a_proxy_that_refuses_is_told(house: House) -> None:
    async with proxying(answer=b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        house.edit('proxy = ""', f'proxy = "http://{proxy.setting.address}"')
        named(house, str(NOBODY))
        assert "proxy_refuses" in {one.name for one in await house.examined()}


@asynccontextmanager
async def run_here(house: House) -> AsyncIterator[Node]:
    """The node of the house, with its control socket, in this process."""
    with _lock(house.folder):
        node = Node(NodeConfig.load(house.folder), clock=SystemClock())
        control = ControlSocket(house.folder, commands(node))
        try:
            await node.start()
            await control.start()
            yield node
        finally:
            await control.stop()
            await node.stop()


@pytest.mark.parametrize(("status", "name"), [(0xA801, "archive_knows_no_destination"), (0xA702, "archive_move_fails")])
async def test_a_running_node_tells_an_unknown_destination_from_another_failure(
    house: House, status: int, name: str
) -> None:
    house.archive(port=scp(house, find=["1.2.3"], move=status))
    async with run_here(house):
        findings = await house.examined()
    assert [one.name for one in findings if one.part == "archive pacs"] == [name]
    assert {one.name for one in findings} >= {"no_federation", "directory_not_joined"}


@contextmanager
def hanging(house: House) -> Iterator[None]:
    """A node that accepts on its control socket and never answers."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(house.folder / "control.sock"))
        silent.listen()
        yield


async def test_a_node_that_hangs_is_told(house: House) -> None:
    with hanging(house):
        findings = await examine(
            house.folder, ask=lambda: call(house.folder, "examine", timeout=0.2), clock=SystemClock(), patience=PATIENCE
        )
    assert "not_answering" in {one.name for one in findings}


async def test_patient_data_and_passwords_are_in_no_finding(house: House) -> None:
    house.configure(
        Archive(
            name="web",
            kind="dicomweb",
            dicomweb="http://127.0.0.1:9/x",
            web_user="idas",
            web_password="canary-password",
        )
    )
    said = " ".join(one.said + one.part + one.next_step for one in await asyncio.wait_for(house.examined(), ANSWER))
    assert "canary" not in said
