from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.errors import StudyNotFound
from idas_p2p.node.control import MAX_CLIENTS, SOCKET_NAME, ControlSocket, Progress

Arguments = Mapping[str, Any]


class Waiting:
    """A command that never ends by itself, and tells when it began and when it was cancelled."""

    def __init__(self) -> None:
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    async def __call__(self, arguments: Arguments, progress: Progress) -> Arguments:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        return {}


async def echo(arguments: Arguments, progress: Progress) -> Arguments:
    progress({"done": 1})
    progress({"done": 2})
    return arguments


async def refuse(arguments: Arguments, progress: Progress) -> Arguments:
    raise StudyNotFound("1 of 2")


async def crash(arguments: Arguments, progress: Progress) -> Arguments:
    raise RuntimeError("CANARY^BIRD")


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
async def control(tmp_path: Path, waiting: Waiting) -> AsyncIterator[ControlSocket]:
    made = ControlSocket(tmp_path, {"echo": echo, "refuse": refuse, "crash": crash, "wait": waiting})
    await made.start()
    yield made
    await made.stop()


async def say(folder: Path, line: bytes) -> list[dict[str, Any]]:
    """Send one line and read until the node closes."""
    reader, writer = await asyncio.open_unix_connection(str(folder / SOCKET_NAME))
    writer.write(line)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return [json.loads(one) for one in answer.splitlines()]


def ask(command: str, **arguments: Any) -> bytes:
    return json.dumps({"command": command, "arguments": arguments}).encode() + b"\n"


@pytest.mark.usefixtures("control")
class TestRunning:
    async def test_only_the_owner_can_open_the_socket(self, tmp_path: Path) -> None:
        assert (tmp_path / SOCKET_NAME).stat().st_mode & 0o777 == 0o600

    async def test_a_command_answers_progress_and_then_its_result(self, tmp_path: Path) -> None:
        answer = await say(tmp_path, ask("echo", name="Müller"))
        assert answer == [{"progress": {"done": 1}}, {"progress": {"done": 2}}, {"result": {"name": "Müller"}}]

    async def test_a_refusal_comes_with_code_message_and_detail(self, tmp_path: Path) -> None:
        (answer,) = await say(tmp_path, ask("refuse"))
        assert answer["error"]["code"] == StudyNotFound.code
        assert answer["error"]["message"] == StudyNotFound.explanation()
        assert answer["error"]["detail"] == "1 of 2"

    async def test_a_bug_costs_one_command_and_tells_nothing_of_what_it_held(self, tmp_path: Path) -> None:
        (answer,) = await say(tmp_path, ask("crash"))
        assert answer["error"]["code"] == "local"
        assert "CANARY" not in json.dumps(answer)
        assert await say(tmp_path, ask("echo"))

    @pytest.mark.parametrize(
        "line", [b"not json\n", b"[]\n", b"{}\n", b'{"command": []}\n', b'{"command": "fly"}\n', b"\n", b"\xff\n"]
    )
    async def test_anything_but_a_command_is_an_error(self, tmp_path: Path, line: bytes) -> None:
        (answer,) = await say(tmp_path, line)
        assert answer["error"]["code"] == "local"

    async def test_an_endless_line_is_cut_off(self, tmp_path: Path) -> None:
        assert await say(tmp_path, b"x" * 200_000) == []

    async def test_a_client_that_hangs_up_cancels_its_command(self, tmp_path: Path, waiting: Waiting) -> None:
        _, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET_NAME))
        writer.write(ask("wait"))
        await asyncio.wait_for(waiting.begun.wait(), 5)
        assert not waiting.cancelled.is_set()
        writer.close()
        await asyncio.wait_for(waiting.cancelled.wait(), 5)

    async def test_more_clients_than_allowed_are_turned_away(self, tmp_path: Path) -> None:
        held = [await asyncio.open_unix_connection(str(tmp_path / SOCKET_NAME)) for _ in range(MAX_CLIENTS)]
        for _, writer in held:
            writer.write(ask("wait"))
        reader, extra = await asyncio.open_unix_connection(str(tmp_path / SOCKET_NAME))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        for _, writer in [*held, (reader, extra)]:
            writer.close()
            await writer.wait_closed()


async def test_stopping_ends_every_command_and_removes_the_socket(
    control: ControlSocket, tmp_path: Path, waiting: Waiting
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET_NAME))
    writer.write(ask("wait"))
    await asyncio.wait_for(waiting.begun.wait(), 5)
    await control.stop()
    assert waiting.cancelled.is_set()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert not (tmp_path / SOCKET_NAME).exists()
    writer.close()


async def test_a_socket_left_by_a_killed_node_is_replaced(tmp_path: Path) -> None:
    first = ControlSocket(tmp_path, {"echo": echo})
    await first.start()
    second = ControlSocket(tmp_path, {"echo": echo})
    await second.start()
    assert await say(tmp_path, ask("echo", n=1)) != []
    await second.stop()
    await first.stop()


async def test_a_folder_may_lie_deeper_than_a_socket_path_is_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    control = ControlSocket(deep, {"echo": echo})
    await control.start()
    assert (deep / SOCKET_NAME).is_socket()
    await control.stop()
