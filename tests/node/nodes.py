"""Real nodes in this process, on loopback, and images small enough to make many of."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from idas_p2p.blob import MemoryBlob
from idas_p2p.clock import SystemClock
from idas_p2p.dicom.scan import header_of
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.node import Node
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from tests.dicom.memory_node import EXPLICIT, encode, make_dataset

ANYWHERE = Address("127.0.0.1", 0)
STUDY = "1.2.3"


async def until(condition: Callable[[], bool], *, timeout: float = 20.0) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event to wait on
            await asyncio.sleep(0.01)


def make_instance(
    number: int, *, study_uid: str = STUDY, size: int = 1_000, name: str = "CANARY^BIRD", is_noise: bool = False
) -> Instance:
    """A CT image of few pixels; of noise it is as large on a line as here, whatever the node thinks of the line."""
    ds = make_dataset(number, size=size)
    if is_noise:
        ds[0x7FE00010].value = random.Random(number).randbytes(size)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, f"{study_uid}.4"
    ds.SOPInstanceUID, ds.PatientName, ds.StudyDate = f"{study_uid}.4.{number}", name, "20240131"
    data = MemoryBlob(encode(ds))
    return header_of(data, EXPLICIT).instance(data, EXPLICIT)


def make_config(folder: Path, name: str) -> NodeConfig:
    return NodeConfig.create(
        folder / name, institution=f"{name} Hospital", aet=name.upper(), dicom=ANYWHERE, network=ANYWHERE
    )


@asynccontextmanager
async def running(config: NodeConfig) -> AsyncIterator[Node]:
    """A node that runs; starting the same configuration again is a restart."""
    node = Node(config, clock=SystemClock())
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


async def join(member: Node, admin: Node) -> None:
    """Make a node a member of the admin's federation, as its operator would; returns when both know."""
    invited = await admin.membership.invite(lifetime=3_600, uses=1)
    await member.membership.join(invited.code)
    await until(lambda: member.federation.state == admin.federation.state)


async def fill(
    node: Node, *, instances: int = 4, study_uid: str = STUDY, size: int = 1_000, is_noise: bool = False
) -> dict[str, bytes]:
    """Store a study in a node's embedded archive; the data sets by SOP Instance UID."""
    stored = [
        make_instance(number, study_uid=study_uid, size=size, is_noise=is_noise) for number in range(1, instances + 1)
    ]
    for instance in stored:
        await node.embedded.store(instance)
    await node.embedded.update_catalog()
    await publish(node)
    return {instance.sop_instance_uid: instance.data.read() for instance in stored}


async def publish(node: Node) -> None:
    """Have the directory know what a member holds, without waiting for the node's own turn."""
    while node.federation.is_member and await node.publisher.turn() == 0.0:
        pass
    if node.federation.is_member:  # the node's own turn may have begun first, or found nobody yet
        await until(lambda: not node.catalog.pending_count(now=node.clock.now()))


async def share(node: Node, level: str = "full", to: str = "everyone") -> None:
    """Give the members a level of everything a node has."""
    node.settings.add_grant(subject=to, level=level)
    node.configure()
    await publish(node)


async def retrieve(node: Node, study_uid: str = STUDY, *, user: str = "") -> list[RetrieveEvent]:
    """Everything a retrieval yields."""
    return [event async for event in node.retriever.retrieve(user, [Selection(study_uid=study_uid)])]


def data_of(events: list[RetrieveEvent]) -> dict[str, bytes]:
    """The data sets that came, by SOP Instance UID; none came twice."""
    came = [event for event in events if isinstance(event, Instance)]
    found = {event.sop_instance_uid: event.data.read() for event in came}
    assert len(found) == len(came)
    return found


def failed_in(events: list[RetrieveEvent]) -> list[str]:
    return [event.sop_instance_uid for event in events if isinstance(event, InstanceFailed)]


def total_of(events: list[RetrieveEvent]) -> int:
    return [event.count for event in events if isinstance(event, Total)][-1]
