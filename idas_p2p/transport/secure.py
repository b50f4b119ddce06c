"""A channel over one connection: the handshake at its start, sealed messages after.

Belongs here: carrying the handshake's messages, sealing and opening. Not here: finding or accepting the connection
(dialer.py, listener.py). Source: docs/spec/transport.md sections 3 and 4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from idas_p2p.crypto.handshake import Initiator, Refusal, Responder, Session
from idas_p2p.crypto.stream import HEADER_SIZE, OVERHEAD, Mark, Opener, Sealer
from idas_p2p.errors import BadSignature, ChannelClosed, FrameTooLarge, HandshakeFailed
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.pacing import LineState
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

MAX_HANDSHAKE_FRAME: Final = 256  # bytes; protocol: larger than any frame of the handshake


class SecureChannel:
    """A Channel over a Connection; made by `prove_responder` and `finish_dialling`, or by `accept`."""

    def __init__(self, connection: Connection, session: Session, sealer: Sealer, opener: Opener, *, path: str) -> None:
        self._connection, self._session, self._sealer, self._opener = connection, session, sealer, opener
        self._path = path
        self._has_finished = False  # we said that nothing follows
        self.has_ended = False  # the other side did
        self.is_numbered = False  # the other side said that what follows is numbered
        self._beaten = 0  # bytes sent at the last beat
        self.on_leave: Callable[[SecureChannel], object] = lambda _: None  # the other side says the path ends soon
        self.messages_sent = 0
        self.messages_received = 0

    def __repr__(self) -> str:
        return f"SecureChannel({self.purpose} {self.peer.short} {self.path})"

    @property
    def peer(self) -> NodeId:
        """The node that proved its identity."""
        return self._session.peer

    @property
    def purpose(self) -> Purpose:
        """What the dialer wanted the channel for."""
        return self._session.purpose

    @property
    def psk_id(self) -> bytes:
        """Which pre-shared key both sides proved: 8 bytes."""
        return self._session.psk_id

    @property
    def path(self) -> str:
        """The kind of path."""
        return self._path

    @property
    def remote(self) -> Address:
        """Where the other end of the path is."""
        return self._connection.remote

    @property
    def round_trip(self) -> float | None:
        """The round-trip time now; see Channel."""
        return self._connection.round_trip

    @property
    def bytes_sent(self) -> int:
        """Bytes given to the network so far."""
        return self._connection.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes taken from the network so far."""
        return self._connection.bytes_received

    @property
    def heard(self) -> int:
        """A number that grows while the other side is heard of."""
        return self.bytes_received

    @property
    def name(self) -> bytes:
        """What only the two ends can call this channel; see Session."""
        return self._session.name

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._connection.is_closed

    @property
    def acknowledged(self) -> int:
        """Bytes the other end's kernel has taken; 0 where ours does not tell."""
        return self._connection.acknowledged

    @property
    def local_host(self) -> str:
        """The IP address of this machine that the connection uses; 0.0.0.0 where that is not known."""
        return self._connection.local_host

    def line(self) -> LineState | None:
        """What the kernel knows of the line; see Channel."""
        return self._connection.line()

    @property
    def is_writable(self) -> bool:
        """Whether there is a connection, and no more waits than may."""
        return self._connection.is_writable

    async def send(self, message: bytes) -> None:
        """Send one message; see Channel."""
        if len(message) > MAX_MESSAGE_SIZE:
            raise FrameTooLarge(f"{len(message)} bytes, {MAX_MESSAGE_SIZE} allowed")
        await self.writable()
        self.put(message)

    async def writable(self) -> None:
        """Wait until `put` may be called; call it before the next await. ChannelClosed when there is no channel."""
        await self._connection.writable()

    def put(self, message: bytes) -> None:
        """Send one message of at most MAX_MESSAGE_SIZE bytes, whatever waits already.

        Raises:
            ChannelClosed: by either side, or cut.
        """
        self._connection.write(self._sealer.seal(message))
        self.messages_sent += 1

    def say_alive(self) -> None:
        """Let the other side hear from us; ChannelClosed when there is no channel."""
        self._connection.write(self._sealer.seal_mark(Mark.ALIVE))

    def beat(self) -> None:
        """Say that we are there where nothing else was said since the last beat."""
        if self.bytes_sent == self._beaten and self.is_writable:
            self.say_alive()
        self._beaten = self.bytes_sent

    def say_numbered(self) -> None:
        """Say that what follows is numbered; ChannelClosed when there is no channel."""
        self._connection.write(self._sealer.seal_mark(Mark.NUMBERED))

    def say_leave(self) -> None:
        """Let the other side know that this path ends soon; ChannelClosed when there is no channel."""
        self._connection.write(self._sealer.seal_mark(Mark.LEAVE))

    def finish(self) -> None:
        """Say that nothing follows here, and go on receiving; ChannelClosed when there is no channel."""
        if not self._has_finished:
            self._connection.write(self._sealer.seal_mark(Mark.END))
            self._has_finished = True

    def leave(self) -> None:
        """Let a connection go on which both sides have finished: it ends once each has taken what was sent."""
        self._connection.end_writing()

    async def receive(self) -> bytes:
        """Return the next message; see Channel."""
        while (message := self.poll()) is None:
            await self._connection.readable()
        return message

    def poll(self) -> bytes | None:
        """The next message if it is here, else None; errors as for `receive`."""
        while not self.has_ended:
            if (frame := self._connection.poll()) is None:
                return None
            try:
                message = self._opener.open(frame)
            except BadSignature:
                self._connection.abort()
                raise
            if not isinstance(message, Mark):
                self.messages_received += 1
                return message
            self._take_mark(message)
        raise ChannelClosed("closed by the other side")

    def _take_mark(self, mark: Mark) -> None:
        self.has_ended = mark is Mark.END
        self.is_numbered = self.is_numbered or mark is Mark.NUMBERED
        if mark is Mark.LEAVE:
            self.on_leave(self)

    def watch(self, readable: asyncio.Event, room: asyncio.Event, *, spare: int) -> None:
        """Have these set when there is something new for `poll`, and when `put` may be called again.

        Messages may be `spare` bytes longer than otherwise: they carry something beside what is to be said.
        """
        self._connection.watch(readable, room)
        self._connection.allow(MAX_MESSAGE_SIZE + OVERHEAD + spare)

    def keep_short(self, unsent: int) -> None:
        """Let little wait here; see Connection."""
        self._connection.keep_short(unsent)

    @property
    def unacknowledged(self) -> int:
        """Bytes under way to the other end, those that wait here included."""
        return self._connection.unacknowledged

    async def close(self) -> None:
        """End the channel; see Channel."""
        if not self._connection.is_closed:
            self.finish()
        await self._connection.close()

    async def wait_lost(self) -> None:
        """Wait until the connection is no more."""
        await self._connection.wait_lost()

    def abort(self) -> None:
        """End it at once; what waits to be sent is lost."""
        self._connection.abort()


async def prove_responder(connection: Connection, initiator: Initiator) -> None:
    """Send the first message and take the second: after it the other end is known to be the node dialled.

    Raises:
        HandshakeFailed: it is not.
    """
    try:
        connection.write(initiator.hello())
        initiator.read_answer(await connection.receive())
    except (ChannelClosed, FrameTooLarge):
        raise HandshakeFailed("what answers there is not the node that was dialled, or has too much to do") from None


async def finish_dialling(connection: Connection, initiator: Initiator, *, path: str) -> SecureChannel:
    """Introduce ourselves and wait until the responder has accepted.

    Raises:
        HandshakeFailed: it has not.
    """
    introduction, session = initiator.introduce()
    sealer = Sealer(session.send_key)
    try:
        connection.write(introduction)
        connection.write(_opening(sealer))
        opener = _read_opening(await connection.receive(), session)
    except (ChannelClosed, FrameTooLarge, BadSignature):
        raise HandshakeFailed("the other node does not accept this node or its pre-shared key") from None
    return _channel(connection, session, sealer, opener, path)


async def accept(connection: Connection, responder: Responder, *, path: str) -> SecureChannel:
    """Go through the responder's side of the handshake.

    Raises:
        HandshakeFailed: with a Refusal.
    """
    try:
        connection.write(responder.read_hello(await connection.receive()))
        session = responder.read_introduction(await connection.receive())
        opener = _read_opening(await connection.receive(), session)
        sealer = Sealer(session.send_key)
        connection.write(_opening(sealer))
    except ChannelClosed:
        raise HandshakeFailed(Refusal.HUNG_UP) from None
    except FrameTooLarge:
        raise HandshakeFailed(Refusal.BAD_HELLO) from None
    except BadSignature:
        raise HandshakeFailed(Refusal.BAD_PROOF) from None
    return _channel(connection, session, sealer, opener, path)


def _opening(sealer: Sealer) -> bytes:
    """The first frame of a stream: its header and an empty message, which proves the key."""
    return sealer.header + sealer.seal(b"")


def _read_opening(frame: bytes, session: Session) -> Opener:
    opener = Opener(session.receive_key, frame[:HEADER_SIZE])
    if opener.open(frame[HEADER_SIZE:]) != b"":
        raise BadSignature("not the opening of a stream")
    return opener


def _channel(connection: Connection, session: Session, sealer: Sealer, opener: Opener, path: str) -> SecureChannel:
    connection.allow(MAX_MESSAGE_SIZE + OVERHEAD)
    return SecureChannel(connection, session, sealer, opener, path=path)
