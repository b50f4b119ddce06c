"""A real unix-socket server that plays the node's side of the control protocol from a script."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from idas_p2p.cli.client import short_path


class ScriptedNode:
    """Answers each request with the lines scripted for its command; a context manager.

    Args:
        folder: where its socket lies.
        script: the lines to send by command, each a JSON value or, to break the protocol, bytes.
    """

    def __init__(self, folder: Path, script: dict[str, list[Any]]) -> None:
        self.requests: list[dict[str, Any]] = []
        self._script = script
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_path(folder) as path:
            self._server.bind(path)
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> ScriptedNode:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    @property
    def commands(self) -> list[str]:
        """The commands asked for so far."""
        return [request["command"] for request in self.requests]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                if line := lines.readline():
                    self._answer(connection, json.loads(line))

    def _answer(self, connection: socket.socket, request: dict[str, Any]) -> None:
        self.requests.append(request)
        for line in self._script.get(request["command"], []):
            connection.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
