"""One TCP connection as whole frames, with bounded buffers in both directions.

Belongs here: moving frames, waiting, ending. Not here: what is in them (secure.py), where one ends (framing.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from idas_p2p.errors import ChannelClosed, FrameTooLarge
from idas_p2p.transport.framing import FrameBuffer, frame_header
from idas_p2p.transport.pacing import LineState, Pacer
from idas_p2p.transport.sockets import (
    acknowledged,
    limit_unsent,
    line_state,
    pace,
    remote_address,
    round_trip,
    socket_address,
    tune,
)
from idas_p2p.wire.address import Address

WRITE_HIGH: Final = 524_288  # bytes waiting in this process at which `writable` begins to wait; ours
WRITE_LOW: Final = 131_072  # bytes waiting at which it ends; ours
BULK: Final = 131_072  # bytes sent between two looks at the line; ours: control links never come near
CLOSE_TIMEOUT: Final = 5.0  # seconds in which the other side must take some of what was sent before; ours
LONGEST_CLOSE: Final = 60.0  # seconds it has to take all of it; ours: 2 MiB at 280 kbit/s


class Connection(asyncio.BufferedProtocol):
    """Frames over one TCP connection.

    Args:
        max_frame: bytes of a received frame's body, until `allow`.
        on_made: called with this connection when it stands; for the accepting side.
        is_paced: whether to brake where the kernel sees a queue.
    """

    def __init__(
        self, *, max_frame: int, on_made: Callable[[Connection], None] | None = None, is_paced: bool = True
    ) -> None:
        self._on_made, self._is_paced = on_made, is_paced
        self._buffer = FrameBuffer(max_frame=max_frame)
        self._transport: asyncio.Transport
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._lost = asyncio.Event()
        self._room = asyncio.Event()  # set when writing may go on, or never will
        self._closing = False
        self._paused = False
        self._pacer = Pacer()
        self._looked_at = 0  # bytes sent when the line was last looked at
        self.bytes_sent = 0
        self.bytes_received = 0
        self.remote: Address
        self.local_host: str  # the IP address of this machine that it uses; 0.0.0.0 where that is not known

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own does not inherit from it
        self._transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_LOW)
        self.remote = remote_address(transport)
        self.local_host = socket_address(transport.get_extra_info("sockname")).host
        tune(transport)
        self._writable.set()
        if self._on_made:
            self._on_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        if self._closing:
            self._buffer.clear()
        return self._buffer.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived."""
        self.bytes_received += nbytes
        if self._closing:
            return
        self._buffer.received(nbytes)
        if self._buffer.has_frame:
            self._readable.set()
        self._steer_reading()

    def eof_received(self) -> None:
        """Nothing more comes. Returning None lets the transport write what is left, and close."""

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Most of it is sent."""
        self._writable.set()
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, ours or theirs."""
        self._lost.set()
        self._wake()

    # What the channel calls.

    def allow(self, max_frame: int) -> None:
        """Take frames of up to `max_frame` bytes from now on."""
        self._buffer.allow(max_frame)
        if self._buffer.has_frame:
            self._readable.set()
        self._steer_reading()

    @property
    def round_trip(self) -> float | None:
        """The round-trip time now, in seconds; None when the kernel does not tell."""
        return round_trip(self._transport)

    @property
    def acknowledged(self) -> int:
        """Bytes the other end's kernel has taken; 0 where ours does not tell."""
        return acknowledged(self._transport)

    def line(self) -> LineState | None:
        """What the kernel knows of the line; None when it does not tell."""
        return line_state(self._transport)

    async def receive(self) -> bytes:
        """Return the body of the next frame.

        Raises:
            ChannelClosed: there is no connection any more.
            FrameTooLarge: announced; the connection is cut.
        """
        while (body := self.poll()) is None:
            await self.readable()
        return body

    def poll(self) -> bytes | None:
        """The body of the next frame if it is here, else None; errors as for `receive`."""
        if not self._closing:
            try:
                body = self._buffer.take()
            except FrameTooLarge:
                self.abort()
                raise
            if body is not None:
                self._steer_reading()
                return body
            if not self._lost.is_set():
                return None
        raise self._closed_error()

    async def readable(self) -> None:
        """Wait until there is something new for `poll`."""
        self._readable.clear()
        await self._readable.wait()

    def watch(self, readable: asyncio.Event, room: asyncio.Event) -> None:
        """Have these set when there is something new for `poll`, and when `write` may be called again."""
        self._readable, self._room = readable, room

    def keep_short(self, unsent: int) -> None:
        """Let no more than about so many bytes wait here, and as many in the kernel: others carry the rest."""
        self._transport.set_write_buffer_limits(high=unsent, low=unsent // 4)
        limit_unsent(self._transport, unsent)

    @property
    def unacknowledged(self) -> int:
        """Bytes sent that the other end's kernel has not said it has; those of all time where ours does not tell."""
        return max(0, self.bytes_sent - acknowledged(self._transport))

    def _wake(self) -> None:
        self._readable.set()
        self._writable.set()
        self._room.set()

    @property
    def is_writable(self) -> bool:
        """Whether `write` may be called without waiting."""
        return self._writable.is_set() and not self.is_closed

    async def writable(self) -> None:
        """Wait until `write` may be called; call it before the next await.

        Raises:
            ChannelClosed: there is no connection any more.
        """
        while not self._writable.is_set():
            await self._writable.wait()
        if self.is_closed:
            raise self._closed_error()

    def write(self, body: bytes) -> None:
        """Send one frame.

        Raises:
            ChannelClosed: there is no connection any more.
        """
        if self.is_closed:
            raise self._closed_error()
        header = frame_header(len(body))
        self._transport.writelines((header, body))
        self.bytes_sent += len(header) + len(body)
        if self._is_paced and self.bytes_sent - self._looked_at >= BULK:
            self._steer_sending()

    def write_raw(self, data: bytes) -> None:
        """Send bytes that are no frame: what a relay's port is greeted with.

        Raises:
            ChannelClosed: there is no connection any more.
        """
        if self.is_closed:
            raise self._closed_error()
        self._transport.write(data)
        self.bytes_sent += len(data)

    def end_writing(self) -> None:
        """Send nothing more, and go on receiving; the connection ends when the other side does the same."""
        if not self.is_closed:
            with suppress(OSError):  # reset by the other side, and the loop has not said so yet
                self._transport.write_eof()

    async def wait_lost(self) -> None:
        """Wait until the connection has ended, by whichever side."""
        await self._lost.wait()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closing or self._lost.is_set() or self._transport.is_closing()

    async def close(self, *, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what waits, throw away what still comes, and end.

        By force once the other side has taken nothing for `timeout` seconds, and after LONGEST_CLOSE.
        """
        if not self.is_closed:
            self._closing = True
            self._wake()
            self._steer_reading()
            with suppress(OSError):  # reset by the other side, and the loop has not said so yet
                self._transport.write_eof()
        self._closing = True
        try:
            async with asyncio.timeout(LONGEST_CLOSE):
                await self._taken(timeout)
        except TimeoutError:
            pass
        finally:
            self.abort()
        await self._lost.wait()

    async def _taken(self, timeout: float) -> None:
        """Wait for the end as long as the other side takes some of what waits in each `timeout` seconds."""
        before: tuple[int, int] | None = None
        while (now := (acknowledged(self._transport), self._transport.get_write_buffer_size())) != before:
            before = now
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._lost.wait()
                    return

    def abort(self) -> None:
        """End at once; what waits to be sent is lost."""
        if not self._lost.is_set():
            self._transport.abort()

    def _closed_error(self) -> ChannelClosed:
        return ChannelClosed("closed on this side" if self._closing else "the connection was lost")

    def _steer_sending(self) -> None:
        """Keep the queue in front of other links' messages short."""
        now = asyncio.get_running_loop().time()
        self._looked_at = self.bytes_sent
        if not self._pacer.is_due(now=now) or (line := line_state(self._transport)) is None:
            return
        before = self._pacer.rate
        if (rate := self._pacer.look(line, now=now)) != before:
            pace(self._transport, rate)

    def _steer_reading(self) -> None:
        """Read only while there is room: this is the back-pressure on the other side."""
        pause = self._buffer.is_full and not self._closing
        if pause == self._paused or self._transport.is_closing():
            return
        self._paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
