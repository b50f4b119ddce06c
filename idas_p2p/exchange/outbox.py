"""The sending end of an image link: messages in order, pieces coded ahead of it, neither too many nor too few.

Law: what was put first leaves first; at most WINDOW bytes are on their way through here; once sending failed, whoever
puts something learns it. Belongs here: order, the bound, when the line is looked at. Not here: what a message means,
whether it may be sent (outgoing.py), the codings (codec).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from idas_p2p.blob import Blob
from idas_p2p.clock import Clock
from idas_p2p.exchange.codec.choice import SLOW_LINE, UNKNOWN_LINE, Effort, Line, LineLook, choose
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.codec.pieces import Coded
from idas_p2p.exchange.coding import Encoder, Piece, chunk_of
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.tasks import TaskOwner

WINDOW: Final = 8 * CHUNK_SIZE  # bytes on their way through here, as they are until coded; ours: 32 transfers, 256 MiB
LEAST_WINDOW: Final = 2 * CHUNK_SIZE  # bytes, on the slowest line; ours: something to code while something is sent
AHEAD: Final = 0.5  # seconds of the line's work that may wait for it; ours: what is known of it then still counts
MESSAGE_COST: Final = 256  # bytes that any message counts for, so that small ones are bounded too; ours

Send = Callable[[Any], Awaitable[None]]
"""Sends one message; called for one at a time, in order."""


@dataclass(slots=True)
class _Entry:
    """A message, or the piece that becomes one."""

    size: int  # bytes it counts for now
    message: Any = None
    piece: Piece | None = None
    effort: Effort = Effort.NONE
    digest: bytes = b""
    waiting: int = 0  # bytes that wait for the line alone
    coded: asyncio.Future[Coded] | None = None
    is_sent: bool = False

    async def ready(self) -> Any:
        """The message, when it is there."""
        coded = None if self.coded is None else await self.coded
        if self.piece is not None:
            self.done(self.piece, coded)
        return self.message

    def done(self, piece: Piece, coded: Coded | None) -> None:
        """The piece became a message, and need not be held any more."""
        self.message, self.piece = replace(chunk_of(piece, self.effort, coded), digest=self.digest), None


class Outbox:
    """Sends the messages of one link, in a task of its own while it is entered.

    Args:
        send: sends one.
        coders: code pieces.
        clock: the time.
        line: what the kernel says of the link; None where it does not.
        is_near: whether the link is so fast that coding only slows it; asked for each instance. Where it was once, a
            longer round trip counts only when the line is measured to be slow as well: busy cores answer late, too.
    """

    def __init__(
        self,
        send: Send,
        coders: Coders,
        *,
        clock: Clock,
        line: Callable[[], LineLook | None],
        is_near: Callable[[], bool],
    ) -> None:
        self._send, self._coders, self._clock, self._look, self._is_near = send, coders, clock, line, is_near
        self._encoder, self._line = Encoder(), Line()
        self._entries = deque[_Entry]()
        self._size = 0  # bytes on their way
        self._ready = 0  # bytes of them that are coded: what the line has to do
        self._was_near = False  # and the line has not been slow since
        self._changed = asyncio.Event()
        self._tasks = TaskOwner(limit=1)
        self.error: Exception | None = None
        """What ended sending."""

    async def __aenter__(self) -> Outbox:
        self._tasks.start("outbox", self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.stop()
        for entry in self._entries:
            if entry.coded is not None:
                entry.coded.cancel()
        self._entries.clear()

    async def put(self, message: Any) -> None:
        """Send a message after all before it; waits while too much is on its way.

        Raises:
            Exception: what `send` raised, for this message or one before.
        """
        await self._room()
        self._add(_Entry(MESSAGE_COST, message))

    async def put_data(
        self,
        series_uid: str,
        data: Blob,
        layout: PixelLayout | None,
        *,
        packed: bool,
        prefixes: Mapping[int, bytes],
        start: int = 0,
    ) -> None:
        """Send the chunks of a data set; waits as `put` does.

        Args:
            series_uid: of the instance.
            data: the data set.
            layout: where native pixels lie; None when unknown.
            packed: it is compressed already: only its head is worth coding.
            prefixes: the digest of each chunk, by the offset of its end; docs/spec/exchange.md section 5.
            start: bytes that the other side has.

        Raises:
            OSError: it cannot be read, or has become shorter; what was put before is sent.
            Exception: what `send` raised.
        """
        is_slow = (self._line.rate or UNKNOWN_LINE) < SLOW_LINE
        is_near = self._was_near = (self._was_near and not is_slow) or self._is_near()
        for piece in self._encoder.pieces(series_uid, data, layout, start=start):
            await self._room()
            effort = Effort.NONE if is_near or (packed and piece.offset) else self._effort(piece)
            self._add_piece(series_uid, piece, effort, prefixes[piece.offset + len(piece.data)])

    async def settle(self) -> None:
        """Wait until all that was put is sent, or sending has failed: see `error`."""
        while self._entries and self.error is None:
            await self._change()

    def _effort(self, piece: Piece) -> Effort:
        """How hard to try with a piece of pixels; heads and tails are always worth a light try."""
        if piece.ways is None:
            return Effort.LIGHT
        self._watch_line()
        size, rate, ratios = len(piece.data), self._line.rate, piece.ways.ratios
        light, heavy = self._coders.light, self._coders.heavy
        lanes = {Effort.LIGHT: light, Effort.DENSE: replace(heavy, delay=0.0)}
        effort = choose(size, line=rate, unsent=self._ready, lanes=lanes, ratios=ratios)
        if effort is not Effort.DENSE or not heavy.delay:
            return effort
        self._coders.warm()  # worth it, but the workers do not run yet
        return choose(size, line=rate, unsent=self._ready, lanes={**lanes, Effort.DENSE: heavy}, ratios=ratios)

    def _add_piece(self, series_uid: str, piece: Piece, effort: Effort, digest: bytes) -> None:
        size = len(piece.data)
        job = self._encoder.job(series_uid, piece, effort)
        waiting = size if job is None else 0
        entry = _Entry(MESSAGE_COST + size, piece=piece, effort=effort, digest=digest, waiting=waiting)
        self._add(entry)
        if job is None:
            return
        entry.coded = self._coders.start(job)
        if entry.coded.done():
            self._shrink(entry, entry.coded)
        else:
            entry.coded.add_done_callback(lambda coded: self._shrink(entry, coded))

    def _shrink(self, entry: _Entry, coded: asyncio.Future[Coded]) -> None:
        """A piece became smaller; or it did not, and the sending task will see why, or has sent it already."""
        if entry.is_sent or coded.cancelled() or coded.exception() is not None:
            return
        size = len(coded.result().data)
        if entry.piece is not None:
            entry.done(entry.piece, coded.result())
        self._size += MESSAGE_COST + size - entry.size
        self._ready += size
        entry.size, entry.waiting = MESSAGE_COST + size, size
        self._changed.set()

    def _add(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._size += entry.size
        self._ready += entry.waiting
        self._changed.set()

    async def _room(self) -> None:
        while self._size >= self._window and self.error is None:
            await self._change()
        if self.error is not None:
            raise self.error

    @property
    def _window(self) -> float:
        """Bytes that may be on their way through here now."""
        pace = self._line.pace
        return WINDOW if pace is None else min(WINDOW, max(LEAST_WINDOW, AHEAD * pace))

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _work(self) -> None:
        """Send, one after another, until that fails."""
        try:
            while True:
                while not self._entries:
                    await self._change()
                await self._send_first(self._entries[0])
        except Exception as error:  # told to those who put something
            self.error = error
            self._changed.set()

    async def _send_first(self, entry: _Entry) -> None:
        message = await entry.ready()
        begun = self._clock.monotonic()
        await self._send(message)
        if not self._watch_line():
            self._line.sent(entry.size, begun=begun, now=self._clock.monotonic())
        entry.is_sent = True
        self._entries.popleft()
        self._size -= entry.size
        self._ready -= entry.waiting
        self._changed.set()

    def _watch_line(self) -> bool:
        """Learn what the line is like, when it is time; False where the kernel does not tell."""
        now = self._clock.monotonic()
        if not self._line.is_due(now=now):
            return True
        line = self._look()
        if line is not None:
            self._line.look(line, now=now)
        return line is not None
