"""Serving: a directory node in the foreground until it is told to stop.

Belongs here: start, signals, stop. Not here: what is served (idas_p2p/directory).
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from bootstrap.config import BootstrapConfig
from bootstrap.door import Door
from bootstrap.relay import Relay
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carrier import Carrier
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadConfiguration
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.dial_back import DialBackServer
from idas_p2p.wire.address import Address

MAX_TASKS = 64
RECORDS_FILE = "records.journal"
CONTACTS_FILE = "contacts.json"


async def serve(
    config: BootstrapConfig,
    *,
    on_ready: Callable[[Address, SigningKey], None],
    report: Callable[[str], None] = lambda text: None,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP has the table [relay] read again.

    Args:
        config: the node's folder.
        on_ready: told the bound address and the key once requests are answered.
        report: told in words what came of a SIGHUP.

    Raises:
        BadConfiguration: the key cannot be used.
        OSError: the address cannot be bound.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if config.relay.enabled:
        _allow_many_connections()
    identity = config.identity()
    tasks = TaskOwner(limit=MAX_TASKS)
    directory = Directory(
        identity,
        clock=SystemClock(),
        contacts=config.contacts,
        storage_path=config.folder / RECORDS_FILE,
        allow_private=config.allow_private,
        tasks=tasks,
        known_contacts_path=config.folder / CONTACTS_FILE,
        settings=config.directory,
    )
    bound = await directory.start(config.listen)
    directory.dial_backs.offer(DialBackServer(identity, tasks=tasks).accept)
    policy = AddressPolicy(allow_private=config.allow_private)
    carrier = Carrier(policy=policy, clock=SystemClock(), host=bound.host)
    relay = _relay(config, identity, policy) if config.relay.enabled else None
    door = Door(carrier, relay)
    try:
        await _open(door, bound, needed=relay is not None)
        if relay is not None:
            tasks.start("relay", relay.run())
            loop.add_signal_handler(signal.SIGHUP, _reload, config.folder, relay, report)
        on_ready(bound, identity)
        await stopped.wait()
        if relay is not None:
            await relay.drain()
    finally:
        door.stop()
        await carrier.stop()
        await directory.stop()
        await tasks.stop()


def _allow_many_connections() -> None:
    """A relay has a connection for every node that waits; shells allow 1024 files unless a program asks for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _reload(folder: Path, relay: Relay, report: Callable[[str], None]) -> None:
    """Take the table [relay] as it is now; whether there is a relay at all is decided at the start."""
    try:
        relay.configure(BootstrapConfig.load(folder).relay)
    except BadConfiguration as error:
        report(f"not taken: {error.detail}")
    else:
        report("the settings of the relay were read again")


def _relay(config: BootstrapConfig, identity: SigningKey, policy: AddressPolicy) -> Relay:
    others = frozenset(contact.node_id for contact in config.contacts)
    return Relay(identity, config.relay, policy=policy, relays=others, clock=SystemClock())


async def _open(door: Door, address: Address, *, needed: bool) -> None:
    """Serve TCP beside UDP; where another program has the port, nodes without UDP do without us; a relay cannot."""
    try:
        await door.start(address)
    except OSError as error:
        if needed:
            raise
        log_failure("carriage_not_served", error)
