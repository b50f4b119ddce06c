"""Two TCP connections made one: what comes in here goes out there, and nothing is looked at.

Law: no more than BUFFER bytes wait in either direction; an end that does not take them stops the other from sending.
Belongs here: moving bytes, half-closing. Not here: who is spliced (relay.py), how much may pass (traffic.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bootstrap.traffic import Session

BUFFER: Final = 262_144  # bytes waiting in this process in one direction at which the other end must wait; ours


class Splice:
    """A stream between two connections.

    Args:
        session: counts the bytes and says when to wait.
        on_ended: told once, when both connections are closed.
        clock: monotonic seconds.
    """

    def __init__(self, session: Session, *, on_ended: Callable[[Splice], None], clock: Callable[[], float]) -> None:
        self.session, self._on_ended, self._clock = session, on_ended, clock
        self.moved_at = clock()  # monotonic seconds of the last byte
        self._ends: tuple[_End, ...] = ()
        self._open = 0

    def join(self, one: asyncio.Transport, other: asyncio.Transport, *, early: tuple[bytes, bytes]) -> None:
        """Begin; `early` is what has come from each already."""
        first, second = _End(self, one), _End(self, other)
        first.other, second.other = second, first
        self._ends, self._open = (first, second), 2
        for end, data in zip(self._ends, early, strict=True):
            end.transport.set_protocol(end)
            end.transport.set_write_buffer_limits(high=BUFFER, low=BUFFER // 4)
            if data:
                end.data_received(data)
            end.steer()

    def steer(self) -> None:
        """Go on, or wait, by what the session says now."""
        for end in self._ends:
            end.steer()

    def moved(self, count: int) -> None:
        """Count bytes."""
        self.moved_at = self._clock()
        if not self.session.spend(count):
            self.steer()

    def abort(self) -> None:
        """End it at once."""
        for end in self._ends:
            end.transport.abort()

    def lost(self) -> None:
        """One connection is closed."""
        self._open -= 1
        if not self._open:
            self._on_ended(self)


class _End(asyncio.Protocol):
    other: _End

    def __init__(self, splice: Splice, transport: asyncio.Transport) -> None:
        self._splice, self.transport = splice, transport
        self._is_full = False  # whether this end takes nothing at the moment
        self._is_paused = False
        self._has_ended = False  # whether nothing more comes from here

    def data_received(self, data: bytes) -> None:
        self.other.transport.write(data)
        self._splice.moved(len(data))

    def eof_received(self) -> bool:
        self._has_ended = True
        if self.other._has_ended:
            self.transport.close()
            self.other.transport.close()
        elif not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return True  # the other direction goes on

    def pause_writing(self) -> None:
        self._is_full = True
        self.other.steer()

    def resume_writing(self) -> None:
        self._is_full = False
        self.other.steer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.other.transport.close()  # what has come is still sent
        self._splice.lost()

    def steer(self) -> None:
        """Read only while the other end takes it and the session may send."""
        pause = self.other._is_full or self._splice.session.is_held
        if pause == self._is_paused or self.transport.is_closing():
            return
        self._is_paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
