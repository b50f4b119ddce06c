"""The address for Prometheus: what it answers is parsed by Prometheus' own library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bootstrap import metrics
from bootstrap.figures import Figure, Kind, Turned
from bootstrap.metrics import CONTENT_TYPE, MAX_CLIENTS, MAX_REQUEST, MetricsServer, exposition
from idas_p2p.wire.address import Address
from tests.bootstrap.relaying import until

FIGURES = (
    Figure("relay_sessions", Kind.GAUGE, "Streams carried now.", 3),
    Figure("relay_refusals_total", Kind.COUNTER, "Requests refused.", {"full": 2.0, "too_often": 0.0}),
    Figure("process_cpu_seconds_total", Kind.COUNTER, "Processor time in seconds.", 1.25),
)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[MetricsServer, Address]]:
    server = MetricsServer(lambda: FIGURES)
    try:
        yield server, await server.start(Address("127.0.0.1", 0))
    finally:
        await server.stop()


async def ask(address: Address, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer, up to the end of the connection."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return head, body
    except ConnectionError:
        return b"", b""
    finally:
        writer.close()


def test_the_text_is_what_prometheus_reads() -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposition(FIGURES))}
    assert {name: family.type for name, family in families.items()} == {
        "idas_relay_sessions": "gauge", "idas_relay_refusals": "counter", "process_cpu_seconds": "counter",
    }  # fmt: skip
    assert families["idas_relay_sessions"].documentation == "Streams carried now."
    assert [(s.name, s.labels, s.value) for s in families["idas_relay_refusals"].samples] == [
        ("idas_relay_refusals_total", {"reason": "full"}, 2.0),
        ("idas_relay_refusals_total", {"reason": "too_often"}, 0.0),
    ]
    assert families["process_cpu_seconds"].samples[0].value == 1.25


async def test_a_scrape_gets_the_figures_and_their_type() -> None:
    async with serving() as (_, address):
        head, body = await ask(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert f"Content-Type: {CONTENT_TYPE}".encode() in head
        assert f"Content-Length: {len(body)}".encode() in head
        assert body.decode() == exposition(FIGURES)


async def test_a_head_request_gets_no_body() -> None:
    async with serving() as (_, address):
        head, body = await ask(address, b"HEAD /metrics HTTP/1.1\r\n\r\n")
        assert (head[:13], body) == (b"HTTP/1.1 200 ", b"")


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"POST /metrics HTTP/1.1", b"\x16\x03\x01"], ids=repr)
async def test_anything_else_is_not_found_and_counted(line: bytes) -> None:
    async with serving() as (server, address):
        head, _ = await ask(address, line + b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404 ")
        assert server.turned == {Turned.NOT_FOUND: 1}


async def test_a_request_without_an_end_is_cut_at_a_bound() -> None:
    async with serving() as (server, address):
        await ask(address, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * MAX_REQUEST)
        assert server.turned == {Turned.TOO_LARGE: 1}


async def test_who_asks_byte_by_byte_is_cut_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REQUEST_TIMEOUT", 0.02)
    async with serving() as (server, address):
        assert await ask(address, b"GET /met") == (b"", b"")
        assert server.turned == {Turned.TIMED_OUT: 1}


async def test_clients_at_once_are_bounded() -> None:
    async with serving() as (server, address):
        silent = [await asyncio.open_connection(address.host, address.port) for _ in range(MAX_CLIENTS + 1)]
        await until(lambda: server.turned == {Turned.TOO_MANY: 1})
        for _, writer in silent:
            writer.close()
