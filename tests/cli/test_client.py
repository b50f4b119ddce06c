"""The control client against a real unix socket."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.cli import client
from idas_p2p.errors import (
    BadConfiguration,
    Busy,
    IdasError,
    LocalError,
    NodeNotRunning,
    PeerUnreachable,
    UnknownDestination,
)
from tests.cli.scripted_node import ScriptedNode


def test_a_call_carries_the_command_and_returns_the_result(tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"find": [{"result": {"studies": []}}]}) as node:
        assert client.call(tmp_path, "find", {"keys": {"PatientID": "Å 1"}}) == {"studies": []}
    assert node.requests == [{"command": "find", "arguments": {"keys": {"PatientID": "Å 1"}}}]


def test_progress_is_reported_in_order_before_the_result(tmp_path: Path) -> None:
    seen: list[Mapping[str, Any]] = []
    lines = [{"progress": {"instances": n}} for n in range(3)]
    with ScriptedNode(tmp_path, {"get": [*lines, {"result": {"instances": 3}}]}):
        assert client.call(tmp_path, "get", on_progress=seen.append) == {"instances": 3}
    assert [report["instances"] for report in seen] == [0, 1, 2]


def test_a_folder_deeper_than_a_socket_path_allows_works(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    with ScriptedNode(folder, {"status": [{"result": {"aet": "IDAS"}}]}):
        assert client.call(folder, "status") == {"aet": "IDAS"}


@pytest.mark.parametrize("kind", [PeerUnreachable, UnknownDestination, LocalError, BadConfiguration])
def test_the_nodes_error_is_raised_as_the_class_it_had_there(tmp_path: Path, kind: type[IdasError]) -> None:
    error = {"code": kind.code, "message": kind.explanation(), "detail": "Lake Clinic"}
    with ScriptedNode(tmp_path, {"find": [{"error": error}]}), pytest.raises(kind) as caught:
        client.call(tmp_path, "find")
    assert type(caught.value) is kind
    assert caught.value.detail == "Lake Clinic"


def test_an_error_of_a_newer_node_keeps_its_words(tmp_path: Path) -> None:
    error = {"code": "user.future", "message": "Do this next.", "detail": "x"}
    with ScriptedNode(tmp_path, {"find": [{"error": error}]}), pytest.raises(LocalError) as caught:
        client.call(tmp_path, "find")
    assert caught.value.detail == "user.future: x Do this next."


def test_no_folder_means_there_is_no_node_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="idas init"):
        client.call(tmp_path / "missing", "status")


def test_no_socket_means_the_node_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NodeNotRunning):
        client.call(tmp_path, "status")


def test_a_socket_left_by_a_killed_node_means_not_running(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / client.SOCKET_NAME))
    with pytest.raises(NodeNotRunning):
        client.call(tmp_path, "status")


@pytest.mark.parametrize("lines", [[], [{"progress": {}}], [b'{"result": {"cut']])
def test_a_node_that_stops_in_the_middle_is_not_running(tmp_path: Path, lines: list[Any]) -> None:
    with ScriptedNode(tmp_path, {"get": lines}), pytest.raises(NodeNotRunning, match="stopped before"):
        client.call(tmp_path, "get")


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b"\xff\n"])
def test_an_answer_that_is_no_json_object_is_our_fault(tmp_path: Path, line: bytes) -> None:
    with ScriptedNode(tmp_path, {"status": [line]}), pytest.raises(LocalError):
        client.call(tmp_path, "status")


def test_a_silent_node_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / client.SOCKET_NAME))
        silent.listen()
        with pytest.raises(Busy):
            client.call(tmp_path, "status", timeout=0.05)
