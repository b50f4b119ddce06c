"""What both ends of a link are made of in the tests: members, studies in memory, a spool in memory, a scripted peer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from idas_p2p.access.policy import Requester
from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.errors import DigestMismatch, IdasError, NotAMember, SpoolFull
from idas_p2p.exchange.answer import ControlServer
from idas_p2p.exchange.control import ControlLink
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.memory import ONE, OTHER, MemoryChannel, make_pair
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.messages import FetchRequest, Hit, Ticket, decode_message, encode_message
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

CURRENT, BEFORE = b"current!", b"before!!"
TICKET = Ticket(level="full", expires=9, mac=bytes(16))
EVERYTHING = Selection(study_uid="1.2")
LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ASKER = Requester(node_id=ONE, institution="One", user="dr.a")
__all__ = ["ONE", "OTHER", "Address", "NodeId"]


def image_pair() -> tuple[MemoryChannel, MemoryChannel]:
    """An image link: the requester's end, the holder's end."""
    return make_pair(purpose=Purpose.IMAGE, psk_id=CURRENT)


def instance(number: int, data: bytes | Blob = b"", *, series: str = "1.2.1", study: str = "1.2") -> Instance:
    blob = MemoryBlob(data or b"pixels %d" % number) if isinstance(data, bytes) else data
    return Instance(
        study_uid=study,
        series_uid=series,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"{series}.{number}",
        transfer_syntax_uid=LITTLE_ENDIAN,
        data=blob,
    )


def no_layout(_instance: Instance) -> tuple[PixelLayout | None, bool]:
    return None, False


def hit(number: int, **fields: Any) -> Hit:
    return Hit(study=Study(study_uid=f"1.2.{number}", **fields), ticket=TICKET)


def fetch_request(*, have: tuple[bytes, ...] = (), sop_instance_uids: tuple[str, ...] = ()) -> FetchRequest:
    return FetchRequest(
        user="dr.a", ticket=TICKET, study_uid="1.2", series_uids=(), sop_instance_uids=sop_instance_uids, have=have
    )


@dataclass
class Studies:
    """An archive in memory: gives these events, then fails if it is to."""

    events: Sequence[RetrieveEvent | Exception]
    closed: bool = False

    async def open_study(self, _requester: Requester, _selection: Selection) -> AsyncIterator[RetrieveEvent]:
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed = True


@dataclass
class Spool:
    """A spool in memory with the promises of exchange.interfaces.TransferSpool."""

    room: int = 1 << 30  # bytes
    kept: dict[str, Instance] = field(default_factory=dict)
    open_writers: int = 0

    def instances(self) -> list[Instance]:
        return list(self.kept.values())

    def begin(self, *, size: int, digest: bytes, **names: str) -> Writer:
        if size > self.room:
            raise SpoolFull
        self.open_writers += 1
        return Writer(self, names, size, digest)


class Writer:
    """Writes one instance into a Spool."""

    def __init__(self, spool: Spool, names: dict[str, str], size: int, digest: bytes) -> None:
        self._spool, self._names, self._size, self._digest = spool, names, size, digest
        self._data = b""

    def write(self, piece: bytes) -> None:
        self._data += piece

    def finish(self) -> Instance:
        self.abort()
        if len(self._data) != self._size or hashlib.blake2b(self._data, digest_size=32).digest() != self._digest:
            raise DigestMismatch
        kept = Instance(data=MemoryBlob(self._data), **self._names)
        self._spool.kept[kept.sop_instance_uid] = kept
        return kept

    def abort(self) -> None:
        self._spool.open_writers -= 1


@dataclass
class Roster:
    """What an answering node knows of its federation."""

    members: set[NodeId] = field(default_factory=lambda: {ONE})
    current: bytes = CURRENT
    epoch: int = 7
    manifest: bytes | None = b"the manifest"
    taken: list[bytes] = field(default_factory=list)
    refuses: IdasError | None = None

    def manifest_bytes(self) -> bytes | None:
        return self.manifest

    def take_manifest(self, data: bytes) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.taken.append(data)

    def is_current_member(self, channel: Any) -> bool:
        return channel.psk_id == self.current and channel.peer in self.members

    def requester_of(self, node_id: NodeId, user: str) -> Requester:
        if node_id not in self.members:
            raise NotAMember
        return Requester(node_id=node_id, institution="One", user=user)


Answer = Callable[[StudyQuery, int], AsyncIterator[Hit]]


@dataclass
class Catalog:
    """Answers finds with `answer`."""

    answer: Answer
    asked: list[Requester] = field(default_factory=list)

    def find(self, requester: Requester, query: StudyQuery, *, limit: int) -> AsyncIterator[Hit]:
        self.asked.append(requester)
        return self.answer(query, limit)


async def some_hits(_query: StudyQuery, limit: int) -> AsyncIterator[Hit]:
    """Three hits at once."""
    for number in range(min(3, limit)):
        yield hit(number)


@asynccontextmanager
async def control_link(
    *, answer: Answer = some_hits, roster: Roster | None = None, psk_id: bytes = CURRENT, **options: Any
) -> AsyncIterator[ControlLink]:
    """A control link between two real ends; leaves no task behind."""
    roster = roster or Roster()
    asking, answering = make_pair(psk_id=psk_id)
    server = ControlServer(answering, membership=roster, source=Catalog(answer), requester_of=roster.requester_of)
    owner = TaskOwner(limit=64)
    owner.start("answering", server.serve())
    link = ControlLink(asking, tasks=owner, **options)
    try:
        async with asyncio.timeout(10):
            await link.open(3)
            yield link
    finally:
        await link.close()
        await owner.stop()


class Scripted:
    """The far end of a channel, speaking as a test tells it to."""

    def __init__(self, channel: MemoryChannel) -> None:
        self.channel = channel

    async def say(self, *messages: Any) -> None:
        for message in messages:
            await self.channel.send(message if isinstance(message, bytes) else encode_message(message))

    async def hear(self) -> Any:
        return decode_message(await self.channel.receive())


async def turns(count: int = 50) -> None:
    """Let the loop turn, so that all that can happen has happened."""
    for _ in range(count):
        await asyncio.sleep(0)
