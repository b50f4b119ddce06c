"""Ask the router for a port by UPnP IGD, the way that most home routers know.

Belongs here: the dialogue with the router, by async_upnp_client. Not here: when to ask (node/port_mapping.py).
Law: nobody is spoken to but the router: any machine on the network may answer the search and name any address.
Source: UPnP InternetGatewayDevice:1 and :2, WANIPConnection section 2.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping as AnyMapping
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any, Final
from urllib.parse import urlsplit

from async_upnp_client.aiohttp import AiohttpRequester
from async_upnp_client.client_factory import UpnpFactory
from async_upnp_client.exceptions import UpnpError
from async_upnp_client.profiles.igd import IgdDevice

from idas_p2p.transport.mapping import Mapping, Router, Transport
from idas_p2p.wire.address import Address

SEARCH_TIME: Final = 2  # seconds in which routers answer a search; UPnP Device Architecture section 1.3.2 (MX)
ANSWER_TIME: Final = 4  # seconds for one request to the router
DEADLINE: Final = 15.0  # seconds for all of it
MAX_PORTS_TRIED: Final = 4  # external ports, when the one wanted belongs to another machine
ANYBODY: Final = IPv4Address(0)
DESCRIPTION: Final = "idas"


class UpnpMapper:
    """Maps by UPnP.

    Args:
        router: to ask.
    """

    way = "upnp"

    def __init__(self, router: Router) -> None:
        self._router = router
        self._device: IgdDevice | None = None

    async def map(self, transport: Transport, port: int, *, external_port: int, lifetime: int) -> Mapping | None:
        """Ask; see Mapper."""
        try:
            async with asyncio.timeout(DEADLINE):
                if self._device is None:
                    self._device = await self._find()
                if self._device is None:
                    return None
                if not lifetime:
                    await self._device.async_delete_port_mapping(ANYBODY, external_port, transport.upper())
                    return None
                return await self._map(self._device, transport, port, external_port, lifetime)
        except (TimeoutError, OSError, UpnpError, ValueError):  # ValueError: what the router says makes no sense
            self._device = None
            return None

    async def _map(
        self, device: IgdDevice, transport: Transport, port: int, wanted: int, lifetime: int
    ) -> Mapping | None:
        host = IPv4Address(await device.async_get_external_ip_address() or "")
        for attempt in range(MAX_PORTS_TRIED):
            external = wanted + attempt
            try:
                await device.async_add_port_mapping(
                    ANYBODY,
                    external,
                    transport.upper(),
                    port,
                    IPv4Address(self._router.own_host),
                    True,
                    DESCRIPTION,
                    timedelta(seconds=lifetime),
                )
            except UpnpError:
                if attempt + 1 == MAX_PORTS_TRIED:
                    raise
                continue
            at = Address(str(host), external)
            return Mapping(way=self.way, transport=transport, port=port, external=at, lifetime=float(lifetime))
        return None

    async def _find(self) -> IgdDevice | None:
        answers = await IgdDevice.async_search(source=(self._router.own_host, 0), timeout=SEARCH_TIME)
        locations = {location for answer in answers if (location := description(answer, self._router))}
        for location in sorted(locations):
            device = await UpnpFactory(AiohttpRequester(ANSWER_TIME)).async_create_device(location)
            if IgdDevice.is_profile_device(device):
                return IgdDevice(device, None)
        return None


def description(answer: AnyMapping[str, Any], router: Router) -> str | None:
    """Where the router's description is, by an answer to the search; None when that names another machine."""
    location = str(answer.get("location", ""))
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    return location if parts.scheme == "http" and parts.hostname == router.host else None
