"""Serving: a directory node in the foreground until it is told to stop.

Belongs here: the parts, their start and stop, signals, the words of the local socket. Not here: what is served
(idas_p2p/directory, relay.py), the socket itself (control.py).
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import psutil

from bootstrap.config import BootstrapConfig, usable
from bootstrap.control import ControlSocket
from bootstrap.door import Door
from bootstrap.figures import (
    Figure,
    as_values,
    carrier_figures,
    directory_figures,
    door_figures,
    metrics_figures,
    process_figures,
    relay_figures,
    stun_figures,
)
from bootstrap.metrics import MetricsServer
from bootstrap.relay import Relay
from bootstrap.stun import Stun
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carrier import Carrier
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadConfiguration
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dial_back import DialBackServer
from idas_p2p.transport.sockets import with_port
from idas_p2p.wire.address import Address, Contact

MAX_TASKS = 64
RECORDS_FILE = "records.journal"
CONTACTS_FILE = "contacts.json"


class Serving:
    """All parts of one bootstrap node.

    Args:
        config: the node's folder.

    Raises:
        BadConfiguration: the key cannot be used.
    """

    def __init__(self, config: BootstrapConfig) -> None:
        self._config, self._identity, self._clock = config, config.identity(), SystemClock()
        self._begun, self._started = self._clock.monotonic(), AsyncExitStack()
        self._process = psutil.Process()
        self._tasks = TaskOwner(limit=MAX_TASKS)
        self._stun = Stun(clock=self._clock)
        self._directory = Directory(
            self._identity,
            clock=self._clock,
            contacts=config.contacts,
            storage_path=config.folder / RECORDS_FILE,
            allow_private=config.allow_private,
            tasks=self._tasks,
            known_contacts_path=config.folder / CONTACTS_FILE,
            settings=config.directory,
            open_endpoint=self._stun.open_udp,
        )
        policy = AddressPolicy(allow_private=config.allow_private)
        self._carrier = Carrier(policy=policy, clock=self._clock)
        others = frozenset(contact.node_id for contact in config.contacts)
        self._relay = (
            Relay(self._identity, config.relay, policy=policy, relays=others, clock=self._clock)
            if config.relay.enabled
            else None
        )
        self._door = Door(self._carrier, self._relay)
        self._metrics = MetricsServer(self.figures)
        self._control = ControlSocket(config.folder, {"status": self.status, "reload": self.reload})
        self.contact = Contact(config.listen, self._identity.node_id)  # with the bound address from the start on

    async def start(self) -> None:
        """Serve from now on.

        Raises:
            BadConfiguration: a node runs from this folder already.
            OSError: an address cannot be bound.
        """
        if self._relay is not None:
            _allow_many_connections()
        await self._control.start()
        self._started.push_async_callback(self._control.stop)
        self._started.push_async_callback(self._tasks.stop)
        bound = await self._directory.start(with_port(self._config.listen))  # TCP has the same port, below
        self._started.push_async_callback(self._directory.stop)
        dial_backs = DialBackServer(self._identity, tasks=self._tasks)
        self._directory.dial_backs.offer(dial_backs.accept)
        if self._relay is not None:
            self._relay.on_dial_back = dial_backs.accept
        self._carrier.host = bound.host
        self._started.push_async_callback(self._carrier.stop)
        await self._open_door(bound)
        self._started.callback(self._door.stop)
        if self._config.metrics.enabled:
            await self._metrics.start(self._config.metrics.listen)
            self._started.push_async_callback(self._metrics.stop)
        if self._relay is not None:
            self._tasks.start("relay", self._relay.run())
        self.contact = Contact(bound, self._identity.node_id)

    async def drain(self) -> None:
        """Have nodes move to another relay, and let streams under way end."""
        if self._relay is not None:
            await self._relay.drain()

    async def stop(self) -> None:
        """Stop what was started, the last first."""
        await self._started.aclose()

    def figures(self) -> Iterator[Figure]:
        """Everything that is counted."""
        if self._relay is not None:
            yield from relay_figures(self._relay)
        yield from door_figures(self._door.faults)
        yield from carrier_figures(self._carrier)
        yield from directory_figures(self._directory.status())
        yield from stun_figures(self._stun)
        yield from metrics_figures(self._metrics.turned)
        yield from process_figures(self._process)

    def status(self) -> dict[str, Any]:
        """What an operator wants to know."""
        return {
            "contact": str(usable(self.contact)[0]),
            "relay": self._relay is not None,
            "uptime_s": round(self._clock.monotonic() - self._begun),
            "figures": as_values(self.figures()),
        }

    def reload(self) -> dict[str, Any]:
        """Read bootstrap.toml again: the table [relay] and the bounds of [directory] count at once.

        Returns:
            Under `needs_restart` the settings that differ from those in force and count after a restart only.

        Raises:
            BadConfiguration: the file is wrong in some place; all that was in force stays.
        """
        new, old = BootstrapConfig.load(self._config.folder), self._config
        if self._relay is not None:
            self._relay.configure(new.relay)
        self._directory.configure(new.directory)
        differs = {
            "listen": new.listen != old.listen,
            "contacts": new.contacts != old.contacts,
            "allow_private": new.allow_private != old.allow_private,
            "directory.contacts_per_block": new.directory.contacts_per_block != old.directory.contacts_per_block,
            "relay.enabled": new.relay.enabled != old.relay.enabled,
            "metrics": new.metrics != old.metrics,
        }
        return {"needs_restart": [name for name, is_other in differs.items() if is_other]}

    async def _open_door(self, address: Address) -> None:
        """TCP beside UDP; where another program has the port, nodes without UDP do without us; a relay cannot."""
        try:
            await self._door.start(address)
        except OSError as error:
            if self._relay is not None:
                raise
            log_failure("carriage_not_served", error)


async def serve(
    config: BootstrapConfig,
    *,
    on_ready: Callable[[Address, SigningKey], None],
    report: Callable[[str], None] = lambda text: None,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP is `reload`.

    Args:
        config: the node's folder.
        on_ready: told the bound address and the key once requests are answered.
        report: told in words what came of a SIGHUP.

    Raises:
        BadConfiguration: the key cannot be used, or a node runs from this folder already.
        OSError: an address cannot be bound.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    serving = Serving(config)
    try:
        await serving.start()
        loop.add_signal_handler(signal.SIGHUP, _reload, serving, report)
        on_ready(serving.contact.address, config.identity())
        await stopped.wait()
        await serving.drain()
    finally:
        await serving.stop()


def reloaded(result: dict[str, Any]) -> str:
    """In words what a reload came to."""
    later = ", ".join(result["needs_restart"])
    return "bootstrap.toml was read again" + (f"; these count after a restart: {later}" if later else "")


def _reload(serving: Serving, report: Callable[[str], None]) -> None:
    try:
        report(reloaded(serving.reload()))
    except BadConfiguration as error:
        report(f"not taken: {error.detail}")


def _allow_many_connections() -> None:
    """A relay has a connection for every node that waits; shells allow 1024 files unless a program asks for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
