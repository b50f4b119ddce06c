"""Mutations of a whole conversation, as seeds: each is refused or survived, and the server goes on."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from idas_p2p.dicom.commitment import PUSH_INSTANCE, PUSH_MODEL, Reference, Requested, asked_dataset
from tests.dicom.memory_node import (
    CT,
    STUDY_FIND,
    STUDY_GET,
    STUDY_MOVE,
    MemoryNode,
    Served,
    brings,
    make_instance,
    serving,
)
from tests.dicom.test_server import VERIFICATION, echo
from tests.dicom.test_store_service import send

MUTANTS = 150  # conversations; each takes a few milliseconds
ANSWER_TIMEOUT = 30.0  # seconds until the server must have closed the connection


def talk(link: Association) -> None:
    """Use every service once."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", "1.2.3"
    link.send_c_echo()
    list(link.send_c_find(identifier, STUDY_FIND))
    list(link.send_c_move(identifier, "WS", STUDY_MOVE))
    list(link.send_c_get(identifier, STUDY_GET))
    asked = Requested(transaction_uid="2.25.7", references=(Reference(CT, "1.2.3.4.1"),))
    link.send_n_action(asked_dataset(asked), 1, PUSH_MODEL, PUSH_INSTANCE)
    answer = send(make_instance(1))(link)  # type: ignore[operator]
    assert isinstance(answer, C_STORE)


async def recorded(served: Served) -> list[bytes]:
    """The PDUs a workstation sends during `talk`."""
    data = bytearray()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(served.address.host, served.address.port)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, note: bytearray) -> None:
            while piece := await source.read(65_536):
                note.extend(piece)
                sink.write(piece)
            sink.close()

        await asyncio.gather(copy(reader, forth, data), copy(back, writer, bytearray()))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as proxy:
        host, port = proxy.sockets[0].getsockname()
        contexts = [CT, STUDY_FIND, STUDY_MOVE, STUDY_GET, VERIFICATION, PUSH_MODEL]
        through = Served(type(served.address)(host, port), served.node, served.server, served.bridge, served.folder)
        await through.workstation(contexts, talk)
    pdus = []
    while data:
        size = 6 + int.from_bytes(data[2:6], "big")
        pdus.append(bytes(data[:size]))
        del data[:size]
    return pdus


def mutated(pdus: list[bytes], chance: random.Random) -> bytes:
    """Some bytes changed, cut, inserted, repeated or out of order."""
    parts = [bytearray(pdu) for pdu in pdus]
    for _ in range(chance.randint(1, 3)):
        part = chance.choice([parts[0], *parts])
        where = chance.randrange(len(part) or 1)
        match chance.randrange(6):
            case 0 | 1:
                part[where : where + 1] = chance.choice([b"\0", b"\xff", chance.randbytes(1)])
            case 2:
                del part[where:]
            case 3:
                part[where:where] = chance.randbytes(8)
            case 4:
                parts.insert(chance.randrange(len(parts)), bytearray(chance.choice(pdus)))
            case _:
                chance.shuffle(parts)
    return b"".join(parts)


async def attack(served: Served, data: bytes) -> None:
    """Send the bytes and wait until the server has closed the connection."""
    reader, writer = await asyncio.open_connection(served.address.host, served.address.port)
    async with asyncio.timeout(ANSWER_TIMEOUT):
        with suppress(OSError):
            writer.write(data)
            writer.write_eof()
            while await reader.read(65_536):
                pass
    writer.close()


async def test_mutated_conversations_are_refused_or_survived(tmp_path: Path) -> None:
    chance = random.Random(20)
    async with serving(MemoryNode(events=brings(make_instance(1))), tmp_path, max_associations=64) as served:
        pdus = await recorded(served)
        assert len(pdus) >= 10
        for _ in range(MUTANTS // 10):
            await asyncio.gather(*(attack(served, mutated(pdus, chance)) for _ in range(10)))
        assert await served.workstation([VERIFICATION], echo) == 0
        await served.server.stop(1.0)
        assert served.server.associations == 0
