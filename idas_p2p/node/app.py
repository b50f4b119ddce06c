"""Runs a node in the foreground until it is told to stop.

Belongs here: the lock on the folder, signals, the ready line. Not here: the node (node.py).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from idas_p2p import __version__
from idas_p2p.clock import SystemClock
from idas_p2p.errors import BadConfiguration, NodeAlreadyRunning
from idas_p2p.events import log_event, logger
from idas_p2p.node.commands import commands
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.control import ControlSocket
from idas_p2p.node.node import Node
from idas_p2p.node.recent import RecentEvents

LOCK_NAME: Final = "node.lock"


async def run_node(folder: Path, on_ready: Callable[[str], None]) -> None:
    """Run the node of a folder until SIGTERM or SIGINT; what is in flight then is finished or can be resumed.

    Args:
        folder: made by `idas init`.
        on_ready: given one line when the node serves.

    Raises:
        BadConfiguration: the folder, its configuration or an address cannot be used.
        NodeAlreadyRunning: another process runs this node.
    """
    config = NodeConfig.load(folder)
    with _lock(folder), _stop_signal() as stop, _recent_events() as recent:
        node = Node(config, clock=SystemClock())
        control = ControlSocket(folder, commands(node, recent))
        try:
            await node.start()
            await control.start()
            log_event("node_started", peer=node.identity.node_id.short, version=__version__)
            on_ready(
                f"ready: {config.institution} as {config.aet} on {node.dicom_address}, "
                f"network {node.network_address}, node {node.identity.node_id}"
            )
            await stop.wait()
            log_event("node_stopping")
        finally:
            try:
                await control.stop()
            finally:
                await node.stop()
    log_event("node_stopped")


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set while the block runs."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def _recent_events() -> Iterator[RecentEvents]:
    """The latest events while the block runs."""
    recent = RecentEvents()
    logger.addHandler(recent)
    try:
        yield recent
    finally:
        logger.removeHandler(recent)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder; released by the kernel when the process ends, however it ends."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadConfiguration(f"{folder / LOCK_NAME}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NodeAlreadyRunning(str(folder)) from None
        yield
    finally:
        os.close(descriptor)
