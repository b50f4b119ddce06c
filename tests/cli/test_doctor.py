"""`idas doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.node.config import NodeConfig
from idas_p2p.wire.address import Address
from tests.cli.conftest import Type
from tools.programs import free_port


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "anna"
    dicom, network = (Address("127.0.0.1", free_port()) for _ in range(2))
    NodeConfig.create(folder, institution="City Hospital", aet="IDAS", dicom=dicom, network=network)
    return folder


def test_a_program_gets_every_finding_with_its_next_step(idas: Type, folder: Path) -> None:
    typed = idas("doctor", folder, "--json")
    findings = typed.document["findings"]
    assert typed.status == 0
    assert {"not_running", "no_bootstrap"} <= {one["name"] for one in findings}
    assert all(one["next_step"] for one in findings if one["verdict"] != "good")
    assert sum(typed.document["counts"].values()) == len(findings)


def test_a_fault_is_shown_first_and_ends_with_status_one(idas: Type, folder: Path) -> None:
    (folder / "node.key").chmod(0o644)
    typed = idas("doctor", folder)
    assert typed.status == 1
    assert typed.stdout.startswith("FAULT node.key: ")
    assert "good " not in typed.stdout
    assert "good " in idas("doctor", folder, "--all").stdout


def test_a_folder_that_is_no_node_is_a_fault_that_says_how_to_make_one(idas: Type, tmp_path: Path) -> None:
    typed = idas("doctor", tmp_path)
    assert (typed.status, "idas init" in typed.stdout) == (1, True)
