"""A TCP connection that both sides open at once, so that each one's router takes the other's for an answer.

Each side also listens at its port meanwhile: where one of them can be reached, the other's attempt simply arrives, even
if its router gave it another port. Belongs here: sockets and tries. Not here: agreeing on places and moment
(node/meetings.py), the handshake (secure.py).
Source: RFC 9293 section 3.5 figure 7 (simultaneous open), RFC 5382 REQ-2; docs/spec/transport.md section 10.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

from idas_p2p.errors import IdasError, PeerUnreachable
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.race import race
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME
from idas_p2p.wire.address import Address

TRY_TIME: Final = 1.5  # seconds for one try; the kernel repeats its SYN after one. Ours
REFUSED_PAUSE: Final = 0.05  # seconds; a machine that is not yet connecting refuses at once. Ours
BACKLOG: Final = 8  # connections that wait to be accepted; ours

T = TypeVar("T")


class Meeting:
    """A local IPv4 TCP port for connections opened from both sides. Leaving the `with` block gives it up.

    Raises:
        PeerUnreachable: this machine gives no port.
    """

    def __init__(self) -> None:
        self._listening = _bound(0)
        self._listening.listen(BACKLOG)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    @property
    def port(self) -> int:
        """The port; a router that keeps ports shows it to the other side."""
        return int(self._listening.getsockname()[1])

    async def open(
        self,
        places: Sequence[Address],
        use: Callable[[Connection], Awaitable[T]],
        *,
        discard: Callable[[T], None],
        timeout: float,
    ) -> T:
        """Connect to some places and accept who connects to us, until a connection is of use.

        Args:
            places: IPv4 addresses from which the other side connects at the same time.
            use: what is done with each connection; raises IdasError, and ends the connection, when it is of none.
            discard: ends what came too late.
            timeout: seconds for all tries.

        Raises:
            PeerUnreachable: none was.
        """

        async def attempt(place: Address | None) -> T:
            return await (self._accept(use) if place is None else self._connect(place, use))

        usable = [place for place in places if place.is_ip and ":" not in place.host and place.port]
        try:
            async with asyncio.timeout(timeout):
                return await race([None, *usable], attempt, discard=discard, delay=lambda _: 0.0)
        except TimeoutError:
            raise PeerUnreachable("no connection came about from both sides") from None
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _connect(self, place: Address, use: Callable[[Connection], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        while True:
            sock = _bound(self.port)
            try:
                async with asyncio.timeout(TRY_TIME):
                    await loop.sock_connect(sock, (place.host, place.port))
                connection = await _as_connection(sock, is_paced=False)
            except TimeoutError:
                sock.close()
            except OSError:
                sock.close()
                await asyncio.sleep(REFUSED_PAUSE)
            except BaseException:
                sock.close()
                raise
            else:
                return await use(connection)

    async def _accept(self, use: Callable[[Connection], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._listening)
            with suppress(IdasError, OSError):
                return await use(await _as_connection(sock, is_paced=True))


async def _as_connection(sock: socket.socket, *, is_paced: bool) -> Connection:
    """Frames over a connected socket.

    Where two SYNs crossed, the kernel took half a round trip for the shortest one, and our pacing would see a queue for
    ever.
    """
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(max_frame=MAX_HANDSHAKE_FRAME, is_paced=is_paced), sock=sock
        )
    except BaseException:
        sock.close()
        raise
    return connection


def _bound(port: int) -> socket.socket:
    """A TCP socket at a local port that other sockets of ours may have as well."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("0.0.0.0", port))  # noqa: S104  # who connects must prove itself like at the node's own port
    except OSError as error:
        sock.close()
        raise PeerUnreachable(f"no local port: {error.strerror or error}") from None
    return sock
