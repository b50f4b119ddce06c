"""From the messages of an image link to messages and decoded bytes, in the order of the link; decoded ahead.

Law: what came first is yielded first; at most WINDOW bytes are held; the head of an instance is decoded before anything
after it is begun, since it may be the dictionary of its series.
Belongs here: which series a chunk belongs to, whether it is the first of its instance, reading ahead. Not here: what
may be sent (receiver.py), the codings (codec).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.exchange.codec.coders import Coders, InPlace
from idas_p2p.exchange.coding import Decoder
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.fetching import Chunk, InstanceHead
from idas_p2p.wire.messages import decode_message

WINDOW: Final = 4 * CHUNK_SIZE  # bytes read ahead, as they are once decoded; ours: lost when this node is killed
MESSAGE_COST: Final = 256  # bytes that any message counts for; ours

Receive = Callable[[], Awaitable[bytes]]


class Unpacker:
    """Reads one link.

    Args:
        coders: decode chunks; in place when there are none.
    """

    def __init__(self, coders: Coders | None = None) -> None:
        self._coders = coders or InPlace()
        self._decoder = Decoder()
        self._series = ""
        self._offset: int | None = None  # of the next chunk in its data set; None before the first head
        self._read = deque[tuple[Any, asyncio.Future[Octets] | Octets, int]]()
        self._size = 0  # bytes held
        self._changed = asyncio.Event()
        self._error: Exception | None = None

    async def messages(self, receive: Receive) -> AsyncGenerator[tuple[Any, Octets], None]:
        """Yield each message, and the bytes that it carries once decoded: none unless it is a Chunk.

        Args:
            receive: gives the next message.

        Raises:
            WireError: not a message, a chunk of no instance, or one that cannot be decoded.
            Exception: what `receive` raised; after all messages before.
        """
        tasks = TaskOwner(limit=1)
        tasks.start("unpack", self._read_all(receive))
        try:
            while True:
                while not self._read:
                    if self._error is not None:
                        raise self._error
                    await self._change()
                message, piece, size = self._read.popleft()
                decoded = await piece if isinstance(piece, asyncio.Future) else piece
                self._size -= size
                self._changed.set()
                yield message, decoded
        finally:
            await tasks.stop()
            for _, piece, _ in self._read:
                if isinstance(piece, asyncio.Future):
                    piece.cancel()

    async def _read_all(self, receive: Receive) -> None:
        """Read ahead until that fails."""
        try:
            while True:
                while self._size >= WINDOW:
                    await self._change()
                message = decode_message(await receive())
                piece = await self._begin(message) if isinstance(message, Chunk) else b""
                if isinstance(message, InstanceHead):
                    self._series, self._offset = message.series_uid, message.start
                size = MESSAGE_COST + (message.size if isinstance(message, Chunk) else 0)
                self._read.append((message, piece, size))
                self._size += size
                self._changed.set()
        except Exception as error:  # told in its place
            self._error = error
            self._changed.set()

    async def _begin(self, chunk: Chunk) -> asyncio.Future[Octets] | Octets:
        """Have a chunk decoded."""
        if self._offset is None:
            raise WireError("a chunk belongs to no instance")
        is_first = self._offset == 0
        self._offset += chunk.size
        job = self._decoder.job(self._series, chunk, first=is_first)
        decoded = self._coders.start(job)
        if is_first:
            piece: Octets = await decoded
            self._decoder.done(self._series, piece)
            return piece
        return decoded

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
