"""Two connections made one: bytes, ends, and an end that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bootstrap.splice import BUFFER, Splice
from bootstrap.traffic import Session
from idas_p2p.wire.ids import NodeId
from tests.bootstrap.relaying import until

A, B = (NodeId(bytes([number]) * 32) for number in (1, 2))
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unlimited(Session):
    """A session that never waits."""

    def spend(self, count: int) -> bool:
        self.carried += count
        return True


@asynccontextmanager
async def spliced(
    *, early: tuple[bytes, bytes] = (b"", b""), session: Session | None = None
) -> AsyncIterator[tuple[Stream, Stream, Splice, list[Splice]]]:
    """The two outer ends, the splice between them, and the splices that have ended."""
    inner: asyncio.Queue[asyncio.Transport] = asyncio.Queue(maxsize=2)

    class Taken(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            inner.put_nowait(transport)  # type: ignore[arg-type]

    server = await asyncio.get_running_loop().create_server(Taken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    one = await asyncio.open_connection("127.0.0.1", port)
    first = await inner.get()
    other = await asyncio.open_connection("127.0.0.1", port)
    second = await inner.get()
    ended: list[Splice] = []
    splice = Splice(session or Unlimited(A, B, ("*",)), on_ended=ended.append, clock=lambda: 0.0)
    splice.join(first, second, early=early)
    try:
        yield one, other, splice, ended
    finally:
        splice.abort()
        one[1].close()
        other[1].close()
        server.close()
        await until(lambda: bool(ended))


async def test_bytes_pass_in_both_directions_and_are_counted() -> None:
    async with spliced() as (one, other, splice, _):
        one[1].write(b"forth")
        assert await other[0].readexactly(5) == b"forth"
        other[1].write(b"back")
        assert await one[0].readexactly(4) == b"back"
        assert splice.session.carried == 9


async def test_what_had_come_before_is_passed_on_first() -> None:
    async with spliced(early=(b"early ", b"")) as (one, other, _, _):
        one[1].write(b"late")
        assert await other[0].readexactly(10) == b"early late"


async def test_one_direction_may_end_before_the_other() -> None:
    async with spliced() as (one, other, _, ended):
        one[1].write_eof()
        assert await other[0].read() == b""
        other[1].write(b"still")
        other[1].write_eof()
        assert await one[0].read() == b"still"
        await until(lambda: len(ended) == 1)


async def test_when_one_connection_is_lost_the_other_is_closed_after_what_had_come() -> None:
    async with spliced() as (one, other, _, ended):
        one[1].write(b"last words")
        await one[1].drain()
        one[1].close()
        assert await other[0].read() == b"last words"
        other[1].close()
        await until(lambda: len(ended) == 1)


async def test_an_end_that_does_not_read_makes_the_other_wait_and_little_is_held() -> None:
    async with spliced() as (one, other, splice, _):
        other[1].transport.pause_reading()
        one[1].transport.set_write_buffer_limits(high=0)
        sent = 0
        try:
            async with asyncio.timeout(0.3):
                while True:
                    one[1].write(bytes(65_536))
                    sent += 65_536
                    await one[1].drain()
        except TimeoutError:
            pass
        held = splice._ends[1].transport.get_write_buffer_size()
        assert held <= 3 * BUFFER
        other[1].transport.resume_reading()
        assert len(await other[0].readexactly(sent)) == sent


async def test_a_session_that_has_to_wait_is_read_again_when_it_may_go_on() -> None:
    session = Session(A, B, ("*",))
    session.allowance = 10.0
    async with spliced(session=session) as (one, other, splice, _):
        one[1].write(b"more than ten bytes")
        assert await other[0].readexactly(19) == b"more than ten bytes"
        assert session.is_held
        one[1].write(b"rest")
        session.allowance, session.is_held = 100.0, False
        splice.steer()
        assert await other[0].readexactly(4) == b"rest"
