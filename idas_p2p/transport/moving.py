"""A channel that may go on over another connection, and notices when the one it uses has fallen silent.

Each direction moves by itself, between two messages: the sender finishes the old connection and goes on with the new
one; the receiver takes all of the old one first. So nothing is lost, repeated or sent again, and nobody waits.
Belongs here: that, over connections that have shaken hands (secure.py). Not here: when a better path is looked for
(node/moving.py), the rule of silence (silence.py). Source: docs/spec/transport.md section 11.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from idas_p2p.errors import BadSignature, ChannelClosed, FrameTooLarge, PeerUnreachable, WireError
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.transport.braid import Braid
from idas_p2p.transport.dialer import DIRECT_PATH
from idas_p2p.transport.pacing import LineState
from idas_p2p.transport.relayed import RELAY_PATH
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.transport.silence import BEAT, Silence, Verdict
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId

MAX_MOVES: Final = 16  # of one channel; protocol
MOVE_TIMEOUT: Final = 4.0  # seconds from the new connection's handshake until both sides have agreed; ours
UNKNOWN_HOST: Final = "0.0.0.0"  # noqa: S104  # of a path by UDP
AGREED: Final = b""  # the dialled node's first message on the new connection; protocol

Lane = SecureChannel | Braid


class MovingChannel:
    """A Channel over one connection after another.

    Args:
        lane: the first.
        is_ours: whether we dialled.
    """

    def __init__(self, lane: SecureChannel, *, is_ours: bool) -> None:
        self._loop = asyncio.get_running_loop()
        may_widen = lane.purpose is Purpose.IMAGE and lane.path == DIRECT_PATH
        self._braid = Braid(lane, is_ours=is_ours) if may_widen else None
        self._lanes: list[Lane] = [self._braid or lane]  # all there were
        self.must_leave = asyncio.Event()  # the relay it takes stops soon
        self._sending = self._lanes[0]
        self._receiving = deque(self._lanes)  # the first is read until its end
        self._agreeing: asyncio.Event | None = None  # set once an attempt to move has come to an end
        self._is_ours, self.name = is_ours, lane.name
        self._waiting_since: float | None = None  # somebody waits for a message; seconds of the loop's clock
        self._silence = Silence(is_ours=is_ours, now=self._loop.time())
        self._beat_handle: asyncio.TimerHandle | None = None
        self.messages_sent = self.messages_received = 0
        self.is_over = False  # closed or cut
        self.was_cut = self.was_silent = False  # ended by nobody; and nobody said anything
        self.on_over: list[Callable[[], object]] = []  # called once
        self.on_doubt: Callable[[], object] = lambda: None  # no way seems to lead to the other end any more
        lane.on_leave = self._asked_to_leave
        if self.purpose is Purpose.IMAGE:
            self._beat_handle = self._loop.call_later(BEAT, self._beat)

    def __repr__(self) -> str:
        return f"MovingChannel({self.purpose} {self.peer.short} {self.path})"

    @property
    def peer(self) -> NodeId:
        """The node that proved its identity."""
        return self._lanes[0].peer

    @property
    def purpose(self) -> Purpose:
        """What the dialer wanted the channel for."""
        return self._lanes[0].purpose

    @property
    def psk_id(self) -> bytes:
        """Which pre-shared key both sides proved at first: 8 bytes."""
        return self._lanes[0].psk_id

    @property
    def path(self) -> str:
        """The kind of path it takes now."""
        return self._sending.path

    @property
    def remote(self) -> Address:
        """Where the other end of the path is."""
        return self._sending.remote

    @property
    def round_trip(self) -> float | None:
        """The round-trip time now; see Channel."""
        return self._sending.round_trip

    def line(self) -> LineState | None:
        """What is known of the line now; see Channel."""
        return self._sending.line()

    @property
    def bytes_sent(self) -> int:
        """Bytes given to the network so far, on every path."""
        return sum(lane.bytes_sent for lane in self._lanes)

    @property
    def bytes_received(self) -> int:
        """Bytes taken from the network so far, on every path."""
        return sum(lane.bytes_received for lane in self._lanes)

    async def send(self, message: bytes) -> None:
        """Send one message; see Channel."""
        if len(message) > MAX_MESSAGE_SIZE:
            raise FrameTooLarge(f"{len(message)} bytes, {MAX_MESSAGE_SIZE} allowed")
        while True:
            lane = self._sending
            try:
                await lane.writable()
            except ChannelClosed:
                if lane is self._sending:
                    raise
            else:
                if lane is self._sending:
                    break
        lane.put(message)
        self.messages_sent += 1

    async def receive(self) -> bytes:
        """Return the next message; see Channel."""
        self._waiting_since = self._loop.time()
        try:
            while True:
                lane = self._receiving[0]
                try:
                    message = await lane.receive()
                except ChannelClosed:
                    if lane.has_ended and await self._read_next(lane):
                        continue
                    self._end_with(lane)
                    if self.was_silent:
                        raise ChannelClosed("the other side fell silent") from None
                    raise
                except (BadSignature, FrameTooLarge, WireError):
                    self.abort()
                    raise
                self.messages_received += 1
                return message
        finally:
            self._waiting_since = None

    async def _read_next(self, lane: Lane) -> bool:
        """Go on with the connection after one whose end was read; False when there is none."""
        if len(self._receiving) == 1 and self._agreeing is not None:
            await self._agreeing.wait()
        if len(self._receiving) == 1:
            return False
        if self._receiving[0] is lane:
            self._receiving.popleft()
            lane.leave()
        return True

    def _end_with(self, lane: Lane) -> None:
        """The end of the connection that is read is the end of all; where it was cut, what comes after is of no use."""
        if lane.has_ended or self.is_over:
            self._end()
        else:
            self.abort()

    def abort(self) -> None:
        """End it at once; what waits to be sent is lost."""
        self.was_cut = self.was_cut or not self.is_over
        for lane in self._lanes:
            lane.abort()
        self._end()

    async def close(self) -> None:
        """End the channel; see Channel."""
        if self._sending.is_closed and not self._receiving[-1].has_ended:
            self.on_doubt()
        self._end()
        for lane in self._lanes:  # one after another, as the other side reads them
            await lane.close()

    def _end(self) -> None:
        if not self.is_over:
            self.is_over = True
            if self._beat_handle is not None:
                self._beat_handle.cancel()
            for call in self.on_over:
                call()

    # Moving.

    @property
    def may_move(self) -> bool:
        """Whether it can go on elsewhere."""
        is_braided = self._braid is not None and self._braid.is_braided
        return self.is_open and not is_braided and len(self._lanes) <= MAX_MOVES

    @property
    def is_open(self) -> bool:
        """Whether something can be sent, as far as is known."""
        return not (self.is_over or self._sending.is_closed)

    async def move_to(self, lane: SecureChannel) -> None:
        """Go on over another connection to the same node, dialled for this purpose; it is ended when that fails.

        Raises:
            PeerUnreachable: not agreed on in time, or not possible now.
            ChannelClosed: the other side does not want to, or the channel is over.
        """
        if not self.may_move or self._agreeing is not None or len(self._receiving) > 1:
            lane.abort()
            raise PeerUnreachable("the channel cannot move now")
        self._agreeing = agreeing = asyncio.Event()
        try:
            async with asyncio.timeout(MOVE_TIMEOUT):
                await lane.send(self.name)
                if await lane.receive() != AGREED:
                    raise PeerUnreachable("an unknown answer to a move")
            self._switch(lane)
        except BaseException as error:
            lane.abort()
            if isinstance(error, TimeoutError):
                raise PeerUnreachable("a move was not agreed on in time") from None
            raise
        finally:
            self._agreeing = None
            agreeing.set()

    def follow(self, lane: SecureChannel) -> bool:
        """Go on over a connection that the dialer of this channel opened; False when that cannot be."""
        if not self.may_move:
            return False
        try:
            lane.put(AGREED)
            self._switch(lane)
        except ChannelClosed:
            return False
        return True

    def _switch(self, lane: SecureChannel) -> None:
        """Send nothing more on the old connection; read the new one after it."""
        self._sending.finish()
        self.must_leave.clear()
        lane.on_leave = self._asked_to_leave
        self._sending = lane
        self._receiving.append(lane)
        self._lanes.append(lane)

    @property
    def braid(self) -> Braid | None:
        """Where further connections may go beside its first; None where they may not."""
        return self._braid if len(self._lanes) == 1 and self._agreeing is None else None

    def leave(self, relays: Collection[Address]) -> None:
        """Go on elsewhere, or have the dialer do so, if the channel takes one of these relays."""
        if self.path == RELAY_PATH and self.remote in relays:
            if self._is_ours:
                self.must_leave.set()
            else:
                with suppress(ChannelClosed):
                    self._sending.say_leave()

    def _asked_to_leave(self, lane: SecureChannel) -> None:
        if self._is_ours and lane is self._sending and lane.path == RELAY_PATH:
            self.must_leave.set()

    def check(self, hosts: Collection[str]) -> None:
        """Give it up at once where it uses an address that this machine no longer has, these being all it has."""
        used = {self._sending.local_host, self._receiving[0].local_host} - {UNKNOWN_HOST}
        if not self.is_over and not used.issubset(hosts):
            self.was_silent = True
            self.abort()

    def _beat(self) -> None:
        """Say that we are there where we said nothing; see whether the other side does, where it is read."""
        self._beat_handle = self._loop.call_later(BEAT, self._beat)
        lane = self._sending
        if lane.is_closed and not self._is_ours:
            self.abort()  # the dialer has gone, and a sender may wait for room on an older connection
            return
        lane.beat()
        reading = self._receiving[0]  # a newer one that is alive does not help who waits for the rest of the old one
        verdict = self._silence.look(
            reading.heard,
            reading.acknowledged,
            is_relayed=reading.path == RELAY_PATH,
            waiting_since=self._waiting_since,
            round_trip=reading.round_trip,
            now=self._loop.time(),
        )
        if verdict is Verdict.GONE:
            self.was_silent = True
            self.abort()
        elif verdict is Verdict.IN_DOUBT:
            self.on_doubt()
