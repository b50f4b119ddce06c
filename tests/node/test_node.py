from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.errors import BadConfiguration
from idas_p2p.node.config import CONFIG_FILE, NodeConfig
from idas_p2p.node.node import Node
from idas_p2p.store.transfers import State
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.instance import Instance, Selection
from tests.node.nodes import STUDY, data_of, fill, join, make_config, make_instance, retrieve, running, share
from tests.store.makers import begin, spool, write_chunks


async def test_a_bad_grant_leaves_the_rules_in_force(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna)
    await share(anna)
    anna.settings.add_grant(subject="everyone", level="half")
    with pytest.raises(BadConfiguration):
        anna.configure()
    assert data_of(await retrieve(berg)) == stored


async def test_tcp_and_udp_share_one_port_also_when_the_system_chose_it(lone: Node) -> None:
    assert lone.network_address.port != 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, pytest.raises(OSError, match="in use"):
        udp.bind(("127.0.0.1", lone.network_address.port))


async def test_a_restarted_node_is_a_member_with_its_studies_and_rules(tmp_path: Path) -> None:
    config = make_config(tmp_path, "anna")
    async with running(make_config(tmp_path, "berg")) as berg:
        async with running(config) as anna:
            anna.membership.create("Lake Region")
            await join(berg, anna)
            stored = await fill(anna)
            await share(anna)
        async with running(config) as anna:
            assert anna.federation.is_admin
            berg.directory.add_contact(Contact(anna.whereabouts.addresses()[0], anna.identity.node_id))
            await anna.node_record.turn()
            await berg.links.close()
            assert data_of(await retrieve(berg)) == stored


async def test_stopping_lets_a_transfer_under_way_end(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    stored = await fill(anna, instances=6, size=500_000)
    await share(anna)
    events: list[Instance] = []
    stopping: asyncio.Task[None] | None = None
    async for event in berg.retriever.retrieve("", [Selection(study_uid=STUDY)]):
        if isinstance(event, Instance):
            events.append(event)
            stopping = stopping or asyncio.get_running_loop().create_task(anna._stop_serving())
    assert stopping is not None
    await asyncio.wait_for(stopping, 9)
    assert len(events) == len(stored)
    assert anna.transfer_log.recent(1)[0].state is State.DONE


async def test_an_address_in_use_is_named_and_what_was_started_is_stopped(tmp_path: Path, lone: Node) -> None:
    from dataclasses import replace

    for key in ("network", "dicom"):
        config = make_config(tmp_path, f"second-{key}")
        taken = lone.network_address if key == "network" else lone.dicom_address
        node = Node(replace(config, **{key: Address("127.0.0.1", taken.port)}), clock=SystemClock())
        try:
            with pytest.raises(BadConfiguration, match=str(taken.port)):
                await node.start()
        finally:
            await node.stop()


async def test_an_encrypted_spool_holds_no_byte_of_an_image_and_gives_it_back_after_a_restart(tmp_path: Path) -> None:
    make_config(tmp_path, "anna")
    path = tmp_path / "anna" / CONFIG_FILE
    path.write_text(path.read_text().replace("encrypt_spool = false", "encrypt_spool = true"))
    config, instance = NodeConfig.load(tmp_path / "anna"), make_instance(1, size=300_000)
    async with running(config) as anna:
        with anna.spool.open(b"key", now=anna.clock.now()) as transfer:
            spool(transfer, instance)
            begun = begin(transfer, make_instance(2, size=3_000_000))
            write_chunks(begun, make_instance(2, size=3_000_000).data.read(), stop=2_000_000, chunk=500_000)
            begun.pause()
    files = [file for file in (config.folder / "spool").rglob("*") if file.is_file()]
    assert len(files) == 4  # whole ones and their index, one that began and its sidecar
    for file in files:
        assert not [word for word in (b"CANARY", STUDY.encode()) if word in file.read_bytes()]
    async with running(config) as anna:
        with anna.spool.open(b"key", now=anna.clock.now()) as transfer:
            assert [one.data.read() for one in transfer.instances()] == [instance.data.read()]
            assert [one.kept for one in transfer.partial()] == [2_000_000]
