"""Connections through a real HTTP proxy: channels, relays, streams, and what is said when it refuses."""

from __future__ import annotations

import asyncio
import logging

import pytest

from idas_p2p.directory.carriage import GREETING
from idas_p2p.errors import PeerUnreachable, ProxyRefused
from idas_p2p.transport import proxied
from idas_p2p.transport.proxied import Proxied, way_out
from idas_p2p.transport.way import DIRECT
from idas_p2p.wire.address import Address
from idas_p2p.wire.http_proxy import HttpProxy
from tests.bootstrap.relaying import dial_through, relaying, waiting
from tests.transport.pairs import dial_bob, listening
from tests.transport.proxying import proxying
from tests.transport.test_dialer import closed_port, silent_host


async def test_a_channel_through_a_proxy_is_a_channel() -> None:
    async with proxying() as proxy, listening() as (_, address):
        channel = await dial_bob(address, way=Proxied(proxy.setting))
        assert channel.path == "direct"
        for size in (0, 1, 70_000, 1_000_000):
            await channel.send(bytes(size))
            assert await channel.receive() == bytes(size)
        await channel.close()
        assert proxy.asked == [str(address)]
        assert proxy.carried > 2_000_000


async def test_the_proxy_looks_names_up() -> None:
    async with proxying(names={"anna.clinic.invalid": "127.0.0.1"}) as proxy, listening() as (_, address):
        channel = await dial_bob(Address("anna.clinic.invalid", address.port), way=Proxied(proxy.setting))
        await channel.close()
        assert proxy.asked == [f"anna.clinic.invalid:{address.port}"]


async def test_a_node_behind_a_proxy_waits_at_a_relay_and_is_reached_through_both() -> None:
    async with proxying() as near, proxying() as far, relaying() as relay:
        async with waiting(relay.contact, way=Proxied(far.setting)) as reservation:
            assert reservation.offer is not None
            channel = await dial_through(reservation.offer, way=Proxied(near.setting))
            await channel.send(b"through three")
            assert await channel.receive() == b"through three"
            await channel.close()
        assert near.asked == [str(relay.address)]
        assert far.asked == [str(relay.address)] * 2  # the link, and the answer


async def test_a_stream_has_what_came_with_the_answer() -> None:
    async with proxying(answer=b"HTTP/1.1 200 OK\r\n\r\nat once") as proxy:
        reader, writer = await Proxied(proxy.setting).open_stream("relay.invalid", 443)
        writer.write(GREETING)
        assert await reader.read() == b"at once"
        writer.close()


async def test_a_proxy_that_wants_a_password_gets_it() -> None:
    async with proxying(user="anna", password="geheim") as proxy, listening() as (_, address):
        known = HttpProxy(proxy.setting.address, "anna", "geheim")
        channel = await dial_bob(address, way=Proxied(known))
        await channel.close()


REFUSALS = [
    (
        b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
        "",
        r"\(407\): set proxy = .http://USER:PASSWORD@",
    ),
    (b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=x\r\n\r\n", "anna", r"does not take name and password .*407"),
    (b"HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM\r\n\r\n", "", r"wants ntlm \(407\): ask its administrator .* Basic"),
    (b"HTTP/1.1 403 Forbidden\r\n\r\n<html>", "", r"\(403\): ask its administrator to allow CONNECT to port 443"),
    (
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        "",
        r"did not reach relay.invalid:443 \(502\): check that a node listens there",
    ),
    (
        b"HTTP/1.1 301 Moved\r\nLocation: x\r\n\r\n",
        "",
        r"answered 301 to CONNECT: check \[network\] proxy in node.toml",
    ),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "", "is no HTTP proxy"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000, "", "is no HTTP proxy"),
    (b"HTTP/1.1 ", "", "closed the connection without an answer"),
]


@pytest.mark.parametrize(("answer", "user", "advice"), REFUSALS, ids=[advice[:30] for _, _, advice in REFUSALS])
async def test_a_refusal_says_what_to_do(answer: bytes, user: str, advice: str) -> None:
    async with proxying(answer=answer) as proxy:
        way = Proxied(HttpProxy(proxy.setting.address, user, "geheim" if user else ""))
        with pytest.raises(ProxyRefused, match=advice) as refused:
            await way.connect(Address("relay.invalid", 443))
        assert "geheim" not in refused.value.detail
        assert way.refusal == refused.value.detail
        with pytest.raises(OSError, match=advice):
            await way.open_stream("relay.invalid", 443)


async def test_a_target_that_nobody_serves_is_told_from_a_proxy_that_is_not_there() -> None:
    async with proxying() as proxy:
        with pytest.raises(PeerUnreachable, match="did not reach"):
            await dial_bob(closed_port(), way=Proxied(proxy.setting))
    with pytest.raises(PeerUnreachable, match=r"cannot be reached \(Connection refused\): check"):
        await dial_bob(closed_port(), way=Proxied(HttpProxy(closed_port())))


async def test_a_proxy_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxied, "TUNNEL_TIMEOUT", 0.02)
    async with silent_host() as address:
        with pytest.raises(ProxyRefused, match="did not answer in time"):
            await Proxied(HttpProxy(address)).connect(Address("relay.invalid", 443))


async def test_a_refusal_is_logged_once_with_the_next_step_and_no_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="idas_p2p")
    async with proxying(user="anna", password="another") as proxy:
        way = Proxied(HttpProxy(proxy.setting.address, "anna", "geheim"))
        for _ in range(3):
            with pytest.raises(ProxyRefused):
                await way.connect(Address("relay.invalid", 443))
    (logged,) = [record for record in caplog.records if record.getMessage() == "proxy_refused"]
    assert logged.__dict__["fields"]["reason"] == "407"
    assert "node.toml" in logged.__dict__["fields"]["next_step"]
    assert "geheim" not in repr([record.__dict__ for record in caplog.records])


def test_without_a_proxy_the_way_is_direct() -> None:
    assert way_out(None) is DIRECT
    assert DIRECT.is_direct
    assert not way_out(HttpProxy(Address("192.0.2.1", 80))).is_direct


async def test_what_a_cancelled_dial_opened_is_closed() -> None:
    async with silent_host() as address:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await Proxied(HttpProxy(address)).connect(Address("relay.invalid", 443))
