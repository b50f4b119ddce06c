"""Several connections that carry one direction of a channel at once: what the dialled node says, each message on one.

    number(8) and the message, on the connection that is likely to have it there first; taken in the order of numbers

A TCP connection begins with 14 kB and doubles each round trip, so that four are full two round trips sooner than one.
Belongs here: which connection a message takes, putting them in order again, the end. Not here: opening connections
(strands.py), what they are (secure.py). Law: a connection may be asked for at any time, and refused without harm; once
the dialled node has agreed to one, its loss is a cut of the channel. Source: docs/spec/transport.md section 13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import ChannelClosed, WireError
from idas_p2p.transport.pacing import LineState
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

NAME_SIZE: Final = 32  # bytes of a channel's name; protocol
NUMBER_SIZE: Final = 8  # bytes; protocol
MAX_STRANDS: Final = 8  # connections of one channel, the first included; protocol
AGREED: Final = b""  # the dialled node's first message on each but the first; protocol
BESIDE: Final = b"\1"  # after the channel's name: the connection is to go beside those it has; protocol
UNSENT: Final = 262_144  # bytes that wait at each, here and in the kernel; ours: what waits at a slow one comes late
UNNUMBERED: Final = -1
UNKNOWN_RATE: Final = 100_000.0  # bytes a second at least; ours: a first window each round trip of 140 ms


@dataclass(eq=False, slots=True)
class _Strand:
    """One connection, as the reader sees it."""

    lane: SecureChannel
    is_main: bool  # the channel was opened on it
    has_agreed: bool  # the dialled node uses it
    head: tuple[int, bytes] | None = None  # the next message and its number
    is_over: bool = False  # nothing more comes
    heard: int = 0  # bytes when it was last asked whether all were heard

    def fill(self) -> None:
        """Take its next message, if it is here.

        Raises:
            BadSignature, FrameTooLarge, WireError: the other side broke the protocol.
        """
        while self.head is None and not self.is_over:
            try:
                message = self.lane.poll()
            except ChannelClosed:
                self.is_over = True
                return
            if message is None:
                return
            if not self.has_agreed:
                if message != AGREED:
                    raise WireError("an unknown answer on a further connection")
                self.has_agreed = True
            elif self.is_main and not self.lane.is_numbered:
                self.head = UNNUMBERED, message
            elif len(message) < NUMBER_SIZE:
                raise WireError("a message without a number beside others")
            else:
                self.head = int.from_bytes(message[:NUMBER_SIZE]), message[NUMBER_SIZE:]

    @property
    def was_cut(self) -> bool:
        """Whether it ended without saying so."""
        return self.is_over and not self.lane.has_ended

    def due(self) -> float:
        """Seconds until what waits on it has arrived, about."""
        line = self.lane.line()
        return self.lane.unacknowledged / max(UNKNOWN_RATE, line.arriving if line is not None else 0.0)


class Braid:
    """What SecureChannel is, over one connection or several; see there.

    Args:
        main: the connection that the channel was opened on.
    """

    def __init__(self, main: SecureChannel) -> None:
        self._main = main
        self._strands = [_Strand(main, is_main=True, has_agreed=True)]
        self._readable, self._room = asyncio.Event(), asyncio.Event()
        main.watch(self._readable, self._room, spare=NUMBER_SIZE)
        self._speaks_numbered = False
        self._next_sent = self._next_taken = 0  # numbers
        self._all_heard = 0  # times that something was heard on every connection
        self.has_ended = False

    @property
    def is_braided(self) -> bool:
        """Whether there are others, or were."""
        return len(self._strands) > 1 or self._speaks_numbered

    @property
    def width(self) -> int:
        """Connections that carry it."""
        return len(list(self._used))

    def join(self, lane: SecureChannel) -> bool:
        """Use one more connection, which the dialer opened for this; False when that cannot be."""
        if len(self._strands) >= MAX_STRANDS or self.is_closed or lane.is_closed:
            return False
        lane.put(AGREED)
        if not self._speaks_numbered:
            self._main.say_numbered()
            self._main.keep_short(UNSENT)
            self._speaks_numbered = True
        lane.keep_short(UNSENT)
        self._add(_Strand(lane, is_main=False, has_agreed=True))
        return True

    def ask(self, lane: SecureChannel) -> None:
        """Have the dialled node use one more connection, if it likes to; ChannelClosed when that is lost already."""
        lane.put(self._main.name + BESIDE)
        self._add(_Strand(lane, is_main=False, has_agreed=False))

    def _add(self, strand: _Strand) -> None:
        strand.lane.watch(self._readable, self._room, spare=NUMBER_SIZE)
        self._strands.append(strand)
        self._readable.set()
        self._room.set()

    @property
    def _used(self) -> Iterator[_Strand]:
        return (strand for strand in self._strands if strand.has_agreed)

    # Sending.

    @property
    def is_writable(self) -> bool:
        """Whether there is a channel, and no more waits than may on some connection."""
        return not self.is_closed and any(strand.lane.is_writable for strand in self._used)

    async def writable(self) -> None:
        """Wait until `put` may be called; see SecureChannel."""
        while not self.is_writable:
            if self.is_closed:
                raise ChannelClosed("the connection was lost")
            self._room.clear()
            await self._room.wait()

    def put(self, message: bytes) -> None:
        """Send one message; see SecureChannel."""
        if not self._speaks_numbered:
            self._main.put(message)
            return
        free = [strand for strand in self._used if strand.lane.is_writable] or list(self._used)
        strand = min(free, key=_Strand.due) if len(free) > 1 else free[0]
        strand.lane.put(self._next_sent.to_bytes(NUMBER_SIZE) + message)
        self._next_sent += 1

    def beat(self) -> None:
        """Say that we are there, on every connection on which nothing else was said; see SecureChannel."""
        for strand in self._used:
            if strand.lane is self._main or self._speaks_numbered:
                strand.lane.beat()

    def finish(self) -> None:
        """Say that nothing follows; see SecureChannel."""
        for strand in self._used:
            if strand.lane is self._main or self._speaks_numbered:
                strand.lane.finish()

    # Taking.

    async def receive(self) -> bytes:
        """Return the next message; see SecureChannel."""
        while (message := self._take()) is None:
            self._readable.clear()
            await self._readable.wait()
        return message

    def _take(self) -> bytes | None:
        for strand in self._strands:
            strand.fill()
        wanted = self._next_taken if self._main.is_numbered else UNNUMBERED  # all that came before the mark goes first
        for strand in self._used:
            if strand.head is not None and strand.head[0] == wanted:
                (number, message), strand.head = strand.head, None
                self._next_taken = number + 1  # the first that is numbered is 0
                return message
        self._look_for_the_end()
        return None

    def _look_for_the_end(self) -> None:
        """Raise what tells that no message comes any more, if that is so."""
        if any(strand.was_cut for strand in self._used):
            raise ChannelClosed("the connection was lost")
        if all(strand.is_over or strand.head for strand in self._strands):
            if any(strand.head for strand in self._strands):
                raise WireError("a message is missing among those of several connections")
            self.has_ended = True
            raise ChannelClosed("closed by the other side")

    # Both.

    @property
    def heard(self) -> int:
        """A number that grows while every connection is heard of, or is not asked because what it has must wait."""
        if not self._main.is_numbered:
            return self._main.bytes_received
        used = list(self._used)
        if all(strand.head or strand.is_over or strand.lane.bytes_received != strand.heard for strand in used):
            self._all_heard += 1
            for strand in used:
                strand.heard = strand.lane.bytes_received
        return self._all_heard

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more; the loss of one connection is that of all."""
        return any(strand.lane.is_closed for strand in self._used)

    def line(self) -> LineState | None:
        """What is known of the line: of all connections together."""
        lines = [strand.lane.line() for strand in self._used]
        if len(lines) == 1:
            return lines[0]
        known = [line for line in lines if line is not None]
        if len(known) < len(lines):
            return None
        return LineState(
            round_trip=max(line.round_trip for line in known),
            shortest=min(line.shortest for line in known),
            arriving=sum(line.arriving for line in known),
            is_full=any(line.is_full for line in known),
            held=max(line.held for line in known),
        )

    @property
    def bytes_sent(self) -> int:
        """Bytes given to the network so far."""
        return sum(strand.lane.bytes_sent for strand in self._strands)

    @property
    def bytes_received(self) -> int:
        """Bytes taken from the network so far."""
        return sum(strand.lane.bytes_received for strand in self._strands)

    def abort(self) -> None:
        """End it at once; what waits to be sent is lost."""
        for strand in self._strands:
            strand.lane.abort()

    async def close(self) -> None:
        """End the channel; see SecureChannel."""
        await asyncio.gather(*(strand.lane.close() for strand in self._strands))

    def leave(self) -> None:
        """See SecureChannel."""
        self._main.leave()

    def say_leave(self) -> None:
        """See SecureChannel."""
        self._main.say_leave()

    @property
    def peer(self) -> NodeId:
        """See SecureChannel, as for the rest."""
        return self._main.peer

    @property
    def purpose(self) -> Purpose:
        """What the channel is for."""
        return self._main.purpose

    @property
    def psk_id(self) -> bytes:
        """Which pre-shared key both sides proved."""
        return self._main.psk_id

    @property
    def path(self) -> str:
        """The kind of path."""
        return self._main.path

    @property
    def remote(self) -> Address:
        """Where the other end is."""
        return self._main.remote

    @property
    def round_trip(self) -> float | None:
        """The round-trip time now."""
        return self._main.round_trip

    @property
    def local_host(self) -> str:
        """The IP address of this machine that it uses."""
        return self._main.local_host
