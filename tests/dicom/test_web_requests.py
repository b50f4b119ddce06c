from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
import uvloop
from aiohttp import web

from idas_p2p.dicom import web_requests
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.web_requests import WebService, WebSession, meaning
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable
from tests.dicom.web_service import answers, web_service
from tools.programs import free_port


async def body_of(service: WebService, bridge: Bridge) -> bytes:
    async with WebSession(service, bridge) as session, session.get("/studies", "text/plain") as (_, pieces):
        return b"".join([piece async for piece in pieces])


async def test_an_answer_comes_as_it_is(bridge: Bridge) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Accept"] == "text/plain"
        return web.Response(body=bytes(range(256)) * 4_000)

    async with web_service(handler) as url:
        assert await body_of(WebService(url=url + "/"), bridge) == bytes(range(256)) * 4_000


async def test_user_and_password_go_along_and_a_wrong_one_is_named(bridge: Bridge) -> None:
    async def handler(request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == "Basic aWRhczpzZXNhbWU="
        return web.Response(status=200 if known else 401)

    async with web_service(handler) as url:
        assert await body_of(WebService(url=url, user="idas", password="sesame"), bridge) == b""
        with pytest.raises(ArchiveFailed, match="another user name and password"):
            await body_of(WebService(url=url, user="idas", password="guess"), bridge)


def test_a_service_does_not_print_its_password() -> None:
    assert "sesame" not in repr(WebService(url="http://pacs", user="idas", password="sesame"))


async def test_a_redirect_is_not_followed(bridge: Bridge) -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with web_service(elsewhere) as other:

        async def handler(request: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(other + "/studies")

        async with web_service(handler) as url:
            with pytest.raises(ArchiveFailed, match="redirect"):
                await body_of(WebService(url=url, user="idas", password="sesame"), bridge)
    assert asked == []


async def test_nobody_there_is_unreachable(bridge: Bridge) -> None:
    with pytest.raises(ArchiveUnreachable):
        await body_of(WebService(url=f"http://127.0.0.1:{free_port()}"), bridge)


async def test_a_service_that_falls_silent_is_unreachable(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_requests, "DICOM_RESPONSE_TIMEOUT", 0.05)
    end = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some")
        await end.wait()
        return response

    async with web_service(handler) as url:
        with pytest.raises(ArchiveUnreachable):
            await body_of(WebService(url=url), bridge)
        end.set()


async def test_what_speaks_no_http_fails(bridge: Bridge) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1")
    async with server:
        with pytest.raises((ArchiveFailed, ArchiveUnreachable)):
            await body_of(WebService(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), bridge)


@pytest.mark.parametrize("status", [301, 403, 404, 406, 500, 503])
async def test_a_status_becomes_words_for_the_operator(bridge: Bridge, status: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text="secrets of the archive")

    async with web_service(handler) as url:
        with pytest.raises(ArchiveFailed) as raised:
            await body_of(WebService(url=url), bridge)
    assert raised.value.detail == meaning(status)


async def test_a_search_goes_on_page_by_page_until_nothing_new_comes(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_requests, "PAGE", 2)

    async def handler(request: web.Request) -> web.Response:
        offset, limit = (int(request.query[name]) for name in ("offset", "limit"))
        return answers(*({"0020000D": [f"1.{number}"]} for number in range(5)[offset : offset + limit]))

    async with web_service(handler) as url, WebSession(WebService(url=url), bridge) as session:
        found = session.search("/studies", [], key="StudyInstanceUID")
        assert [answer.text("StudyInstanceUID") async for answer in found] == [f"1.{number}" for number in range(5)]


async def test_a_service_without_pages_is_not_asked_for_ever(bridge: Bridge) -> None:
    async def handler(request: web.Request) -> web.Response:
        return answers({"0020000D": ["1.1"]}, {"0020000D": ["1.2"]})

    async with web_service(handler) as url, WebSession(WebService(url=url), bridge) as session:
        found = session.search("/studies", [], key="StudyInstanceUID")
        async with aclosing(found):
            assert [answer.text("StudyInstanceUID") async for answer in found] == ["1.1", "1.2"]


async def test_an_answer_to_a_search_is_bounded(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_requests, "MAX_PAGE_SIZE", 1_000)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b" " * 2_000)

    async with web_service(handler) as url, WebSession(WebService(url=url), bridge) as session:
        with pytest.raises(ArchiveFailed, match="too large"):
            await session.page("/studies", [])


def test_an_answer_that_ended_before_it_was_read_comes_whole_on_the_loop_of_a_node() -> None:
    async def read_late() -> bytes:
        read, body = asyncio.Event(), b""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begin ")
            await read.wait()
            await response.write(b"end")
            await response.write_eof()
            return response

        bridge = Bridge(threads=1)
        async with (
            web_service(handler) as url,
            WebSession(WebService(url=url), bridge) as session,
            session.get("/studies", "text/plain") as (_, pieces),
        ):
            async for piece in pieces:
                body += piece
                read.set()
                for _ in range(1_000):  # turns of the loop: the connection is closed meanwhile
                    await asyncio.sleep(0)
        await bridge.close()
        return body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(read_late(), 10)) == b"begin end"
