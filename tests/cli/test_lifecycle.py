"""`idas init`, `idas run`, `idas id`: a node's folder, its start, its name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from idas_p2p.cli.lifecycle import fingerprint
from idas_p2p.wire.ids import NodeId
from tests.cli.conftest import IDAS, Type, run_idas

OPTIONS = ("--institution", "City Hospital", "--aet", "IDAS", "--dicom", "127.0.0.1:0", "--network", "127.0.0.1:0")


def test_init_makes_a_folder_whose_identity_id_prints(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "node"
    made = run_idas("init", folder, *OPTIONS, "--json")
    assert made.status == 0, made.stderr
    assert made.document["folder"] == str(folder)
    assert f"idas run {folder}" in made.stderr
    named = run_idas("id", folder, "--json")
    assert named.status == 0
    assert named.document == {key: made.document[key] for key in ("node_id", "fingerprint")}


def test_init_writes_down_the_proxy(tmp_path: Path) -> None:
    setting = "http://anna:geheim@192.0.2.1:3128"
    made = run_idas("init", tmp_path / "node", *OPTIONS, "--proxy", setting)
    assert made.status == 0, made.stderr
    assert "geheim" not in made.stdout + made.stderr
    assert f'proxy = "{setting}"' in (tmp_path / "node" / "node.toml").read_text()


def test_id_shows_a_person_both_forms_of_the_name(idas: Type, node_folder: Path) -> None:
    shown = idas("id", node_folder).stdout.splitlines()
    node_id = NodeId.parse(shown[0].split()[-1])
    assert shown[1] == f"fingerprint  {fingerprint(node_id)}"


def test_the_fingerprint_can_be_read_over_the_telephone() -> None:
    groups = fingerprint(NodeId(bytes(32))).split(" ")
    assert [len(group) for group in groups] == [4] * 10


def test_init_never_overwrites_a_node(idas: Type, node_folder: Path) -> None:
    before = (node_folder / "node.key").read_bytes()
    again = idas("init", node_folder, *OPTIONS)
    assert again.status == 1
    assert "holds a node already" in again.stderr
    assert (node_folder / "node.key").read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        ("--dicom", "nowhere"),
        ("--aet", "A\\B"),
        ("--bootstrap", "host:1"),
        ("--network", "h:70000"),
        ("--proxy", "proxy:3128"),
    ],
)
def test_init_with_a_malformed_option_is_a_usage_error(idas: Type, tmp_path: Path, wrong: tuple[str, str]) -> None:
    typed = idas("init", tmp_path / "node", *OPTIONS, *wrong)
    assert typed.status == 2
    assert wrong[0] in typed.stderr
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize("command", ["id", "run"])
def test_a_folder_without_a_node_says_how_to_make_one(idas: Type, tmp_path: Path, command: str) -> None:
    typed = idas(command, tmp_path)
    assert typed.status == 1
    assert "idas init" in typed.stderr


def test_run_names_the_key_that_is_wrong_before_it_starts(idas: Type, node_folder: Path) -> None:
    config = node_folder / "node.toml"
    config.write_text(config.read_text().replace('aet = "IDAS"', 'aet = "TOO_LONG_FOR_AN_AE_TITLE"'))
    typed = idas("run", node_folder)
    assert typed.status == 1
    assert "node.aet" in typed.stderr


def test_run_prints_one_line_when_ready_and_ends_well_on_sigterm(node_folder: Path) -> None:
    process = subprocess.Popen(
        [*IDAS, "run", str(node_folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        assert run_idas("status", node_folder, "--json").status == 0
    finally:
        process.terminate()
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (0, ""), stderr
