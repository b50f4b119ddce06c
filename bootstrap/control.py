"""The local socket in the folder of a bootstrap node: one word in, one JSON object out.

Law: only the user who runs the node can open it.
Belongs here: both ends of the socket. Not here: what a word does (serving.py), how an answer is shown (commands.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from idas_p2p.errors import BadConfiguration, BootstrapNotRunning, Busy, LocalError
from idas_p2p.tasks import TaskOwner

SOCKET_NAME: Final = "control.sock"
MAX_WORD: Final = 64  # bytes of a request with its line end; ours
MAX_ANSWER: Final = 1_048_576  # bytes; ours
MAX_CLIENTS: Final = 8  # at once; ours
REQUEST_TIMEOUT: Final = 5.0  # seconds from connecting to the end of the answer; ours
ANSWER_TIMEOUT: Final = 10.0  # seconds a command waits; ours

Command = Callable[[], Mapping[str, Any]]


class ControlSocket:
    """Serves words.

    Args:
        folder: the node's.
        commands: by word; one that raises BadConfiguration is answered with its text.
    """

    def __init__(self, folder: Path, commands: Mapping[str, Command]) -> None:
        self._folder, self._commands = folder, commands
        self._clients = TaskOwner(limit=MAX_CLIENTS)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket that an earlier run left is replaced.

        Raises:
            BadConfiguration: a node runs from this folder already.
            OSError: the folder cannot be written.
        """
        if _answers(self._folder):
            raise BadConfiguration(f"a bootstrap node runs from {self._folder} already; stop it, or use another folder")
        (self._folder / SOCKET_NAME).unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, sock=_bound(self._folder), limit=MAX_WORD)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            (self._folder / SOCKET_NAME).unlink(missing_ok=True)
        await self._clients.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            task = self._clients.start("control_client", self._serve(reader, writer))
        except Busy:
            writer.close()
        else:
            task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError, ValueError, OSError):
            async with asyncio.timeout(REQUEST_TIMEOUT):
                word = (await reader.readline()).decode("ascii", "replace").strip()
                writer.write(json.dumps(self._answer(word)).encode() + b"\n")
                await writer.drain()

    def _answer(self, word: str) -> Mapping[str, Any]:
        if word not in self._commands:
            return {"error": "not a command of this version; is the program as new as the node?"}
        try:
            return {"result": self._commands[word]()}
        except BadConfiguration as error:
            return {"refused": error.detail}


def ask(folder: Path, word: str) -> dict[str, Any]:
    """Ask the node that runs from a folder.

    Raises:
        BootstrapNotRunning: nobody answers there.
        BadConfiguration: there is no such folder, or the node refused what its file says.
        Busy: it did not answer in time.
        LocalError: it does not know the word.
    """
    if not folder.is_dir():
        raise BadConfiguration(f"there is no folder {folder}; make a node in it with `python -m bootstrap init`")
    try:
        with _connected(folder) as connection, connection.makefile("rb") as lines:
            connection.sendall(word.encode("ascii") + b"\n")
            line = lines.readline(MAX_ANSWER)
    except TimeoutError:
        raise Busy(f"no answer within {ANSWER_TIMEOUT:g} seconds") from None
    except PermissionError:
        raise BootstrapNotRunning(
            f"{folder / SOCKET_NAME} belongs to another user; ask as the one who runs it"
        ) from None
    except OSError:
        raise BootstrapNotRunning(str(folder)) from None
    if not line.endswith(b"\n"):
        raise BootstrapNotRunning(f"{folder}: it stopped before it answered")
    answer = json.loads(line)
    if "refused" in answer:
        raise BadConfiguration(str(answer["refused"]))
    if "error" in answer:
        raise LocalError(str(answer["error"]))
    return dict(answer["result"])


def _answers(folder: Path) -> bool:
    try:
        with _connected(folder):
            return True
    except OSError:
        return False


@contextmanager
def _connected(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _short_path(folder) as path:
        connection.settimeout(ANSWER_TIMEOUT)
        connection.connect(path)
        yield connection


def _bound(folder: Path) -> socket.socket:
    """The socket in the folder, private before anybody can connect to it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with _short_path(folder) as path:
            listener.bind(path)
        os.chmod(folder / SOCKET_NAME, 0o600)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A path of the socket that fits into `sun_path` (108 bytes, unix(7)) however deep the folder lies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)
