from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bootstrap.config import BootstrapConfig
from bootstrap.serving import CONTACTS_FILE, RECORDS_FILE, serve
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import HandshakeFailed
from idas_p2p.transport.relay_link import open_link
from idas_p2p.wire.address import Address, Contact
from tests.bootstrap.processes import command, running
from tests.bootstrap.relaying import dial_through, waiting
from tests.bootstrap.relaying import until as until_true
from tests.directory.network import nodes, record, until
from tests.directory.test_carried import deaf
from tests.transport.pairs import ALICE


async def test_a_bootstrap_node_serves_records_and_keeps_them_when_told_to_stop(tmp_path: Path) -> None:
    BootstrapConfig.create(tmp_path, Address("127.0.0.1", 0))
    ready: asyncio.Future[Contact] = asyncio.get_running_loop().create_future()

    def on_ready(address: Address, identity: SigningKey) -> None:
        ready.set_result(Contact(address, identity.node_id))

    async with asyncio.TaskGroup() as group, nodes() as others:
        serving = group.create_task(serve(BootstrapConfig.load(tmp_path), on_ready=on_ready))
        client = await others.start("client", contacts=[await ready], server=False)
        assert await client.wait_joined(10)
        assert await client.put([record("here", now=SystemClock().now())]) == [1]
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    await until(lambda: (tmp_path / RECORDS_FILE).stat().st_size > 0)
    assert not (tmp_path / CONTACTS_FILE).exists()  # a client is nobody's contact


async def test_a_node_whose_network_lets_no_udp_out_is_carried_by_a_bootstrap_process(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0")
    with running(tmp_path) as (_, contact):
        async with nodes() as group:
            walled = await group.start("walled", contacts=[contact], open_endpoint=deaf)
            assert await walled.wait_joined(10)
            one = record("here", now=SystemClock().now())
            assert await walled.put([one]) == [1]
            assert await walled.get(one.key) == [one]


async def test_a_relay_process_that_is_told_to_stop_has_its_nodes_move_and_ends_well(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0", "--relay")
    with running(tmp_path) as (process, contact):
        async with waiting(contact) as reservation:
            assert reservation.offer is not None
            channel = await dial_through(reservation.offer)
            await channel.send(b"through")
            assert await channel.receive() == b"through"
            process.terminate()
            await until_true(lambda: reservation.offer is None)
            await channel.send(b"still")
            assert await channel.receive() == b"still"
            await channel.close()
        assert await asyncio.to_thread(process.wait, 20) == 0


async def test_a_bootstrap_node_that_is_no_relay_takes_no_link(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0")
    with running(tmp_path) as (_, contact), pytest.raises(HandshakeFailed):
        await open_link(ALICE, contact.node_id, contact.address)


async def test_the_list_of_nodes_is_read_again_at_sighup_and_a_wrong_one_is_not_taken(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0", "--relay")
    path = tmp_path / "bootstrap.toml"
    before = path.read_text()
    with running(tmp_path) as (process, contact):
        async with waiting(contact) as reservation:
            path.write_text(before.replace("nodes = []", 'nodes = ["nobody"]'))
            process.send_signal(signal.SIGHUP)
            assert process.stderr is not None
            said = await asyncio.to_thread(process.stderr.readline)
            assert said.startswith("not taken: ")
            assert "relay.nodes" in said
            assert reservation.offer is not None
            path.write_text(before.replace("nodes = []", f'nodes = ["{ALICE.node_id}"]'))
            process.send_signal(signal.SIGHUP)
            await until_true(lambda: reservation.refusal == "not_allowed")
            assert reservation.offer is None
