"""Several connections that carry one direction of a channel at once: what the dialled node says, piece by piece.

    number(8) and a piece, on the connection that is likely to have it there first; taken in the order of numbers

A TCP connection begins with 14 kB and doubles each round trip, so that four are full two round trips sooner than one.
Belongs here: which connection a piece takes, putting them in order again, the end. Not here: opening connections
(strands.py), what they are (secure.py). Law: a connection may be asked for at any time, and refused without harm; once
the dialled node has agreed to one, its loss is a cut of the channel. What is given to a connection waits for nothing
but that: little is given ahead. Source: docs/spec/transport.md section 13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from idas_p2p.errors import ChannelClosed, FrameTooLarge, WireError
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.pacing import LineState
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.transport.strand import AGREED, MORE, NUMBER_SIZE, UNNUMBERED, Strand
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

NAME_SIZE: Final = 32  # bytes of a channel's name; protocol
MAX_STRANDS: Final = 8  # connections of one channel, the first included; protocol
BESIDE: Final = b"\1"  # after the channel's name: the connection is to go beside those it has; protocol
LEAST_PIECE, MOST_PIECE = 32_768, 262_144  # bytes; ours: a few first windows; what costs little to handle
PIECE_SECONDS: Final = 0.005  # of what arrives on all together; ours
LEAST_UNSENT, MOST_UNSENT = 65_536, 524_288  # bytes that wait at each, here, and as many in the kernel; ours
UNSENT_SECONDS: Final = 0.02  # of what arrives on it: as long as this process may be busy with other things; ours
ADAPT: Final = 1_048_576  # bytes between two looks at that; ours
FAR: Final = 0.01  # seconds of round trip from which on further connections pay; ours


class Braid:
    """What SecureChannel is, over one connection or several; see there.

    Args:
        main: the connection that the channel was opened on.
        is_ours: whether we dialled.
    """

    def __init__(self, main: SecureChannel, *, is_ours: bool) -> None:
        self._main = main
        self._strands = [Strand(main, is_main=True, has_agreed=True)]
        self._readable, self._room = asyncio.Event(), asyncio.Event()
        main.watch(self._readable, self._room, spare=NUMBER_SIZE)
        self._speaks_numbered = False
        self._next_sent = self._next_taken = 0  # numbers
        self._parts = list[bytes]()  # of the message that is being taken
        self._piece, self._adapted_at = LEAST_PIECE, 0  # bytes; the latter sent when the limits were looked at last
        self._all_heard = 0  # times that something was heard on every connection
        self.has_ended = False
        if not is_ours and (main.round_trip or 0.0) >= FAR:  # little at first, since others are likely to come
            main.keep_short(LEAST_UNSENT)
            self._adapted_at = main.bytes_sent

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
            self._main.keep_short(LEAST_UNSENT)
            self._speaks_numbered = True
        lane.keep_short(LEAST_UNSENT)
        self._add(Strand(lane, is_main=False, has_agreed=True))
        return True

    def ask(self, lane: SecureChannel) -> None:
        """Have the dialled node use one more connection, if it likes to; ChannelClosed when that is lost already."""
        lane.put(self._main.name + BESIDE)
        self._add(Strand(lane, is_main=False, has_agreed=False))

    def _add(self, strand: Strand) -> None:
        strand.lane.watch(self._readable, self._room, spare=NUMBER_SIZE)
        self._strands.append(strand)
        self._readable.set()
        self._room.set()

    @property
    def _used(self) -> Iterator[Strand]:
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
        self._adapt()
        if not self._speaks_numbered:
            self._main.put(message)
            return
        for offset in range(0, len(message) or 1, self._piece):
            end = offset + self._piece
            free = [strand for strand in self._used if strand.lane.is_writable] or list(self._used)
            strand = min(free, key=Strand.due) if len(free) > 1 else free[0]
            number = self._next_sent | (MORE if end < len(message) else 0)
            strand.lane.put(number.to_bytes(NUMBER_SIZE) + message[offset:end])
            self._next_sent += 1

    def _adapt(self) -> None:
        """Now and then let pieces, and what waits, be as large as the line is fast."""
        if (sent := self.bytes_sent) - self._adapted_at < ADAPT:
            return
        self._adapted_at, rates = sent, [strand.rate for strand in self._used]
        self._piece = round(min(MOST_PIECE, max(LEAST_PIECE, PIECE_SECONDS * sum(rates))))
        for strand, rate in zip(self._used, rates, strict=True):
            is_alone = len(rates) == 1  # nobody else came
            size = MOST_UNSENT if is_alone else min(MOST_UNSENT, max(LEAST_UNSENT, UNSENT_SECONDS * rate))
            strand.lane.keep_short(round(size))

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
        while True:
            while (taken := self._take()) is None:
                self._readable.clear()
                await self._readable.wait()
            number, part = taken
            if not self._parts and not number & MORE:
                return part
            self._parts.append(part)
            if sum(map(len, self._parts)) > MAX_MESSAGE_SIZE:
                raise FrameTooLarge("the pieces of a message are too many")
            if not number & MORE:
                message, self._parts = b"".join(self._parts), []
                return message

    def _take(self) -> tuple[int, bytes] | None:
        """The next piece and its number, if it is here; errors as for `receive`."""
        for strand in self._strands:
            strand.fill()
        wanted = self._next_taken if self._main.is_numbered else UNNUMBERED  # all that came before the mark goes first
        for strand in self._used:
            if strand.head is not None and strand.head[0] & ~MORE == wanted:
                taken, strand.head = strand.head, None
                if wanted != UNNUMBERED:
                    self._next_taken += 1
                return taken
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

    @property
    def acknowledged(self) -> int:
        """Bytes that the other end's kernel has said it has, of the connection on which both sides speak."""
        return self._main.acknowledged

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
