from __future__ import annotations

import signal
from pathlib import Path

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.wire.address import Contact
from tests.bootstrap.processes import command, running
from tests.directory.network import nodes, record, until
from tools.programs import free_port


def test_init_prints_the_contact_that_run_prints(tmp_path: Path) -> None:
    made = command("init", str(tmp_path / "boot"), "--listen", "127.0.0.1:0")
    assert made.returncode == 0, made.stderr
    with running(tmp_path / "boot") as (_, contact):
        assert contact.node_id == Contact.parse(made.stdout).node_id
        assert contact.address.port > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_run_stops_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    command("init", str(tmp_path), "--listen", f"127.0.0.1:{free_port()}")
    with running(tmp_path) as (process, _):
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")


async def test_nodes_meet_through_a_bootstrap_process_and_again_after_it_was_killed(tmp_path: Path) -> None:
    command("init", str(tmp_path), "--listen", "127.0.0.1:0")
    async with nodes() as group:
        with running(tmp_path) as (process, contact):
            one, two = [await group.start(name, contacts=[contact]) for name in ("one", "two")]
            await until(lambda: one.status().contacts == two.status().contacts == 2)
            written = record("here", now=SystemClock().now())
            assert await one.put([written]) == [3]
            assert await two.get(written.key) == [written]
            process.kill()
            process.wait()
        config = tmp_path / "bootstrap.toml"
        config.write_text(config.read_text().replace("127.0.0.1:0", str(contact.address)))
        with running(tmp_path) as (_, again):
            assert again == contact
            await until(lambda: one.status().contacts == two.status().contacts == 2)
            assert await two.put([record("there", now=SystemClock().now())]) == [3]
