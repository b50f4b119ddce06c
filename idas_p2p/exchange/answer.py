"""The answering side of a control link: each question in a task of its own, within bounds.

Belongs here: who may ask what at which state of membership, batching of hits. Not here: the answers (FindSource).
Source: docs/spec/exchange.md section 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from idas_p2p.access.policy import Requester
from idas_p2p.errors import AccessDenied, Busy, IdasError, LocalError, WireError
from idas_p2p.events import log_event, log_failure
from idas_p2p.exchange.interfaces import Channel, FindSource
from idas_p2p.limits import FIND_TIMEOUT, MAX_HITS
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import (
    EXCHANGE_VERSION,
    CancelRequest,
    FindRequest,
    Hello,
    Hit,
    Hits,
    ManifestOffer,
    ManifestWanted,
    Ping,
    Pong,
    RequestEnd,
    decode_message,
    encode_message,
)

MAX_ANSWERS_AT_ONCE = 16  # of one link; ours
HITS_PER_MESSAGE = 32  # at most 32 x 15 kB, within a message; protocol allows 64
_EAGER_SECONDS = 0.02  # a hit waits no longer than this for company


class Membership(Protocol):
    """What an answering node knows of its federation."""

    @property
    def epoch(self) -> int:
        """Of the newest manifest; 0 for none."""
        ...

    def manifest_bytes(self) -> bytes | None:
        """The newest manifest, encoded."""
        ...

    def take_manifest(self, data: bytes) -> None:
        """Install a manifest if it is a valid successor; raises a RemoteError when it is not."""
        ...

    def is_current_member(self, channel: Channel) -> bool:
        """Whether the peer is on the roster in force and proved the key in force."""
        ...


RequesterOf = Callable[[NodeId, str], Requester]
"""Makes the requester of a proved peer and the user it names; NotAMember when it is not on the roster."""


class ControlServer:
    """Answers one peer.

    Args:
        channel: a control channel we accepted.
        membership: ours.
        source: answers queries.
        requester_of: makes the requester of a proved peer and the user it names.
    """

    def __init__(
        self, channel: Channel, *, membership: Membership, source: FindSource, requester_of: RequesterOf
    ) -> None:
        self._channel, self._membership, self._source = channel, membership, source
        self._requester_of = requester_of
        self._tasks = TaskOwner(limit=MAX_ANSWERS_AT_ONCE)
        self._running: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Answer until the peer hangs up.

        Raises:
            ChannelClosed: the peer hung up.
            WireError: the peer broke the protocol.
        """
        try:
            hello = decode_message(await self._channel.receive())
            if not isinstance(hello, Hello):
                raise WireError("a control link begins with Hello")
            await self._send(Hello(version=EXCHANGE_VERSION, epoch=self._membership.epoch))
            while True:
                await self._take(decode_message(await self._channel.receive()))
        finally:
            await self._tasks.stop()
            await self._channel.close()

    async def _take(self, message: Any) -> None:
        if isinstance(message, Ping):
            await self._send(Pong(number=message.number))
        elif isinstance(message, ManifestOffer):
            await self._send(RequestEnd(number=message.number, code=self._install(message.manifest)))
        elif isinstance(message, ManifestWanted):
            await self._give_manifest(message.number)
        elif isinstance(message, CancelRequest):
            if (task := self._running.get(message.number)) is not None:
                task.cancel()
        elif isinstance(message, FindRequest):
            await self._start_find(message)
        else:
            raise WireError("unexpected message on a control link")

    def _install(self, manifest: bytes) -> str:
        try:
            self._membership.take_manifest(manifest)
        except IdasError as error:
            return error.code
        return ""

    async def _give_manifest(self, number: int) -> None:
        manifest = self._membership.manifest_bytes()
        if manifest is None:
            await self._send(RequestEnd(number=number, code=AccessDenied.code))
        else:
            await self._send(ManifestOffer(number=number, manifest=manifest))

    async def _start_find(self, request: FindRequest) -> None:
        if not self._membership.is_current_member(self._channel):
            await self._send(RequestEnd(number=request.number, code=AccessDenied.code))
            return
        try:
            task = self._tasks.start("answer_find", self._find(request))
        except Busy as error:
            await self._send(RequestEnd(number=request.number, code=error.code))
            return
        self._running[request.number] = task
        task.add_done_callback(lambda _: self._running.pop(request.number, None))

    async def _find(self, request: FindRequest) -> None:
        code = ""
        try:
            async with asyncio.timeout(FIND_TIMEOUT):
                await self._send_hits(request)
        except TimeoutError:
            code = Busy.code
        except IdasError as error:
            code = error.code
        except Exception as error:  # a bug costs this answer, not the link
            log_failure("find_failed", error, peer=self._channel.peer.short)
            code = LocalError.code
        log_event("find_answered", peer=self._channel.peer.short, reason=code or "ok")
        await self._send(RequestEnd(number=request.number, code=code))

    async def _send_hits(self, request: FindRequest) -> None:
        requester = self._requester_of(self._channel.peer, request.user)
        limit, waiting = min(request.limit, MAX_HITS), list[Hit]()
        loop = asyncio.get_running_loop()
        since = loop.time()
        async for hit in self._source.find(requester, request.query, limit=limit):
            waiting.append(hit)
            if len(waiting) >= HITS_PER_MESSAGE or loop.time() - since > _EAGER_SECONDS:
                await self._send(Hits(number=request.number, hits=tuple(waiting)))
                waiting, since = [], loop.time()
        if waiting:
            await self._send(Hits(number=request.number, hits=tuple(waiting)))

    async def _send(self, message: Any) -> None:
        await self._channel.send(encode_message(message))
