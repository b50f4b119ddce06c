"""Connections through the HTTP proxy of a network that lets nothing else out.

The proxy is asked for a connection by CONNECT; what it then carries is what a direct connection would: frames that are
sealed end to end. Belongs here: opening. Not here: the words (wire/http_proxy.py).
Source: RFC 9110 section 9.3.6; docs/spec/transport.md section 6.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Final, cast

from idas_p2p.errors import PeerUnreachable, ProxyRefused, WireError
from idas_p2p.events import log_event
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME
from idas_p2p.transport.way import DIRECT, Stream, Way, why
from idas_p2p.wire.address import Address
from idas_p2p.wire.http_proxy import Answer, HttpProxy, read_answer

TUNNEL_TIMEOUT: Final = 15.0  # seconds for the proxy to connect us; ours, those who dial have shorter ones of their own
MAX_LOGGED: Final = 64  # refusals that are remembered as logged; ours
STREAM_LIMIT: Final = 65_536  # bytes a stream may have unread before its sender must wait; asyncio's own default


class Proxied:
    """The way through a proxy.

    Args:
        proxy: which, and who we are there.
    """

    def __init__(self, proxy: HttpProxy) -> None:
        self.proxy = proxy
        self.refusal = ""  # what the proxy last said instead of connecting us; empty when it did
        self._logged: OrderedDict[str, None] = OrderedDict()

    @property
    def is_direct(self) -> bool:
        """It is not: connections come from a port of the proxy's."""
        return False

    async def resolve(self, address: Address) -> list[Address]:
        """The name itself: the proxy looks it up, and a network like this may tell us none."""
        return [address]

    async def connect(self, address: Address) -> Connection:
        """Open a connection; see Way.

        Raises:
            ProxyRefused: it does not come about; the text says what to do.
        """
        transport, rest = await self._open(address)
        connection = Connection(max_frame=MAX_HANDSHAKE_FRAME)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.remote = address
        _hand_over(connection, rest)
        transport.resume_reading()
        return connection

    async def open_stream(self, host: str, port: int) -> Stream:
        """Open a stream; see Way."""
        try:
            transport, rest = await self._open(Address(host, port))
        except PeerUnreachable as error:
            raise OSError(error.detail) from None
        reader = asyncio.StreamReader(limit=STREAM_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if rest:
            protocol.data_received(rest)
        transport.resume_reading()
        return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())

    async def _open(self, target: Address) -> tuple[asyncio.Transport, bytes]:
        """A connection that leads to the target, its reading paused, and what has come from there already."""
        try:
            async with asyncio.timeout(TUNNEL_TIMEOUT):
                transport, answer = await self._ask(target)
        except TimeoutError:
            raise self._refused(f"the proxy {self.proxy.address} did not answer in time") from None
        if not answer.is_open:
            transport.abort()
            raise self._refused(_advice(answer, self.proxy, target), status=answer.status)
        self.refusal = ""
        return transport, answer.rest

    async def _ask(self, target: Address) -> tuple[asyncio.Transport, Answer]:
        proxy, loop = self.proxy.address, asyncio.get_running_loop()
        try:
            transport, asking = await loop.create_connection(_Asking, proxy.host, proxy.port)
        except OSError as error:
            raise self._refused(
                f"the proxy {proxy} cannot be reached ({why(error)}): check [network] proxy in node.toml"
            ) from None
        try:
            transport.write(self.proxy.request(target))
            answer = await asking.answer
        except WireError:
            transport.abort()
            raise self._refused(
                f"what answers at {proxy} is no HTTP proxy: check [network] proxy in node.toml"
            ) from None
        except ConnectionError:
            transport.abort()
            raise self._refused(f"the proxy {proxy} closed the connection without an answer") from None
        except BaseException:
            transport.abort()
            raise
        return transport, answer

    def _refused(self, advice: str, *, status: int = 0) -> ProxyRefused:
        """The error; logged once for each thing the proxy says."""
        self.refusal = advice
        if advice not in self._logged:
            reason = str(status) if status else ProxyRefused.code
            log_event("proxy_refused", level=logging.WARNING, reason=reason, next_step=advice)
            self._logged[advice] = None
            if len(self._logged) > MAX_LOGGED:
                self._logged.popitem(last=False)
        return ProxyRefused(advice)


def way_out(proxy: HttpProxy | None) -> Way:
    """The way for a node whose network has this proxy, or none."""
    return DIRECT if proxy is None else Proxied(proxy)


class _Asking(asyncio.Protocol):
    """Reads the head of the answer, and no further."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own does not inherit from it

    def data_received(self, data: bytes) -> None:
        self._said += data
        if self.answer.done():
            return
        try:
            answer = read_answer(self._said)
        except WireError as error:
            self.answer.set_exception(error)
        else:
            if answer is not None:
                self._transport.pause_reading()  # what follows is for whoever takes the connection over
                self.answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError())


def _hand_over(connection: Connection, data: bytes) -> None:
    """Give a connection what had come before it was one."""
    while data:
        space = connection.get_buffer(len(data))
        count = min(len(space), len(data))
        space[:count] = data[:count]
        connection.buffer_updated(count)
        data = data[count:]


def _advice(answer: Answer, proxy: HttpProxy, target: Address) -> str:
    """What a refusal means, and what to do about it."""
    status = answer.status
    if status == 407 and answer.schemes and "basic" not in answer.schemes:
        known = ", ".join(word for word in answer.schemes if word.isalnum())[:64]
        return f"the proxy {proxy.address} wants {known} (407): ask its administrator to let this node in by Basic"
    if status == 407 and proxy.user:
        return f"the proxy {proxy.address} does not take name and password of [network] proxy in node.toml (407)"
    if status == 407:
        return (
            f"the proxy {proxy.address} wants a name and a password (407): "
            f'set proxy = "http://USER:PASSWORD@{proxy.address}" in [network] of node.toml'
        )
    if status in (401, 403, 405):
        return (
            f"the proxy {proxy.address} does not let us reach {target} ({status}): "
            f"ask its administrator to allow CONNECT to port {target.port}"
        )
    if status in (502, 503, 504):
        return f"the proxy {proxy.address} did not reach {target} ({status}): check that a node listens there"
    return f"the proxy {proxy.address} answered {status} to CONNECT: check [network] proxy in node.toml"
