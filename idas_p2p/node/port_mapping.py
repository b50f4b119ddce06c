"""Ports that the router opens for this node: asked for, renewed, given back at the end.

Belongs here: when to ask, in which order, what is in force. Not here: how one asks (transport/).
Source: docs/spec/transport.md section 9.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.events import log_event
from idas_p2p.transport.mapping import LIFETIME, Mapper, Mapping, Router, Transport, find_router
from idas_p2p.transport.router_port import NatPmpMapper, PcpMapper
from idas_p2p.transport.upnp import UpnpMapper

RETRY: Final = 300.0  # seconds until a router that granted nothing is asked again; ours
LOOK_INTERVAL: Final = 5.0  # seconds between looks whether something is due or the network is another; ours
END_TIMEOUT: Final = 2.0  # seconds for giving everything back when the node stops; ours


def ways(router: Router) -> list[Mapper]:
    """Every way of asking, the quickest to fail first."""
    return [PcpMapper(router), NatPmpMapper(router), UpnpMapper(router)]


class PortMapping:
    """Keeps our port mapped.

    Args:
        enabled: whether the operator wants it.
        interfaces: IP addresses of this machine.
        clock: the time.
        find_router: the router in front of this machine, or None.
        ways: every way of asking it.
    """

    def __init__(
        self,
        *,
        enabled: bool,
        interfaces: Callable[[], Iterable[str]],
        clock: Clock,
        find_router: Callable[[], Router | None] = find_router,
        ways: Callable[[Router], Sequence[Mapper]] = ways,
    ) -> None:
        self._enabled, self._interfaces, self._clock = enabled, interfaces, clock
        self._find_router, self._ways = find_router, ways
        self._router: Router | None = None
        self._mappers: Sequence[Mapper] = ()
        self._due = 0.0  # monotonic seconds
        self.port = 0  # ours; 0 until known
        self.mappings: dict[Transport, Mapping] = {}

    async def turn(self) -> float:
        """Ask or renew when it is due; return seconds until the next turn."""
        if not self._enabled or not self.port:
            return LOOK_INTERVAL
        router = self._find_router() if _is_behind_router(self._interfaces()) else None
        if router != self._router:
            self._router, self._due = router, 0.0
            self.mappings.clear()
            self._mappers = self._ways(router) if router else ()
        if self._mappers and self._clock.monotonic() >= self._due:
            await self._renew()
        return LOOK_INTERVAL

    async def _renew(self) -> None:
        before = self.mappings.get(Transport.TCP)
        for mapper in sorted(self._mappers, key=lambda one: before is None or one.way != before.way):
            mapping = await mapper.map(
                Transport.TCP,
                self.port,
                external_port=before.external.port if before else self.port,
                lifetime=LIFETIME,
            )
            if mapping is None:
                continue
            found = {Transport.TCP: mapping}
            datagrams = await mapper.map(
                Transport.UDP, self.port, external_port=mapping.external.port, lifetime=LIFETIME
            )  # so that the directory can be reached at the same port
            if datagrams is not None:
                found[Transport.UDP] = datagrams
            if before is None or before.external != mapping.external:
                log_event("port_mapped", path=mapping.way)
            self.mappings = found
            self._due = self._clock.monotonic() + min(one.lifetime for one in found.values()) / 2
            return
        self.mappings, self._due = {}, self._clock.monotonic() + RETRY

    async def stop(self) -> None:
        """Give the ports back, as far as the router answers in time."""
        mappings, self.mappings, self._enabled = self.mappings, {}, False
        try:
            async with asyncio.timeout(END_TIMEOUT):
                for mapping in mappings.values():
                    mapper = next(one for one in self._mappers if one.way == mapping.way)
                    await mapper.map(mapping.transport, mapping.port, external_port=mapping.external.port, lifetime=0)
        except TimeoutError:
            log_event("port_mapping_left", reason="timeout")


def _is_behind_router(interfaces: Iterable[str]) -> bool:
    """Whether no IPv4 address of this machine is one that the Internet routes."""
    return not any(_is_public_ipv4(text) for text in interfaces)


def _is_public_ipv4(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text).is_global
    except ValueError:
        return False
