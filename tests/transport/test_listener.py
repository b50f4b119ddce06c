"""Accepting channels: who comes in, who is refused by which name, and what strangers can cost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.crypto.handshake import Refusal
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import BadConfiguration, ChannelClosed, HandshakeFailed
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.framing import frame_header
from idas_p2p.transport.gate import Gate
from idas_p2p.transport.listener import Anybody
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from tests.transport.pairs import dial_bob, listening, raw_pair, until


async def stranger(address: Address, data: bytes, *, waits: bool = True) -> bytes:
    """Send these bytes to a listener and wait, or say that this was all; return what comes back until it hangs up."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(data)
        if not waits:
            writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def still_serves(address: Address) -> None:
    channel = await dial_bob(address)
    await channel.send(b"hello")
    assert await channel.receive() == b"hello"
    await channel.close()


async def test_an_accepted_channel_is_served() -> None:
    async with listening() as (_, address):
        await still_serves(address)


async def test_the_ipv6_wildcard_serves_both_families_and_sees_plain_addresses() -> None:
    seen: list[Address] = []

    async def look(channel: Channel) -> None:
        seen.append(channel.remote)

    async with listening(address=Address("::", 0), on_channel=look) as (_, address):
        for host in ("127.0.0.1", "::1"):
            await (await dial_bob(Address(host, address.port))).close()
    assert [remote.host for remote in seen] == ["127.0.0.1", "::1"]


async def test_an_unknown_psk_is_refused_at_the_dialer_at_once() -> None:
    async with listening() as (listener, address):
        with pytest.raises(HandshakeFailed):
            await dial_bob(address, psk=Psk(b"no such!", bytes(32)), timeout=60.0)
        assert listener.refusals == {Refusal.UNKNOWN_PSK: 1}


async def test_a_psk_with_the_right_name_and_another_key_is_refused() -> None:
    async with listening() as (listener, address):
        with pytest.raises(HandshakeFailed):
            await dial_bob(address, psk=Psk(b"federati", bytes(32)))
        assert listener.refusals == {Refusal.BAD_PROOF: 1}


async def test_a_peer_that_is_not_admitted_is_refused() -> None:
    async with listening(admits=lambda *_: False) as (listener, address):
        with pytest.raises(HandshakeFailed):
            await dial_bob(address)
        assert listener.refusals == {Refusal.NOT_ADMITTED: 1}


async def test_a_refusal_tells_a_stranger_nothing() -> None:
    async with listening() as (_, address):
        assert await stranger(address, frame_header(100) + bytes(100)) == b""


async def test_whoever_says_too_little_is_cut_off_at_the_deadline() -> None:
    async with listening(handshake_timeout=0.02) as (listener, address):
        assert await stranger(address, b"\0") == b""
        assert listener.refusals == {Refusal.TIMED_OUT: 1}


async def test_a_frame_larger_than_a_handshake_needs_is_refused_when_announced() -> None:
    async with listening() as (listener, address):
        assert await stranger(address, frame_header(257)) == b""
        assert listener.refusals == {Refusal.BAD_HELLO: 1}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_from_a_stranger_leave_the_listener_serving(data: bytes) -> None:
    async def scenario() -> None:
        async with listening() as (_, address):
            await stranger(address, data, waits=False)
            await still_serves(address)

    asyncio.run(scenario())


async def test_half_open_connections_are_limited_and_the_refused_one_is_dropped_at_once() -> None:
    async with listening(gate=Gate(max_half_open=1)) as (listener, address):
        _, idle = await asyncio.open_connection(address.host, address.port)
        assert await stranger(address, b"") == b""
        assert listener.refusals == {Refusal.TOO_MANY_HALF_OPEN: 1}
        idle.close()
        await idle.wait_closed()
        await until(lambda: not listener.gate.half_open)
        await still_serves(address)


async def test_channels_are_limited_by_the_gate_and_by_the_owner_of_tasks() -> None:
    for options in ({"gate": Gate(max_channels=1)}, {"owner": TaskOwner(limit=1)}):
        async with listening(**options) as (listener, address):
            first = await dial_bob(address)
            with pytest.raises(HandshakeFailed):
                await dial_bob(address)
            assert listener.refusals == {Refusal.TOO_MANY_CHANNELS: 1}
            await first.close()


async def test_one_peer_has_a_bounded_number_of_channels() -> None:
    async with listening(gate=Gate(max_channels_per_peer=1)) as (listener, address):
        first = await dial_bob(address)
        with pytest.raises(HandshakeFailed):
            await dial_bob(address)
        assert listener.refusals == {Refusal.TOO_MANY_FROM_PEER: 1}
        await first.close()
        await until(lambda: not listener.gate.channels)
        await still_serves(address)


async def test_a_channel_is_closed_when_its_handler_returns_or_fails() -> None:
    async def nothing(_channel: Channel) -> None: ...

    async def failure(_channel: Channel) -> None:
        raise ZeroDivisionError

    for handler in (nothing, failure):
        async with listening(on_channel=handler) as (_, address):
            channel = await dial_bob(address)
            with pytest.raises(ChannelClosed):
                await channel.receive()
            await channel.close()


async def test_stopping_ends_channels_and_half_open_connections() -> None:
    async with listening() as (listener, address):
        channel = await dial_bob(address)
        _, idle = await asyncio.open_connection(address.host, address.port)
        await until(lambda: bool(listener.gate.half_open))
        await listener.stop()
        with pytest.raises(ChannelClosed):
            await channel.receive()
        await channel.close()
        idle.close()
        await asyncio.gather(idle.wait_closed(), return_exceptions=True)


async def test_a_connection_whose_task_never_began_is_not_left_open() -> None:
    async with listening() as (listener, _), raw_pair() as (one, other):
        listener.take(other, path="direct")
        await listener.stop()
        with pytest.raises(ChannelClosed):
            await one.receive()


async def test_a_graceful_stop_lets_a_channel_finish() -> None:
    async def one_question(channel: Channel) -> None:
        await channel.send(await channel.receive())

    async with listening(on_channel=one_question) as (listener, address):
        channel = await dial_bob(address)
        stopping = asyncio.gather(listener.stop(grace=60.0))
        await asyncio.sleep(0)
        await channel.send(b"in flight")
        assert await channel.receive() == b"in flight"
        await channel.close()
        await stopping


async def test_an_address_in_use_is_a_configuration_error_that_names_it() -> None:
    async with listening() as (listener, address):
        with pytest.raises(BadConfiguration, match=str(address.port)):
            await listener.start(address)


class Wary(Anybody):
    """Lets one address try so many keys, and remembers what came of it."""

    def __init__(self, tries: int) -> None:
        self.left, self.told = tries, list[tuple[str, Purpose, bool]]()
        self.refusals = list[tuple[Refusal, Purpose | None]]()

    def may_try(self, host: str, purpose: Purpose) -> bool:
        return self.left > 0

    def tried(self, host: str, purpose: Purpose, *, is_right: bool) -> None:
        self.left -= 1
        self.told.append((host, purpose, is_right))

    def refused(self, host: str, refusal: Refusal, purpose: Purpose | None) -> None:
        self.refusals.append((refusal, purpose))


async def test_who_tries_keys_is_told_of_and_is_answered_as_before_when_it_may_try_no_more() -> None:
    wary = Wary(tries=2)
    async with listening(strangers=wary) as (listener, address):
        await still_serves(address)
        for _ in range(2):
            with pytest.raises(HandshakeFailed):
                await dial_bob(address, psk=Psk(psk_id=bytes(8), key=bytes(32)))
        with pytest.raises(HandshakeFailed):  # the right key, and too late
            await dial_bob(address)
        await until(lambda: listener.refusals[Refusal.UNKNOWN_PSK] == 3)
    assert [is_right for _, _, is_right in wary.told] == [True, False]
    assert [refusal for refusal, _ in wary.refusals] == [Refusal.UNKNOWN_PSK] * 3
    assert wary.refusals[-1][1] is None  # nobody looked for the purpose of whoever may try no more
