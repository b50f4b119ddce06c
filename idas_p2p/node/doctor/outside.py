"""The way out: each bootstrap node, by UDP and by TCP, and what the network address translation in between does.

Belongs here: asking bootstrap nodes, as a client under a key made for the question. Not here: what the running node
knows of itself (running.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.doctor.findings import Finding, found, good
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.observed import observed_as
from idas_p2p.transport.proxied import Proxied, way_out
from idas_p2p.transport.way import Way
from idas_p2p.wire.address import Address, Contact

PATIENCE: Final = 8.0  # seconds for a bootstrap node to answer by UDP, or else by TCP; ours
CONNECT_TIMEOUT: Final = 4.0  # seconds; ours
MAX_EXAMINED: Final = 8  # bootstrap nodes; ours


async def examine_outside(config: NodeConfig, *, clock: Clock, patience: float = PATIENCE) -> list[Finding]:
    """Every configured bootstrap node, each given `patience` seconds, and the NAT before this machine."""
    contacts = config.bootstrap[:MAX_EXAMINED]
    if not contacts:
        return [found("bootstrap", "no_bootstrap", "none is named in node.toml")]
    way = way_out(config.proxy)
    looks = (examine_bootstrap(contact, way=way, clock=clock, patience=patience) for contact in contacts)
    findings = await asyncio.gather(*looks)
    return [*findings, *await examine_nat([contact.address for contact in contacts])]


async def examine_bootstrap(contact: Contact, *, way: Way, clock: Clock, patience: float = PATIENCE) -> Finding:
    """Whether a bootstrap node answers within `patience` seconds, as who it is named, and how."""
    part = f"bootstrap {contact.address}"
    try:
        await asyncio.get_running_loop().getaddrinfo(contact.address.host, contact.address.port)
    except OSError:
        return found(part, "bootstrap_unknown_host", f"the name {contact.address.host} cannot be resolved")
    joined, is_carried = await _join(contact, way=way, clock=clock, patience=patience)
    if joined:
        by_tcp = "no UDP gets through, TCP does"
        return found(part, "udp_blocked", by_tcp) if is_carried else good(part, "answers by UDP")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await way.open_stream(contact.address.host, contact.address.port)
        writer.close()
    except (OSError, TimeoutError):
        if isinstance(way, Proxied) and way.refusal:
            return found(part, "proxy_refuses", way.refusal)
        return found(part, "bootstrap_silent", "no answer by UDP or TCP")
    return found(part, "bootstrap_not_as_named", "something listens there, but not under the ID that node.toml gives")


async def examine_nat(servers: Sequence[Address]) -> list[Finding]:
    """What becomes of this machine's UDP address on the way to others; nothing where less than two can tell."""
    if len(servers) < 2:
        return []
    own_port, seen = await observed_as(servers)
    if len(seen) < 2:
        return []
    if len({address.port for address in seen}) > 1:
        return [found("NAT", "nat_random", "it gives each destination another port")]
    observed = seen[0]
    if own_port == observed.port and _is_local(observed):
        return [good("NAT", "none: others see this machine's own address")]
    return [good("NAT", f"one that keeps one port for all destinations; others see {observed.host}")]


async def _join(contact: Contact, *, way: Way, clock: Clock, patience: float) -> tuple[bool, bool]:
    """Whether the directory can be entered through this node alone, and whether over TCP."""
    tasks = TaskOwner(limit=64)
    directory = Directory(
        SigningKey.generate(),
        clock=clock,
        server=False,
        contacts=[contact],
        storage_path=None,
        tasks=tasks,
        open_stream=way.open_stream,
    )
    try:
        await directory.start(Address("::" if ":" in contact.address.host else "0.0.0.0", 0))  # noqa: S104
        joined = await directory.wait_joined(patience)
        return joined, directory.status().is_carried
    finally:
        await directory.stop()
        await tasks.stop()


def _is_local(address: Address) -> bool:
    """Whether this machine has the address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address.host, 0))
    except OSError:
        return False
    return True
