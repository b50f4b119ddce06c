"""A stream of credit and pieces (flow.py) as the asyncio transport that a Connection reads and writes.

Belongs here: when to say and to hand on, pausing, ending. Not here: what carries the messages (data_channel.py), frames
(connection.py). It ends as a TCP transport does: `write_eof` ends one direction, the other side's end closes the rest.
Source: docs/spec/transport.md section 12.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from idas_p2p.errors import WireError
from idas_p2p.transport.flow import Flow
from idas_p2p.wire.address import Address

SAY_AHEAD: Final = 65_536  # bytes given to the data channel and not yet on their way; ours
WRITE_HIGH: Final = 65_536  # bytes unsent at which the writer is paused, until it sets others; asyncio's own


class FlowTransport(asyncio.Transport):
    """One side of a stream.

    Args:
        say: sends a message.
        waiting: bytes of messages given to `say` that are not yet on their way.
        remote: where the other side is.
        round_trip: seconds there and back; None while unknown.
        on_over: told when the stream has ended for the one who reads and writes it.
    """

    def __init__(
        self,
        say: Callable[[bytes], None],
        waiting: Callable[[], int],
        *,
        remote: Address,
        round_trip: Callable[[], float | None] = lambda: None,
        on_over: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__({"peername": (remote.host, remote.port)})
        self._say, self._waiting, self._round_trip, self._on_over = say, waiting, round_trip, on_over
        self._loop = asyncio.get_running_loop()
        self._flow = Flow()
        self._protocol: asyncio.BufferedProtocol | None = None
        self._high, self._low = WRITE_HIGH, WRITE_HIGH // 4
        self._is_reading, self._is_feeding, self._is_holding = True, False, False
        self._closing = self._has_told_end = False
        self.is_over = False
        self.is_orderly = False  # it ended with everything said

    def begin(self, protocol: asyncio.BufferedProtocol) -> None:
        """Hand on what came and what comes."""
        self._protocol = protocol
        protocol.connection_made(self)
        self._resumed()

    # What the data channel calls.

    def hear(self, message: bytes) -> None:
        """Take a message of the other side; one against the rules ends everything."""
        if self.is_over:
            return
        try:
            self._flow.receive(message)
        except WireError as error:
            self.lose(ConnectionResetError(error.detail))
            return
        self._feed()
        self.pump()

    def pump(self) -> None:
        """Say what may be said; to be called when messages have gone on their way."""
        while not self.is_over and self._waiting() < SAY_AHEAD:
            if (message := self._flow.next_message()) is None:
                break
            self._say(message)
        if self._is_holding and self._protocol is not None and self._flow.unsent <= self._low:
            self._is_holding = False
            self._protocol.resume_writing()
        if self._closing and self._flow.has_sent_end and not self._waiting():
            self.is_orderly = True
            self.lose(None)

    def lose(self, error: Exception | None) -> None:
        """End at once."""
        if self.is_over:
            return
        self.is_over = self._closing = True
        if self._protocol is not None:
            self._loop.call_soon(self._protocol.connection_lost, error)
        self._on_over()

    def _feed(self) -> None:
        """Hand on what was heard while the protocol has room."""
        protocol = self._protocol
        if self._is_feeding or protocol is None:
            return
        self._is_feeding = True
        try:
            while self._is_reading and self._flow.untaken and not self.is_over:
                if not (size := self._flow.take(memoryview(protocol.get_buffer(-1)))):
                    break
                protocol.buffer_updated(size)
        finally:
            self._is_feeding = False
        if self._flow.has_heard_end and not self._flow.untaken and not self._has_told_end:
            self._has_told_end = True
            if not self.is_over and not protocol.eof_received():
                self.close()

    # What the protocol calls; see asyncio.Transport.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`peername`, and `round_trip` in seconds; there is no `socket`."""
        return self._round_trip() if name == "round_trip" else super().get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether the end has begun."""
        return self._closing

    def pause_reading(self) -> None:
        """Hand on nothing; the other side soon stops."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Hand on again."""
        self._is_reading = True
        self._loop.call_soon(self._resumed)

    def _resumed(self) -> None:
        self._feed()
        self.pump()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the writer is paused and resumed, in bytes."""
        self._high = WRITE_HIGH if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """Bytes not yet said."""
        return self._flow.unsent

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Say more."""
        self.writelines((data,))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Say more, in one go."""
        if self._closing:
            return
        for data in list_of_data:
            self._flow.write(data)
        self.pump()
        if self._flow.unsent > self._high and not self._is_holding and self._protocol is not None:
            self._is_holding = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Yes."""
        return True

    def write_eof(self) -> None:
        """Say that nothing follows; what comes is still handed on."""
        self._flow.end()
        self.pump()

    def close(self) -> None:
        """Say what waits, and end."""
        if not self._closing:
            self._closing = True
            self._flow.end()
            self.pump()

    def abort(self) -> None:
        """End at once; what waits to be said is lost."""
        self.lose(None)
