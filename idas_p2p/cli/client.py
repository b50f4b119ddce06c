"""Speak with the running node over the local socket in its folder.

One JSON object per line: `{"command", "arguments"}` there; any number of `{"progress"}` back, then one `{"result"}`
or `{"error": {"code", "message", "detail"}}`. The node is trusted: it runs from the same folder under the same user.
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from idas_p2p.errors import BadConfiguration, Busy, IdasError, LocalError, NodeNotRunning

SOCKET_NAME: Final = "control.sock"
MAX_LINE_SIZE: Final = 268_435_456  # bytes of one answer; ours: far above the largest list of studies
CONNECT_TIMEOUT: Final = 10.0  # seconds; the node accepts at once unless its event loop hangs
ANSWER_TIMEOUT: Final = 120.0  # seconds without a line from the node, where the caller sets no other
Progress = Callable[[Mapping[str, Any]], None]


def call(
    folder: Path,
    command: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    on_progress: Progress | None = None,
    timeout: float | None = ANSWER_TIMEOUT,
) -> dict[str, Any]:
    """Ask the running node to carry out one command.

    Args:
        folder: the node's folder.
        command: its name.
        arguments: JSON values by name.
        on_progress: called with each progress report.
        timeout: the longest silence in seconds; None waits for ever.

    Returns:
        The node's result.

    Raises:
        BadConfiguration: there is no node in this folder.
        NodeNotRunning: nobody listens, or the node stopped before it answered.
        Busy: no answer in time.
        IdasError: the node's own error, of the class it had there.
    """
    connection = _connect(folder)
    with connection, connection.makefile("rb") as lines:
        try:
            connection.settimeout(timeout)
            request = {"command": command, "arguments": dict(arguments or {})}
            connection.sendall(json.dumps(request).encode() + b"\n")
            return _read_answer(lines.readline, on_progress)
        except TimeoutError:
            raise Busy(f"the node did not answer within {timeout:.0f} s") from None
        except ConnectionError:
            raise NodeNotRunning("the node stopped before it answered") from None


@contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """A path of the socket that fits into `sun_path` (108 bytes, unix(7)) however deep the folder lies.

    Raises:
        NodeNotRunning: the folder cannot be entered.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NodeNotRunning(f"{folder}: {error.strerror}") from None
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)


def error_of(answer: Mapping[str, Any]) -> IdasError:
    """The error a node reported, as the class that has its code."""
    code, detail = str(answer.get("code", "")), str(answer.get("detail", ""))
    known = _classes().get(code)
    return known(detail) if known else LocalError(f"{code}: {detail} {answer.get('message', '')}".strip())


def _connect(folder: Path) -> socket.socket:
    if not folder.is_dir():
        raise BadConfiguration(f"there is no folder {folder}; make a node in it with `idas init`")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_TIMEOUT)
    try:
        with short_path(folder) as path:
            connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        raise NodeNotRunning(str(folder)) from None
    except OSError as error:
        connection.close()
        raise NodeNotRunning(f"{folder / SOCKET_NAME}: {error.strerror or 'no answer'}") from None
    return connection


def _read_answer(read_line: Callable[[int], bytes], on_progress: Progress | None) -> dict[str, Any]:
    while line := read_line(MAX_LINE_SIZE):
        message = _parse(line)
        if "result" in message:
            result = message["result"]
            return result if isinstance(result, dict) else {}
        if "error" in message:
            raise error_of(message["error"] or {})
        if on_progress and isinstance(message.get("progress"), dict):
            on_progress(message["progress"])
    raise NodeNotRunning("the node stopped before it answered")


def _parse(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        if not line.endswith(b"\n"):
            raise NodeNotRunning("the node stopped before it answered") from None
        raise LocalError("the node's answer is not JSON") from None
    if not isinstance(message, dict):
        raise LocalError("the node's answer is not a JSON object")
    return message


def _classes() -> dict[str, type[IdasError]]:
    found: dict[str, type[IdasError]] = {}
    pending: list[type[IdasError]] = [IdasError]
    while pending:
        kind = pending.pop()
        found[kind.code] = kind
        pending.extend(kind.__subclasses__())
    return found
