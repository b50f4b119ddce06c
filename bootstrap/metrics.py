"""The figures for Prometheus: text format 0.0.4 over HTTP, at an address of its own.

Law: whoever asks learns counts only, may ask for nothing else, and holds a place for seconds at most.
Belongs here: the form, the small HTTP it needs. Not here: what is counted (figures.py).
Source: Prometheus, Exposition formats, "Text-based format"; RFC 9112 section 2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from bootstrap.figures import Figure, Turned
from idas_p2p.errors import Busy
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.sockets import socket_address
from idas_p2p.wire.address import Address

PREFIX: Final = "idas_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MAX_REQUEST: Final = 8_192  # bytes of a request's head; ours
MAX_CLIENTS: Final = 16  # at once; ours: a scraper or two
REQUEST_TIMEOUT: Final = 5.0  # seconds from connecting to the end of the answer; ours


def exposition(figures: Iterable[Figure]) -> str:
    """The text that Prometheus reads."""
    return "".join(line + "\n" for figure in figures for line in _lines(figure))


def _lines(figure: Figure) -> Iterator[str]:
    name = figure.name if figure.name.startswith("process_") else PREFIX + figure.name
    yield f"# HELP {name} {figure.meaning}"
    yield f"# TYPE {name} {figure.kind}"
    if isinstance(figure.amount, Mapping):
        for reason, amount in figure.amount.items():
            yield f'{name}{{reason="{reason}"}} {_number(amount)}'
    else:
        yield f"{name} {_number(figure.amount)}"


def _number(amount: float) -> str:
    return str(int(amount)) if float(amount).is_integer() else repr(float(amount))


class MetricsServer:
    """Answers `GET /metrics`.

    Args:
        figures: read anew for each answer.
    """

    def __init__(self, figures: Callable[[], Iterable[Figure]]) -> None:
        self._figures = figures
        self._clients = TaskOwner(limit=MAX_CLIENTS)
        self._server: asyncio.Server | None = None
        self.turned: Counter[Turned] = Counter()

    async def start(self, address: Address) -> Address:
        """Listen; returns the bound address.

        Raises:
            OSError: the address cannot be bound.
        """
        self._server = await asyncio.start_server(self._accept, address.host, address.port, limit=MAX_REQUEST)
        return socket_address(self._server.sockets[0].getsockname())

    async def stop(self) -> None:
        """Listen no more, and end what is under way."""
        if self._server is not None:
            self._server.close()
        await self._clients.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            task = self._clients.start("metrics_client", self._serve(reader, writer))
        except Busy:
            self.turned[Turned.TOO_MANY] += 1
            writer.close()
        else:
            task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except TimeoutError:
            self.turned[Turned.TIMED_OUT] += 1
            writer.transport.abort()
        except asyncio.LimitOverrunError:
            self.turned[Turned.TOO_LARGE] += 1
        except (asyncio.IncompleteReadError, OSError):
            pass  # it went away
        finally:
            with contextlib.suppress(RuntimeError):  # the loop may be closing
                writer.close()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics" or method not in (b"GET", b"HEAD"):
            self.turned[Turned.NOT_FOUND] += 1
            return _response("404 Not Found", "text/plain", b"figures are at /metrics\n", is_whole=method != b"HEAD")
        return _response("200 OK", CONTENT_TYPE, exposition(self._figures()).encode(), is_whole=method == b"GET")


def _response(status: str, kind: str, body: bytes, *, is_whole: bool) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode("ascii") + (body if is_whole else b"")
