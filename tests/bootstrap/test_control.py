"""The local socket of a bootstrap node: one word in, one answer out, for its own user."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bootstrap import control
from bootstrap.control import SOCKET_NAME, ControlSocket, ask
from idas_p2p.errors import BadConfiguration, BootstrapNotRunning, LocalError


def refuse() -> Mapping[str, Any]:
    raise BadConfiguration("bootstrap.toml, line 3: relay.mbit: write a number")


@asynccontextmanager
async def serving(folder: Path, **commands: Callable[[], Mapping[str, Any]]) -> AsyncIterator[ControlSocket]:
    server = ControlSocket(folder, {"status": lambda: {"uptime_s": 5}, "reload": refuse, **commands})
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_a_word_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path):
        assert await asyncio.to_thread(ask, tmp_path, "status") == {"uptime_s": 5}
    assert os.listdir(tmp_path) == []


async def test_what_the_file_says_wrong_is_told_to_who_asked(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(BadConfiguration, match=r"line 3: relay\.mbit"):
            await asyncio.to_thread(ask, tmp_path, "reload")


async def test_a_word_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(LocalError, match="as new as the node"):
            await asyncio.to_thread(ask, tmp_path, "dance")


async def test_only_the_user_of_the_node_can_open_it(tmp_path: Path) -> None:
    async with serving(tmp_path):
        assert (tmp_path / SOCKET_NAME).stat().st_mode & 0o077 == 0


async def test_a_second_node_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(BadConfiguration, match="already"):
            await ControlSocket(tmp_path, {}).start()
        assert await asyncio.to_thread(ask, tmp_path, "status") == {"uptime_s": 5}


async def test_a_socket_left_by_a_node_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET_NAME))
    with pytest.raises(BootstrapNotRunning):
        ask(tmp_path, "status")
    async with serving(tmp_path):
        assert await asyncio.to_thread(ask, tmp_path, "status") == {"uptime_s": 5}


async def test_a_deep_folder_has_a_socket_too(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    async with serving(folder):
        assert await asyncio.to_thread(ask, folder, "status") == {"uptime_s": 5}


async def test_who_says_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_TIMEOUT", 0.02)
    async with serving(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_NAME)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


def test_where_nothing_runs_the_error_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(BootstrapNotRunning) as stopped:
        ask(tmp_path, "status")
    assert "python -m bootstrap run" in stopped.value.explanation()
    with pytest.raises(BadConfiguration, match="no folder"):
        ask(tmp_path / "nowhere", "status")
