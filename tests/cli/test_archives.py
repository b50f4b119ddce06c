"""`idas archive`."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.node.config import NodeConfig
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from tests.cli.conftest import Type, run_idas
from tests.cli.scripted_node import ScriptedNode

DICOM = ("pacs", "--aet", "ORTHANC", "--address", "192.0.2.10:4242")


def test_an_added_dicom_archive_is_listed_until_it_is_removed(node_folder: Path) -> None:
    assert run_idas("archive", "add", node_folder, *DICOM, "--poll", "5m", "--prefer", "get").status == 0
    listed = run_idas("archive", "list", node_folder, "--json")
    assert listed.document == {
        "archives": [
            {
                "name": "pacs",
                "kind": "dicom",
                "poll_seconds": 300.0,
                "aet": "ORTHANC",
                "address": "192.0.2.10:4242",
                "prefer": "get",
            }
        ]
    }
    assert run_idas("archive", "remove", node_folder, "pacs").status == 0
    assert run_idas("archive", "list", node_folder, "--json").document == {"archives": []}


def test_an_archive_with_dicomweb_is_listed_without_its_password(node_folder: Path) -> None:
    web = ("--dicomweb", "https://pacs.example/dicom-web", "--dicomweb-user", "idas", "--dicomweb-password-stdin")
    assert run_idas("archive", "add", node_folder, *DICOM, *web, stdin="sesame\n").status == 0
    listed = run_idas("archive", "list", node_folder, "--json")
    assert "sesame" not in listed.stdout
    (archive,) = listed.document["archives"]
    assert (archive["kind"], archive["prefer"]) == ("dicom", "fastest")
    assert (archive["dicomweb"], archive["dicomweb_user"]) == ("https://pacs.example/dicom-web", "idas")
    database = Database.open(NodeConfig.load(node_folder).database_url)
    assert Settings(database).archive("pacs").web_password == "sesame"
    database.close()


def test_an_archive_may_offer_dicomweb_alone_and_a_password_in_clear_is_warned_of(node_folder: Path) -> None:
    web = ("--dicomweb", "http://pacs.example/web", "--dicomweb-user", "idas", "--dicomweb-password-stdin")
    added = run_idas("archive", "add", node_folder, "cloud", *web, stdin="sesame\n")
    assert "in clear" in added.stderr
    (archive,) = run_idas("archive", "list", node_folder, "--json").document["archives"]
    assert archive["kind"] == "dicomweb"
    assert "aet" not in archive


def test_a_folder_archive_keeps_its_absolute_path(
    idas: Type, node_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    assert idas("archive", "add", node_folder, "shelf", "--folder", "images").status == 0
    (archive,) = idas("archive", "list", node_folder, "--json").document["archives"]
    assert archive == {
        "name": "shelf",
        "kind": "folder",
        "poll_seconds": 60.0,
        "folder": str(tmp_path / "images"),
    }
    assert str(tmp_path / "images") in idas("archive", "list", node_folder).stdout


@pytest.mark.parametrize(
    "words",
    [
        ("pacs",),
        ("pacs", "--aet", "ORTHANC"),
        ("pacs", "--address", "192.0.2.10:4242"),
        (*DICOM, "--folder", "/tmp"),
        (*DICOM, "--poll", "often"),
        (*DICOM, "--poll", "0.1s"),
        (*DICOM, "--prefer", "push"),
        (*DICOM, "--dicomweb", "pacs.example"),
        (*DICOM, "--dicomweb-user", "idas"),
        (*DICOM, "--dicomweb", "https://h", "--dicomweb-password-stdin"),
        ("pacs", "--dicomweb", "https://h", "--folder", "/tmp"),
    ],
)
def test_an_archive_that_is_neither_or_both_kinds_is_a_usage_error(
    idas: Type, node_folder: Path, words: tuple[str, ...]
) -> None:
    typed = idas("archive", "add", node_folder, *words)
    assert (typed.status, typed.stdout) == (2, "")
    assert "usage: idas archive add" in typed.stderr


def test_a_folder_that_does_not_exist_is_refused(idas: Type, node_folder: Path, tmp_path: Path) -> None:
    typed = idas("archive", "add", node_folder, "shelf", "--folder", tmp_path / "missing")
    assert typed.status == 1
    assert "there is no folder" in typed.stderr


def test_removing_an_archive_that_is_not_there_says_how_to_list_them(idas: Type, node_folder: Path) -> None:
    typed = idas("archive", "remove", node_folder, "pacs")
    assert typed.status == 1
    assert typed.stderr.startswith("idas: pacs. There is nothing of that name.")


def test_a_running_node_is_asked_whether_the_archive_answers(idas: Type, tmp_path: Path) -> None:
    with ScriptedNode(tmp_path, {"archive_echo": [{"result": {}}]}) as node:
        typed = idas("archive", "check", tmp_path, "pacs", "--json")
    assert node.requests == [{"command": "archive_echo", "arguments": {"name": "pacs"}}]
    assert typed.document == {"name": "pacs", "answers": True}


def test_an_archive_has_limits_of_its_own(idas: Type, node_folder: Path) -> None:
    words = ("--aet", "PACS", "--address", "192.0.2.10:2762", "--tls")
    limits = ("--associations", "2", "--hours", "22:00-06:00", "--bandwidth", "12.5")
    archive = idas("archive", "add", node_folder, "pacs", *words, *limits, "--json").document["archive"]
    assert {name: archive[name] for name in ("tls", "associations", "hours", "bandwidth")} == {
        "tls": True,
        "associations": 2,
        "hours": "22:00-06:00",
        "bandwidth": 12_500_000.0,
    }
    assert idas("archive", "add", node_folder, "pacs", *words, "--hours", "night").status == 2
    assert idas("archive", "add", node_folder, "web", "--dicomweb", "https://pacs.example/rs", "--tls").status == 2
