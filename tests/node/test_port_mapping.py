"""When a router is asked for ports, which way wins, and that they are given back."""

from __future__ import annotations

from dataclasses import dataclass, field

from idas_p2p.node.port_mapping import RETRY, PortMapping
from idas_p2p.transport.mapping import Mapping, Router, Transport
from idas_p2p.wire.address import Address
from tests.directory.network import ManualClock

HOME, CAFE = Router("192.168.1.1", "192.168.1.10"), Router("10.0.0.1", "10.0.0.7")


@dataclass
class Way:
    """A way of asking that grants what it is told to, and remembers what was asked."""

    way: str
    grants: bool = True
    asked: list[tuple[Transport, int]] = field(default_factory=list)  # and for how many seconds

    async def map(self, transport: Transport, port: int, *, external_port: int, lifetime: int) -> Mapping | None:
        self.asked.append((transport, lifetime))
        if not self.grants or not lifetime:
            return None
        external = Address("203.0.113.7", external_port)
        return Mapping(way=self.way, transport=transport, port=port, external=external, lifetime=600.0)


@dataclass
class Machine:
    ways: list[Way]
    router: Router | None = HOME
    interfaces: tuple[str, ...] = ("127.0.0.1", "192.168.1.10", "02:42:ac:11:00:02")
    clock: ManualClock = field(default_factory=ManualClock)

    def port_mapping(self, *, enabled: bool = True) -> PortMapping:
        made = PortMapping(
            enabled=enabled,
            interfaces=lambda: self.interfaces,
            clock=self.clock,
            find_router=lambda: self.router,
            ways=lambda router: self.ways,
        )
        made.port = 7_000
        return made


def asked(*ways: Way) -> list[int]:
    return [len(way.asked) for way in ways]


async def test_the_first_way_that_works_maps_both_transports() -> None:
    pcp, nat_pmp, upnp = Way("pcp", grants=False), Way("nat-pmp"), Way("upnp")
    mapping = Machine([pcp, nat_pmp, upnp]).port_mapping()
    await mapping.turn()
    assert mapping.mappings[Transport.TCP].external == Address("203.0.113.7", 7_000)
    assert mapping.mappings[Transport.UDP].way == "nat-pmp"
    assert asked(pcp, nat_pmp, upnp) == [1, 2, 0]


async def test_a_mapping_is_renewed_at_half_of_its_lifetime_by_the_way_that_worked() -> None:
    pcp, nat_pmp = Way("pcp", grants=False), Way("nat-pmp")
    machine = Machine([pcp, nat_pmp])
    mapping = machine.port_mapping()
    await mapping.turn()
    machine.clock.advance(299)
    await mapping.turn()
    assert asked(pcp, nat_pmp) == [1, 2]
    machine.clock.advance(1)
    await mapping.turn()
    assert asked(pcp, nat_pmp) == [1, 4]


async def test_a_router_that_grants_nothing_is_asked_again_much_later() -> None:
    way = Way("pcp", grants=False)
    machine = Machine([way])
    mapping = machine.port_mapping()
    for pause, expected in ((RETRY - 1, 1), (1, 1), (0, 2)):
        await mapping.turn()
        assert asked(way) == [expected]
        machine.clock.advance(pause)


async def test_in_another_network_the_old_mapping_is_forgotten_and_the_new_router_asked() -> None:
    way = Way("pcp")
    machine = Machine([way])
    mapping = machine.port_mapping()
    await mapping.turn()
    machine.router, way.grants = CAFE, False
    await mapping.turn()
    assert (mapping.mappings, asked(way)) == ({}, [3])


async def test_nobody_is_asked_by_a_machine_with_a_public_address_or_when_the_operator_forbids_it() -> None:
    way = Way("pcp")
    await Machine([way], interfaces=("8.8.8.8", "192.168.1.10")).port_mapping().turn()
    await Machine([way]).port_mapping(enabled=False).turn()
    await Machine([way], router=None).port_mapping().turn()
    assert asked(way) == [0]


async def test_what_was_granted_is_given_back_at_the_end() -> None:
    way = Way("pcp")
    mapping = Machine([way]).port_mapping()
    await mapping.turn()
    await mapping.stop()
    assert way.asked[2:] == [(Transport.TCP, 0), (Transport.UDP, 0)]
    assert mapping.mappings == {}
