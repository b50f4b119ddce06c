"""`idas workstation`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Type, run_idas
from tests.dicom.certificates import Authority, fingerprint

VIEWER = ("--aet", "VIEWER", "--address", "192.0.2.20:11112")


def test_an_added_workstation_is_listed_until_it_is_removed(node_folder: Path) -> None:
    assert run_idas("workstation", "add", node_folder, *VIEWER).status == 0
    listed = run_idas("workstation", "list", node_folder, "--json")
    assert listed.document == {"workstations": [{"aet": "VIEWER", "address": "192.0.2.20:11112", "user": None}]}
    assert run_idas("workstation", "remove", node_folder, "VIEWER").status == 0
    assert "No workstation yet" in run_idas("workstation", "list", node_folder).stdout


def test_a_workstation_of_a_user_without_account_is_kept_with_a_note(idas: Type, node_folder: Path) -> None:
    typed = idas("workstation", "add", node_folder, *VIEWER, "--user", "dr-lee", "--json")
    assert typed.status == 0
    assert "idas user add" in typed.stderr
    assert typed.document["workstation"]["user"] == "dr-lee"


def test_a_workstation_of_a_known_user_needs_no_note(idas: Type, node_folder: Path) -> None:
    assert run_idas("user", "add", node_folder, "dr-lee", "--password-stdin", stdin="a long secret\n").status == 0
    typed = idas("workstation", "add", node_folder, *VIEWER, "--user", "dr-lee")
    assert typed.stderr == "workstation VIEWER added; takes effect when the node starts\n"


def test_a_workstation_needs_title_and_address(idas: Type, node_folder: Path) -> None:
    assert idas("workstation", "add", node_folder, "--aet", "VIEWER").status == 2
    assert idas("workstation", "add", node_folder, "--address", "192.0.2.20:11112").status == 2


def test_a_workstation_over_tls_is_known_by_its_certificate(idas: Type, node_folder: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pem = authority.issue("clinic")
    typed = idas("workstation", "add", node_folder, *VIEWER, "--tls", "--certificate", str(pem), "--json")
    assert typed.document["workstation"] == {
        "aet": "VIEWER",
        "address": "192.0.2.20:11112",
        "user": None,
        "tls": True,
        "certificate": fingerprint(pem),
    }
    assert "its certificate" in run_idas("workstation", "list", node_folder).stdout


def test_a_file_without_a_certificate_is_refused(idas: Type, node_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("empty.pem", "absent.pem"):
        typed = idas("workstation", "add", node_folder, *VIEWER, "--certificate", str(tmp_path / name))
        assert typed.status != 0
        assert "holds no certificate" in typed.stderr
