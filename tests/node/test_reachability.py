"""What follows from dial-backs: which addresses are told to others, and whether this node can be reached at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from idas_p2p.node.reachability import INTERVAL, LOOK_INTERVAL, RETRY, Reachability
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from tests.directory.network import ManualClock

PUBLIC, MAPPED, PRIVATE = Address("203.0.113.7", 7_000), Address("203.0.113.7", 40_000), Address("192.168.1.10", 7_000)


@dataclass
class Router:
    """Helpers outside a router that lets connections to some ports through to the node."""

    host: str = PUBLIC.host
    passes: set[int] = field(default_factory=set)
    asked: int = 0
    willing: bool = True
    arrive: Callable[[Purpose, bytes], bytes | None] = lambda purpose, psk_id: None

    async def dial_back(self, port: int, nonce: bytes) -> Address | None:
        self.asked += 1
        if self.willing and port in self.passes:
            assert self.arrive(Purpose.CONTROL, nonce) is None
        return Address(self.host, port) if self.willing else None


@dataclass
class Site:
    """A node behind such a router."""

    routers: list[Router]
    ports: tuple[int, ...] = (7_000,)
    situation: str = "home"
    clock: ManualClock = field(default_factory=ManualClock)
    verdicts: list[bool] = field(default_factory=list)

    def reachability(self) -> Reachability:
        made = Reachability(
            lambda: self.routers,
            ports=lambda: self.ports,
            situation=lambda: self.situation,
            on_verdict=self.verdicts.append,
            clock=self.clock,
            patience=0.01,
        )
        for router in self.routers:
            router.arrive = made.watching(lambda purpose, psk_id: None)
        return made


async def test_an_address_is_reachable_once_one_nonce_has_arrived_there() -> None:
    site = Site([Router(), Router(passes={7_000})])
    reachability = site.reachability()
    assert await reachability.test()
    assert (reachability.verdicts, reachability.is_reachable, site.verdicts) == ({PUBLIC: True}, True, [True])


async def test_an_address_tried_in_vain_is_told_to_nobody_and_private_ones_still_are() -> None:
    site = Site([Router(passes={40_000})], ports=(7_000, 40_000))
    reachability = site.reachability()
    await reachability.test()
    assert reachability.publishable([PRIVATE, PUBLIC, MAPPED]) == (MAPPED, PRIVATE)


async def test_behind_a_router_that_lets_nothing_in_the_node_is_not_reachable() -> None:
    site = Site([Router(), Router()])
    reachability = site.reachability()
    await reachability.test()
    assert (reachability.is_reachable, site.verdicts) == (False, [False])


async def test_nothing_is_known_where_nobody_dials_back() -> None:
    site = Site([Router(willing=False)])
    reachability = site.reachability()
    assert not await reachability.test()
    assert (reachability.is_reachable, site.verdicts) == (None, [])
    assert reachability.publishable([PUBLIC, PRIVATE]) == (PUBLIC, PRIVATE)


async def test_a_nonce_that_was_never_sent_proves_nothing() -> None:
    site = Site([Router()])
    reachability = site.reachability()
    assert reachability.watching(lambda purpose, psk_id: b"key")(Purpose.CONTROL, b"nonce 01") == b"key"
    await reachability.test()
    assert reachability.is_reachable is False


async def test_the_test_is_repeated_when_the_network_changes_and_after_a_while() -> None:
    router = Router(passes={7_000})
    site = Site([router])
    reachability = site.reachability()
    for expected in (1, 1):
        assert await reachability.turn() == LOOK_INTERVAL
        assert router.asked == expected
    site.situation = "elsewhere"
    await reachability.turn()
    assert router.asked == 2
    site.clock.advance(INTERVAL)
    await reachability.turn()
    assert router.asked == 3


async def test_where_nobody_dialled_back_others_are_asked_sooner() -> None:
    router = Router(willing=False)
    site = Site([router])
    reachability = site.reachability()
    await reachability.turn()
    site.clock.advance(RETRY)
    await reachability.turn()
    assert router.asked == 2
