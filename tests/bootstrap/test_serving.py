from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bootstrap.config import BootstrapConfig
from bootstrap.relay_link import Fault
from bootstrap.serving import CONTACTS_FILE, RECORDS_FILE, serve
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.carrier import CarriageRefusal
from idas_p2p.errors import HandshakeFailed
from idas_p2p.transport.relay_link import open_link
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.relay import RelayRefusal
from tests.bootstrap.processes import command, running
from tests.bootstrap.relaying import dial_through, waiting
from tests.bootstrap.relaying import until as until_true
from tests.bootstrap.test_metrics import ask as scrape
from tests.directory.network import nodes, record, until
from tests.directory.test_carried import deaf
from tests.transport.pairs import ALICE
from tools.programs import free_port


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


async def test_status_and_reload_work_while_it_runs_and_say_so_where_it_does_not(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0", "--relay")
    path = tmp_path / "bootstrap.toml"
    before = path.read_text()
    for word in ("status", "reload"):
        told = command(word, str(tmp_path))
        assert (told.returncode, told.stdout) == (2, "")
        assert "python -m bootstrap run" in told.stderr
    with running(tmp_path) as (_, contact):
        async with waiting(contact):
            status = json.loads(command("status", str(tmp_path), "--json").stdout)
            assert status["contact"] == str(contact)
            assert status["figures"]["relay_reservations"] == 1
            assert "relay_reservations " in command("status", str(tmp_path)).stdout
        path.write_text(before.replace("mbit = 1000.0", "mbit = 500.0").replace("sessions = 1000", "sessions = many"))
        refused = command("reload", str(tmp_path))
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "bootstrap.toml" in refused.stderr
        path.write_text(before.replace("mbit = 1000.0", "mbit = 0"))
        line = 1 + before.splitlines().index(next(x for x in before.splitlines() if x.startswith("mbit = ")))
        assert f"line {line}: relay.mbit: write a number" in command("reload", str(tmp_path)).stderr
        path.write_text(before.replace("allow_private = true", "allow_private = false"))
        taken = command("reload", str(tmp_path))
        assert (taken.returncode, taken.stdout) == (
            0, "bootstrap.toml was read again; these count after a restart: allow_private\n",
        )  # fmt: skip


async def test_bounds_of_the_directory_are_read_again_at_a_reload(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0")
    path = tmp_path / "bootstrap.toml"
    with running(tmp_path) as (_, contact):
        async with nodes() as group:
            client = await group.start("client", contacts=[contact], server=False)
            assert await client.wait_joined(10)
            assert await client.put([record("first", now=SystemClock().now())]) == [1]
            path.write_text(path.read_text().replace("records = 1000000", "records = 1"))
            assert command("reload", str(tmp_path)).returncode == 0
            assert await client.put([record("second", now=SystemClock().now())]) == [0]
            refusals = json.loads(command("status", str(tmp_path), "--json").stdout)["figures"]
            assert refusals["directory_refusals_total"] == {"quota": 1}


async def test_prometheus_finds_the_figures_where_the_file_says_and_nowhere_by_default(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0", "--relay")
    path, port = tmp_path / "bootstrap.toml", free_port()
    text = path.read_text()
    assert "enabled = false    # show figures" in text
    assert 'listen = "127.0.0.1:9464"' in text
    path.write_text(text.replace("enabled = false    # show", "enabled = true    # show").replace("9464", str(port)))
    with running(tmp_path) as (_, contact):
        async with waiting(contact):
            _, body = await scrape(Address("127.0.0.1", port), b"GET /metrics HTTP/1.1\r\n\r\n")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert families["idas_relay_reservations"].samples[0].value == 1
    for family, names in (
        ("idas_relay_refusals", RelayRefusal), ("idas_connections_closed", Fault),
        ("idas_carriage_refusals", CarriageRefusal),
    ):  # fmt: skip
        assert {sample.labels["reason"] for sample in families[family].samples} == set(map(str, names))
    assert {label for f in families.values() for s in f.samples for label in s.labels} == {"reason"}
