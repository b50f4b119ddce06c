"""The whole examination: what can be looked at from outside a node, and what only the running node can tell.

Belongs here: the order, the bound on time, who looks at what. Not here: any single look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.fastest import FastestArchive
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.errors import IdasError, NodeNotRunning
from idas_p2p.node import views
from idas_p2p.node.doctor.findings import Finding, found, good
from idas_p2p.node.doctor.lan import Run, examine_archive, examine_workstation
from idas_p2p.node.doctor.machine import examine_machine
from idas_p2p.node.doctor.outside import PATIENCE, examine_outside
from idas_p2p.node.doctor.ports import examine_ports
from idas_p2p.node.doctor.running import Expiry, judge_running
from idas_p2p.node.doctor.settings import Configured, examine_settings
from idas_p2p.node.node import Node
from idas_p2p.node.sources import Sources
from idas_p2p.node.tokens import USER
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore

AT_ONCE: Final = 4  # archives and workstations asked at the same time; ours
THREADS: Final = 16  # for them, when the node does not run; ours
Ask = Callable[[], Mapping[str, Any]]


async def examine(folder: Path, *, ask: Ask, clock: Clock, patience: float = PATIENCE) -> list[Finding]:
    """Everything about the node of a folder, whether or not it runs.

    Args:
        folder: made by `idas init`.
        ask: gives what the running node answers to `examine`; NodeNotRunning when none runs.
        clock: the time.
        patience: seconds for a bootstrap node to answer.
    """
    configured, findings = await asyncio.to_thread(examine_settings, folder)
    if configured.config is None:
        return findings
    config = configured.config
    findings += await asyncio.to_thread(examine_machine, folder, spool_bytes=config.spool_bytes, spool_used=0)
    async with asyncio.TaskGroup() as looks:
        outside = looks.create_task(examine_outside(config, clock=clock, patience=patience))
        inside = looks.create_task(_examine_node(configured, ask=ask, clock=clock))
    return [*findings, *inside.result(), *outside.result()]


async def _examine_node(configured: Configured, *, ask: Ask, clock: Clock) -> list[Finding]:
    """What the running node says of itself, or what can be seen while it does not run."""
    try:
        answer = await asyncio.to_thread(ask)
    except NodeNotRunning:
        findings = [found("node", "not_running", "it does not run")]
        if configured.config is not None:
            findings += examine_ports(configured.config)
        return findings + await _examine_lan_alone(configured, clock=clock)
    except IdasError as error:
        return [found("node", "not_answering", error.detail or error.explanation())]
    return [good("node", "runs and answers"), *map(Finding.of, answer["findings"])]


def documents(node: Node) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a running node says of itself, and of its peers."""
    return {**views.status(node), "relays": len(node.whereabouts.relays.offers())}, views.peers(node)


def known(node: Node, status: Mapping[str, Any], peers: Mapping[str, Any]) -> list[Finding]:
    """What a running node knows of itself, judged, from its `documents`."""
    return judge_running(status, peers, _expiries(node), now=node.clock.now())


async def examine_running(node: Node) -> list[Finding]:
    """What the running node can find out: what it knows of itself, and its archives and workstations."""
    return known(node, *documents(node)) + await _examine_lan(
        Configured(node.config, tuple(node.settings.archives()), tuple(node.settings.workstations())),
        node.sources,
        run=node.bridge.run,
        can_receive=True,
    )


async def _examine_lan_alone(configured: Configured, *, clock: Clock) -> list[Finding]:
    """Archives and workstations, asked from this process."""
    config = configured.config
    if config is None or not configured.archives + configured.workstations:
        return []
    bridge, database = Bridge(threads=THREADS), Database.open(config.database_url)
    try:
        sources = Sources(
            config.aet,
            ObjectStore(config.folder / "objects", database),
            bridge=bridge,
            inbound=Inbound(),
            receive_folder=config.folder / "receive",
            clock=clock,
        )
        sources.configure(list(configured.archives))
        return await _examine_lan(configured, sources, run=bridge.run, can_receive=False)
    finally:
        await bridge.close()
        database.close()


async def _examine_lan(configured: Configured, sources: Sources, *, run: Run, can_receive: bool) -> list[Finding]:
    """Every archive and workstation, a few at a time."""
    if configured.config is None:
        return []
    aet, places = configured.config.aet, asyncio.Semaphore(AT_ONCE)

    async def archive(one: Any) -> list[Finding]:
        source = sources.get(one.name)
        ways = source.ways if isinstance(source, FastestArchive) else {}
        async with places:
            return await examine_archive(one, ways, aet=aet, run=run, can_receive=can_receive)

    async def workstation(one: Any) -> list[Finding]:
        async with places:
            return [await examine_workstation(one, aet=aet, run=run)]

    looks = [*map(archive, configured.archives), *map(workstation, configured.workstations)]
    return [finding for findings in await asyncio.gather(*looks) for finding in findings]


def _expiries(node: Node) -> list[Expiry]:
    """Of the manifests in force, and of what this node says of groups; what it renews by itself is left out."""
    places = [one for one in node.federations.places if one.is_member and one.known is not None]
    manifests = [(f"federation {one.require_member().name}", one.known.first) for one in places if one.known]
    said = [one for one, _ in node.sharing.tokens.all() if one.kind != USER and not one.withdrawn]
    return [
        *(Expiry(part, first.issued, first.expires) for part, first in manifests),
        *(Expiry(f"group {one.group_name}", 0.0, one.until, "token_expires", "token_expired") for one in said),
    ]
