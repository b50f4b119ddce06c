"""The local socket in the node's folder: commands in, progress and results out, one JSON object a line.

Law: only the node's own user can open it; a client that hangs up cancels its command.
Belongs here: the socket and its lines. Not here: the commands (commands.py).
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from idas_p2p.errors import Busy, IdasError, LocalError
from idas_p2p.events import log_failure
from idas_p2p.tasks import TaskOwner

SOCKET_NAME: Final = "control.sock"
MAX_REQUEST_SIZE: Final = 65_536  # bytes of one line; ours
MAX_CLIENTS: Final = 64  # at once; ours
REQUEST_TIMEOUT: Final = 10.0  # seconds from connecting to the request; ours

Progress = Callable[[Mapping[str, Any]], None]
Command = Callable[[Mapping[str, Any], Progress], Awaitable[Mapping[str, Any]]]


class ControlSocket:
    """Serves commands.

    Args:
        folder: the node's.
        commands: by name.
    """

    def __init__(self, folder: Path, commands: Mapping[str, Command]) -> None:
        self._folder, self._commands = folder, commands
        self._clients = TaskOwner(limit=MAX_CLIENTS)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket left behind by an earlier run is replaced."""
        (self._folder / SOCKET_NAME).unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, sock=_bound(self._folder), limit=MAX_REQUEST_SIZE)

    async def stop(self) -> None:
        """End every command and stop listening."""
        if self._server is not None:
            self._server.close()
        await self._clients.stop()
        (self._folder / SOCKET_NAME).unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            task = self._clients.start("control_client", self._serve(reader, writer))
        except Busy:
            writer.close()
        else:
            task.add_done_callback(lambda _: writer.close())  # also of one that was cancelled before it began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks = TaskOwner(limit=2)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                line = await reader.readline()
            both = [tasks.start("answer", self._answer(line, writer)), tasks.start("hang_up", _hung_up(reader))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except (TimeoutError, ValueError, ConnectionError):
            pass
        finally:
            await tasks.stop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        def send(kind: str, value: Mapping[str, Any]) -> None:
            writer.write(json.dumps({kind: value}, ensure_ascii=False).encode() + b"\n")

        try:
            result = await self._run(line, lambda progress: send("progress", progress))
        except IdasError as error:
            send("error", {"code": error.code, "message": error.explanation(), "detail": error.detail})
        except Exception as error:  # a bug costs this command only
            log_failure("command_failed", error)
            send("error", {"code": LocalError.code, "message": LocalError.explanation(), "detail": ""})
        else:
            send("result", result)
        with contextlib.suppress(ConnectionError):  # it hung up: nobody is there to be told
            await writer.drain()

    async def _run(self, line: bytes, progress: Progress) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            command, arguments = self._commands[request["command"]], dict(request.get("arguments") or {})
        except (ValueError, KeyError, TypeError):
            raise LocalError("not a command of this version; is the program as new as the node?") from None
        return await command(arguments, progress)


async def _hung_up(reader: asyncio.StreamReader) -> None:
    """Return when the client closes its end; what it says after its request is thrown away."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(MAX_REQUEST_SIZE):
            pass


def _bound(folder: Path) -> socket.socket:
    """The socket in the folder, private before anybody can connect to it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # sun_path has 108 bytes, unix(7); a folder's path may have more
        listener.bind(f"/proc/self/fd/{descriptor}/{SOCKET_NAME}")
        os.chmod(folder / SOCKET_NAME, 0o600)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(descriptor)
    return listener
