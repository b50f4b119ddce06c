"""By what this node can be reached: its own addresses, those others see, and what they found when they dialled back.

Belongs here: joining what the parts know into one list. Not here: which addresses a machine has (addresses.py), the
testing (reachability.py), ports of the router (port_mapping.py), relays (relays.py), connections that two nodes open at
the same moment (meetings.py) or by UDP (webrtc.py).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterator, Sequence

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.exchange.meets import Meets
from idas_p2p.node.addresses import MAX_ADVERTISED, advertised, interface_addresses
from idas_p2p.node.meetings import Meetings
from idas_p2p.node.port_mapping import PortMapping
from idas_p2p.node.reachability import Helper, Reachability
from idas_p2p.node.relays import Relays
from idas_p2p.node.roaming import Roaming
from idas_p2p.node.webrtc import Hosts, WebRtc
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dial_back import DialBackServer
from idas_p2p.transport.mapping import Transport
from idas_p2p.transport.race import interleave
from idas_p2p.transport.reservation import Take
from idas_p2p.transport.way import DIRECT, Way
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import Membership


class Whereabouts:
    """What to tell others about where this node is.

    Args:
        identity: ours.
        configured: addresses by the operator; told as they are.
        directory: shows how others see us, and has them dial back.
        relays: bootstrap nodes at which to wait to be reached, and which tell how UDP sockets are seen.
        take: serves a connection on which another node dials us, and the name of its path.
        memberships: what shows that we belong to federations, for relays that serve members alone.
        way: how connections leave this machine.
        maps_ports: whether to ask the router for a port.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        configured: tuple[Address, ...],
        directory: Directory,
        *,
        relays: Callable[[], Sequence[Contact]] = lambda: (),
        take: Take,
        memberships: Callable[[], Sequence[Membership]] = lambda: (),
        way: Way = DIRECT,
        maps_ports: bool = True,
        clock: Clock,
    ) -> None:
        self._identity, self._configured, self._directory, self._way = identity, configured, directory, way
        self.relays = Relays(identity, relays, take=take, memberships=memberships, way=way, clock=clock)
        self.meetings = Meetings(self.seen_as if way.is_direct else tuple, take=take, clock=clock)
        self.webrtc = WebRtc(self._hosts, relays, take=take, clock=clock)
        self.openers = (self.meetings, self.webrtc)  # best first
        self.meets = Meets(tcp=self.meetings.answer, udp=self.webrtc.answer)
        self.port_mapping = PortMapping(enabled=maps_ports, interfaces=interface_addresses, clock=clock)
        self.roaming = Roaming(interface_addresses)
        self.roaming.on_change.append(self.relays.check)
        self._bound = Address("0.0.0.0", 0)  # noqa: S104  # until started
        self.reachability = Reachability(
            self._helpers,
            ports=self._ports,
            situation=lambda: (self._candidates(), self._ports()),
            on_verdict=directory.dial_backs.serve,
            clock=clock,
        )

    def start(self, bound: Address, *, tasks: TaskOwner) -> None:
        """Begin, once the directory has started; others who ask are dialled back from now on.

        Args:
            bound: what the node listens on.
            tasks: owns the dials.
        """
        self._bound = bound
        if bound.is_wildcard or not ipaddress.ip_address(bound.host).is_loopback:
            self.port_mapping.port = bound.port
        self._directory.dial_backs.offer(DialBackServer(self._identity, tasks=tasks, way=self._way).accept)

    def turns(self) -> Iterator[tuple[str, Callable[[], Awaitable[float]]]]:
        """What is to be repeated while the node runs, by name."""
        yield "port_mapping", self.port_mapping.turn
        yield "reachability", self.reachability.turn
        yield "relays", self.relays.turn
        yield "roaming", self.roaming.turn

    async def stop(self) -> None:
        """Leave the relays and give back what the router granted; the turns have ended."""
        await self.relays.stop()
        await self.meetings.stop()
        await self.webrtc.stop()
        await self.port_mapping.stop()

    def addresses(self) -> tuple[Address, ...]:
        """Where other nodes can dial this one, best first."""
        if self._configured:
            return self._candidates()
        return self.reachability.publishable(self._candidates())[:MAX_ADVERTISED]

    def seen_as(self) -> list[str]:
        """Our IP addresses as others see us, by TCP first."""
        seen = (self.relays.observed(), self._directory.observed_address())
        return list(dict.fromkeys(address.host for address in seen if address is not None))

    def _hosts(self) -> Hosts:
        """Where UDP sockets are opened, both IP families in turn; others are told what they are told anyway."""
        if self._directory.status().is_carried:
            return Hosts((), frozenset())
        usable = advertised(configured=(), bound=self._bound, interfaces=interface_addresses(), observed=None)
        return Hosts([one.host for one in interleave(usable)], frozenset(one.host for one in self.addresses()))

    def _helpers(self) -> list[Helper]:
        """Who may be asked to dial us back: contacts that see our datagrams come from us, else relays."""
        contacts: list[Helper] = [*self._directory.dial_backs.choose()]
        return contacts or [*(self.relays.helpers() if self._way.is_direct else ())]

    def _candidates(self) -> tuple[Address, ...]:
        own = advertised(
            configured=self._configured,
            bound=self._bound,
            interfaces=interface_addresses(),
            observed=self._directory.observed_address() or (self.relays.observed() if self._way.is_direct else None),
        )
        mapped = self.port_mapping.mappings.get(Transport.TCP)
        if mapped is None or self._configured:
            return own
        return tuple(dict.fromkeys((mapped.external, *own)))

    def _ports(self) -> tuple[int, ...]:
        """The ports others may try: ours, and the router's that leads to it."""
        mapped = self.port_mapping.mappings.get(Transport.TCP)
        return tuple(dict.fromkeys((self._bound.port, *([mapped.external.port] if mapped else []))))
