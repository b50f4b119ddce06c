"""A small real HTTP proxy that knows CONNECT, on loopback."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from idas_p2p.wire.address import Address
from idas_p2p.wire.http_proxy import HttpProxy

Names = dict[str, str]  # host names the proxy knows, and their addresses


@dataclass
class ConnectProxy:
    """What it does and what it was asked for."""

    user: str = ""
    password: str = ""
    names: Names = field(default_factory=dict)
    answer: bytes = b""  # instead of any other
    asked: list[str] = field(default_factory=list)  # HOST:PORT
    carried: int = 0  # bytes
    setting: HttpProxy = field(init=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
            await self._connect(head, reader, writer)
        writer.close()

    async def _connect(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *fields = head.split("\r\n")
        method, target, version = line.split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1")
        assert f"Host: {target}" in fields
        self.asked.append(target)
        if self.answer:
            writer.write(self.answer)
            await writer.drain()
            return
        said = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.user and f"Proxy-Authorization: Basic {said}" not in fields:
            writer.write(
                b'HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
            )
            return
        there = Address.parse(target)
        try:
            far_reader, far_writer = await asyncio.open_connection(self.names.get(there.host, there.host), there.port)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, far_writer))
                group.create_task(self._pass_on(far_reader, writer))
        finally:
            far_writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.carried += len(data)
                writer.write(data)
                await writer.drain()
            writer.write_eof()


@asynccontextmanager
async def proxying(
    *, user: str = "", password: str = "", names: Names | None = None, answer: bytes = b""
) -> AsyncIterator[ConnectProxy]:
    """A proxy that runs; nothing of it is left behind."""
    proxy = ConnectProxy(user, password, names or {}, answer)
    clients: set[asyncio.Task[None]] = set()

    def accept(serve: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            clients.add(task)
            try:
                await serve(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()
            finally:
                clients.discard(task)

        return run

    server = await asyncio.start_server(accept(proxy.serve), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    proxy.setting = HttpProxy(Address(host, port))
    try:
        yield proxy
    finally:
        server.close()
        for client in list(clients):
            client.cancel()
        if clients:
            await asyncio.wait(clients, timeout=5)
