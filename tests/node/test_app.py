from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from idas_p2p.errors import BadConfiguration, NodeAlreadyRunning
from idas_p2p.node.app import run_node
from idas_p2p.node.control import SOCKET_NAME
from tests.node.nodes import make_config


async def start(folder: Path) -> tuple[asyncio.Task[None], str]:
    """Run a node until it says that it is ready; its task and the line."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.get_running_loop().create_task(run_node(folder, ready.set_result))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    return task, ready.result() if ready.done() else ""


async def test_a_node_says_one_line_when_it_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    folder = make_config(tmp_path, "anna").folder
    task, line = await start(folder)
    assert line.startswith("ready: anna Hospital as ANNA on 127.0.0.1:")
    assert "\n" not in line
    assert (folder / SOCKET_NAME).is_socket()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 20)
    assert not (folder / SOCKET_NAME).exists()


async def test_a_folder_is_run_by_one_node_at_a_time(tmp_path: Path) -> None:
    folder = make_config(tmp_path, "anna").folder
    task, _ = await start(folder)
    with pytest.raises(NodeAlreadyRunning):
        await run_node(folder, print)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(task, 20)
    again, line = await start(folder)
    assert line
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(again, 20)


async def test_a_folder_without_a_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="idas init"):
        await run_node(tmp_path, print)
