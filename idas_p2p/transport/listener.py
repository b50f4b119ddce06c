"""Accept channels from other nodes, as many and as slowly as we choose.

Belongs here: one task per accepted connection, its deadline, its end. Not here: who may come in (gate.py counts, the
responder of crypto/handshake.py checks). Source: docs/spec/transport.md section 5.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from idas_p2p.crypto.handshake import Admits, FindPsk, Refusal, Responder
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.errors import BadConfiguration, Busy, HandshakeFailed, IdasError
from idas_p2p.events import log_event
from idas_p2p.limits import HANDSHAKE_TIMEOUT
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.braid import BESIDE, NAME_SIZE
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.gate import Gate
from idas_p2p.transport.moving import MOVE_TIMEOUT, MovingChannel
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME, SecureChannel, accept
from idas_p2p.transport.sockets import socket_address
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId


class Strangers(Protocol):
    """Who may still try keys that are given out as codes, and is told how it went."""

    def may_try(self, host: str, purpose: Purpose) -> bool:
        """Whether a key for this purpose is looked for; where not, it is answered like one that is not known."""
        ...

    def tried(self, host: str, purpose: Purpose, *, is_right: bool) -> None:
        """Somebody at an address proved a key, or did not; only told of who might try."""
        ...

    def refused(self, host: str, refusal: Refusal, purpose: Purpose | None) -> None:
        """A handshake failed; of the purpose that was said, if one was."""
        ...


class Anybody:
    """Lets everybody try."""

    def may_try(self, host: str, purpose: Purpose) -> bool:
        """Always."""
        return True

    def tried(self, host: str, purpose: Purpose, *, is_right: bool) -> None:
        """Nothing."""

    def refused(self, host: str, refusal: Refusal, purpose: Purpose | None) -> None:
        """Nothing."""


class Listener:
    """Listens on one TCP address; hands each channel to `on_channel` once both sides have proved who they are.

    Args:
        identity: ours.
        find_psk: the key (32 bytes) of a purpose and psk_id, or None.
        on_channel: runs as long as the channel is wanted; when it returns or fails, the channel is closed.
        admits: whether this peer may have a channel of this purpose under this psk.
        owner: of the tasks, one per connection.
        gate: bounds; a Gate with the usual ones by default.
        strangers: who may still try keys that are given out as codes.
        handshake_timeout: seconds for the whole handshake, however slowly its bytes come.
    """

    def __init__(
        self,
        identity: SigningKey,
        *,
        find_psk: FindPsk,
        on_channel: Callable[[Channel], Awaitable[None]],
        admits: Admits,
        owner: TaskOwner,
        gate: Gate | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        strangers: Strangers | None = None,
    ) -> None:
        self._identity, self._strangers = identity, strangers or Anybody()
        self._find_psk, self._admits, self._on_channel = find_psk, admits, on_channel
        self._owner = owner
        self._handshake_timeout = handshake_timeout
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._unproved: set[Connection] = set()  # those whose handshake is under way
        self._open: dict[tuple[NodeId, bytes], MovingChannel] = {}  # by dialer and name
        self.gate = gate or Gate()
        self.refusals: Counter[Refusal] = Counter()
        self.on_doubt: Callable[[], object] = lambda: None
        """Called where a channel was lost, or nothing on it seems to arrive: others may not find their way here now."""

    async def start(self, address: Address) -> Address:
        """Listen, and return the address in use: port 0 asks for a free one, `::` means IPv4 as well as IPv6.

        Raises:
            BadConfiguration: the address is not ours or is taken.
        """
        loop = asyncio.get_running_loop()
        try:
            if address.host == "::":
                both = socket.create_server(("::", address.port), family=socket.AF_INET6, dualstack_ipv6=True)
                self._server = await loop.create_server(self._new_connection, sock=both)
            else:
                self._server = await loop.create_server(self._new_connection, address.host, address.port)
        except OSError as error:
            raise BadConfiguration(f"cannot listen on {address}: {error.strerror or error}") from None
        return socket_address(self._server.sockets[0].getsockname())

    async def stop(self, *, grace: float = 0.0) -> None:
        """Accept no more, give the channels `grace` seconds to end by themselves, then end them."""
        if self._server:
            self._server.close()
        if grace and self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self, hosts: Collection[str]) -> None:
        """Give up channels that use an address this machine no longer has: see MovingChannel.check."""
        for channel in list(self._open.values()):
            channel.check(hosts)

    def leave(self, relays: Collection[Address]) -> None:
        """Have the dialers of channels through these relays go on elsewhere."""
        for channel in list(self._open.values()):
            channel.leave(relays)

    def _new_connection(self) -> Connection:
        return Connection(max_frame=MAX_HANDSHAKE_FRAME, on_made=lambda made: self.take(made, path="direct"))

    def take(self, connection: Connection, *, path: str) -> None:
        """Serve a connection on which another node dials us, whichever way it came about; `path` names the way."""
        refusal = self.gate.enter(connection.remote.host)
        if refusal:
            self._refuse(connection, refusal, level=logging.DEBUG)
            return
        try:
            task = self._owner.start("channel", self._serve(connection, path))
        except Busy:
            self.gate.leave(connection.remote.host)
            self._refuse(connection, Refusal.TOO_MANY_CHANNELS, level=logging.DEBUG)
            return
        self._unproved.add(connection)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._forget(connection))

    def _forget(self, connection: Connection) -> None:
        """Leave nothing of a connection whose task has ended, even of one that was cancelled before it began."""
        self._end_handshake(connection)
        connection.abort()

    def _end_handshake(self, connection: Connection) -> None:
        if connection in self._unproved:
            self._unproved.remove(connection)
            self.gate.leave(connection.remote.host)

    async def _serve(self, connection: Connection, path: str) -> None:
        channel = await self._shake_hands(connection, path)
        if channel is None:
            return
        self.gate.open_channel(channel.peer)
        try:
            if channel.purpose is Purpose.MOVE:
                await self._move(channel)
            else:
                await self._serve_channel(MovingChannel(channel, is_ours=False))
        finally:
            self.gate.end_channel(channel.peer)

    async def _serve_channel(self, channel: MovingChannel) -> None:
        self._open[channel.peer, channel.name] = channel
        channel.on_doubt = self.on_doubt
        try:
            await self._on_channel(channel)
        finally:
            del self._open[channel.peer, channel.name]
            await channel.close()

    async def _move(self, lane: SecureChannel) -> None:
        """Let the channel that a peer names use a connection it opened from then on, alone or beside others."""
        try:
            async with asyncio.timeout(MOVE_TIMEOUT):
                name = await lane.receive()
        except (TimeoutError, IdasError):
            return
        is_beside = name[NAME_SIZE:] == BESIDE
        channel = self._open.get((lane.peer, name[:NAME_SIZE] if is_beside else name))
        if channel is None or not (self._widen(channel, lane) if is_beside else channel.follow(lane)):
            await lane.close()
            return
        log_event(
            "link_widened" if is_beside else "link_moved",
            peer=lane.peer.short,
            path=lane.path,
            task=str(channel.purpose),
        )
        await lane.wait_lost()  # and no more: what had come may not have been read yet

    def _widen(self, channel: MovingChannel, lane: SecureChannel) -> bool:
        """Let a channel use one more connection beside those it has; False when that cannot be."""
        braid = channel.braid if channel.is_open and self.gate.has_room_beside(lane.peer) else None
        return braid is not None and braid.join(lane)

    async def _shake_hands(self, connection: Connection, path: str) -> SecureChannel | None:
        host, asked = connection.remote.host, list[Purpose]()

        def find_psk(purpose: Purpose, psk_id: bytes) -> bytes | None:
            if not self._strangers.may_try(host, purpose):
                return None
            asked.append(purpose)
            return self._find_psk(purpose, psk_id)

        responder = Responder(self._identity, find_psk=find_psk, admits=self._admit, random_bytes=random_bytes)
        try:
            async with asyncio.timeout(self._handshake_timeout):
                channel = await accept(connection, responder, path=path)
            self._strangers.tried(host, channel.purpose, is_right=True)
            return channel
        except TimeoutError:
            self._refuse(connection, Refusal.TIMED_OUT)
        except HandshakeFailed as error:
            self._refuse(connection, Refusal(error.detail))
            self._strangers.refused(host, Refusal(error.detail), asked[0] if asked else None)
            if asked and error.detail in (Refusal.UNKNOWN_PSK, Refusal.BAD_PROOF):
                self._strangers.tried(host, asked[0], is_right=False)
        finally:
            self._end_handshake(connection)
        return None

    def _admit(self, peer: NodeId, purpose: Purpose, psk_id: bytes) -> bool:
        if not self.gate.has_room_for(peer):
            raise HandshakeFailed(Refusal.TOO_MANY_FROM_PEER)
        return self._admits(peer, purpose, psk_id)

    def _refuse(self, connection: Connection, refusal: Refusal, *, level: int = logging.INFO) -> None:
        self.refusals[refusal] += 1
        log_event("handshake_refused", level=level, reason=refusal, address=str(connection.remote))
        connection.abort()
