"""What both ends of a link are made of in the tests: members, studies in memory, a spool in memory, a scripted peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from idas_p2p.access.subjects import Requester
from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.crypto.digest import data_digest
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import ArchiveFailed, DigestMismatch, IdasError, NotAMember, SpoolFull
from idas_p2p.exchange.answer import ControlServer
from idas_p2p.exchange.control import ControlLink
from idas_p2p.exchange.interfaces import PixelLayout, StudyLease
from idas_p2p.exchange.signed_manifest import Evidence, TransferManifest
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.memory import ONE, OTHER, MemoryChannel, make_pair
from idas_p2p.wire.address import Address
from idas_p2p.wire.fetching import PREFIX_SIZE, Chunk, FetchEnd, FetchRequest, Mode, Priority, Ticket
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.messages import Hit, decode_message, encode_message
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

CURRENT, BEFORE = b"current!", b"before!!"
TICKET = Ticket(level="full", expires=9, mac=bytes(16))
EVERYTHING = Selection(study_uid="1.2")
LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ASKER = Requester(node_id=ONE, institution="One", user="dr.a")
__all__ = ["ONE", "OTHER", "Address", "NodeId"]


HOLDER = SigningKey(bytes(range(32)))  # the identity of a holder
WRONG = bytes(PREFIX_SIZE)  # no data set begins with bytes of this digest


def image_pair(*, holder: SigningKey = HOLDER) -> tuple[MemoryChannel, MemoryChannel]:
    """An image link: the requester's end, the holder's end."""
    return make_pair(purpose=Purpose.IMAGE, psk_id=CURRENT, other=holder.node_id)


def digest_of(data: bytes) -> bytes:
    return data_digest(data)


def chunks_of(data: bytes, *sizes: int, start: int = 0) -> list[Chunk]:
    """A data set from `start` on in chunks of these sizes, the rest in one."""
    chunks, offset = [], start
    for size in (*sizes, len(data) - start - sum(sizes)):
        if size:
            piece = data[offset : offset + size]
            offset += size
            prefix = digest_of(data[:offset])[:PREFIX_SIZE]
            chunks.append(Chunk(coding=0, size=size, data=piece, digest=prefix))
    return chunks


def new_manifest(*, holder: SigningKey = HOLDER) -> TransferManifest:
    return TransferManifest(holder=holder.node_id, requester=ONE, study_uid="1.2")


def signed(messages: Sequence[Any], *, code: str = "", holder: SigningKey = HOLDER) -> FetchEnd:
    """The end of a link on which a holder said this."""
    manifest = new_manifest(holder=holder)
    for message in messages:
        manifest.take(message)
    return FetchEnd(code=code, signature=holder.sign(manifest.signed_bytes()))


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


def fetch_request(*, mode: Mode = Mode.ALL, sop_instance_uids: tuple[str, ...] = ()) -> FetchRequest:
    return FetchRequest(
        user="dr.a",
        ticket=TICKET,
        study_uid="1.2",
        series_uids=(),
        sop_instance_uids=sop_instance_uids,
        mode=mode,
        priority=Priority.MEDIUM,
    )


@dataclass
class Studies:
    """An archive in memory: gives these events, then fails if it is to."""

    events: Sequence[RetrieveEvent | Exception]
    closed: bool = False
    taken: list[str] = field(default_factory=list)

    async def open_study(self, _requester: Requester, _selection: Selection) -> AsyncIterator[RetrieveEvent]:
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed = True

    @asynccontextmanager
    async def open_listed(self, requester: Requester, selection: Selection) -> AsyncIterator[StudyLease]:
        yield Lease(self, requester, selection)


@dataclass
class Lease:
    """A study of an archive in memory."""

    studies: Studies
    requester: Requester
    selection: Selection

    def events(self) -> AsyncIterator[RetrieveEvent]:
        return self.studies.open_study(self.requester, self.selection)

    async def instance(self, sop_instance_uid: str) -> Instance:
        for event in self.studies.events:
            if isinstance(event, Instance) and event.sop_instance_uid == sop_instance_uid:
                return event
        raise ArchiveFailed

    def taken(self, sop_instance_uid: str) -> None:
        self.studies.taken.append(sop_instance_uid)


@dataclass
class Spool:
    """A spool in memory with the promises of exchange.interfaces.TransferSpool."""

    room: int = 1 << 30  # bytes
    kept: dict[str, Instance] = field(default_factory=dict)
    begun: dict[str, Beginning] = field(default_factory=dict)
    open_writers: int = 0
    written: int = 0  # bytes

    def instances(self) -> list[Instance]:
        return list(self.kept.values())

    def digests(self) -> dict[str, bytes]:
        return {uid: digest_of(one.data.read()) for uid, one in self.kept.items()}

    def partial(self) -> list[Beginning]:
        return list(self.begun.values())

    def drop(self, sop_instance_uid: str) -> None:
        self.kept.pop(sop_instance_uid, None)

    def begin(self, *, size: int, digest: bytes, start: int = 0, **names: str) -> Writer:
        if size > self.room:
            raise SpoolFull
        data = b""
        if start:
            begun = self.begun.get(names["sop_instance_uid"])
            if begun is None or (begun.digest, begun.size, begun.kept) != (digest, size, start):
                raise DigestMismatch
            data = self.begun.pop(names["sop_instance_uid"]).data
        self.open_writers += 1
        return Writer(self, names, size, digest, data)


@dataclass(frozen=True)
class Beginning:
    """The verified beginning of an instance."""

    sop_instance_uid: str
    digest: bytes
    size: int
    data: bytes

    @property
    def kept(self) -> int:
        return len(self.data)


class Writer:
    """Writes one instance into a Spool."""

    def __init__(self, spool: Spool, names: dict[str, str], size: int, digest: bytes, data: bytes) -> None:
        self._spool, self._names, self._size, self._digest = spool, names, size, digest
        self._data, self._is_over = data, False

    def write(self, piece: bytes, digest: bytes | None = None) -> None:
        if digest is not None and digest_of(self._data + piece)[:PREFIX_SIZE] != digest:
            self.abort()
            raise DigestMismatch
        self._data += piece
        self._spool.written += len(piece)

    def finish(self) -> Instance:
        self.abort()
        if len(self._data) != self._size or digest_of(self._data) != self._digest:
            raise DigestMismatch
        return self._spool.kept.setdefault(
            self._names["sop_instance_uid"], Instance(data=MemoryBlob(self._data), **self._names)
        )

    def pause(self) -> None:
        if not self._is_over and 0 < len(self._data) < self._size:
            uid = self._names["sop_instance_uid"]
            self._spool.begun[uid] = Beginning(uid, self._digest, self._size, self._data)
        self.abort()

    def abort(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._spool.open_writers -= 1


@dataclass
class Watcher:
    """Notes what a retrieval tells of itself."""

    channels: list[Any] = field(default_factory=list)
    interruptions: int = 0
    failures: list[tuple[NodeId, IdasError]] = field(default_factory=list)
    differing: list[NodeId] = field(default_factory=list)
    evidence: list[tuple[NodeId, Evidence]] = field(default_factory=list)

    def opened(self, _holder: NodeId, channel: Any) -> None:
        self.channels.append(channel)

    def interrupted(self, _holder: NodeId) -> None:
        self.interruptions += 1

    def failed(self, holder: NodeId, error: IdasError) -> None:
        self.failures.append((holder, error))

    def differs(self, holder: NodeId) -> None:
        self.differing.append(holder)

    def signed(self, holder: NodeId, evidence: Evidence) -> None:
        self.evidence.append((holder, evidence))


KNOWN = b"k" * 32  # the digest of the manifest in force


@dataclass
class Roster:
    """What an answering node knows of its federation."""

    members: set[NodeId] = field(default_factory=lambda: {ONE})
    current: bytes = CURRENT
    epoch: int = 7
    state: bytes = b"sevensev"
    manifest: bytes | None = b"the manifest"
    taken: list[bytes] = field(default_factory=list)
    refuses: IdasError | None = None

    def manifest_for(self, known: frozenset[bytes]) -> bytes | None:
        return None if KNOWN in known else self.manifest

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
        async with asyncio.timeout(60):
            await link.open(3, b"")
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
