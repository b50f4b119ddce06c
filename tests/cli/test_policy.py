"""`idas policy`: what a privacy officer reads before and after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.node.config import NodeConfig
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.study import Study
from tests.access.region import BERT, NOW
from tests.access.region import Node as Member
from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode

FILE = '[[rule]]\nname = "no staff"\nto = "everyone"\nlabels = "staff"\nlevel = "none"\n'


@pytest.fixture
def folder(node_folder: Path) -> Path:
    """A node that holds a CT of a colleague and an MR of somebody else."""
    database = Database.open(NodeConfig.load(node_folder).database_url)
    studies = [
        Study(study_uid="1.1", patient_id="P1", modalities=("CT",), study_date="20240101"),
        Study(study_uid="1.2", patient_id="P2", modalities=("MR",), study_date="20240102"),
    ]
    Catalog(database).record("pacs", studies, now=1.0)
    database.close()
    return node_folder


def test_rules_are_listed_in_the_order_in_which_they_are_tried(idas: Type, folder: Path) -> None:
    idas("grant", folder, "--to", "everyone", "--level", "full", "--modality", "CT")
    (folder / "policy.toml").write_text(FILE)
    listed = idas("policy", "list", folder, "--json").document
    assert [(rule["origin"], rule["studies"], rule["level"]) for rule in listed["rules"]] == [
        ("policy.toml line 1 (no staff)", "label staff", "none"),
        ("grant 1", "modality CT", "full"),
    ]
    assert "no staff" in idas("policy", "list", folder).stdout


def test_a_file_that_is_refused_is_said_with_line_and_reason_and_what_holds_instead(idas: Type, folder: Path) -> None:
    (folder / "policy.toml").write_text(FILE)
    assert idas("policy", "list", folder).status == 0
    (folder / "policy.toml").write_text(FILE.replace("none", "some"))
    listed = idas("policy", "list", folder, "--json")
    assert listed.status == 1
    assert "policy.toml, line 5: rule.level: level 'some'" in listed.document["refusal"]
    assert len(listed.document["rules"]) == 1


def test_what_decides_is_explained_with_each_rule_before_it(idas: Type, folder: Path) -> None:
    (folder / "policy.toml").write_text(FILE)
    idas("grant", folder, "--to", "node:Lake Clinic", "--level", "none")
    idas("grant", folder, "--to", "node:City Hospital", "--level", "full", "--modality", "MR")
    idas("user", "add", folder, "dr-lee", "--group", "Radiology", "--password-stdin")
    told = idas("policy", "explain", folder, "--as", "dr-lee@city hospital", "--study", "1.2", "--json").document
    assert (told["level"], told["rule"]["origin"], told["is_held"]) == ("full", "grant 2", True)
    assert [(rule["origin"], rule["why_not"]) for rule in told["earlier"]] == [
        ("policy.toml line 1 (no staff)", "it is about everyone"),
        ("grant 1", "it is about node:Lake Clinic"),
    ]
    shown = idas("policy", "explain", folder, "--as", "dr-lee@City Hospital", "--study", "1.2").stdout
    assert "grant 2 decides: full" in shown
    unheld = idas("policy", "explain", folder, "--as", "City Hospital", "--study", "9.9", "--json").document
    assert (unheld["is_held"], unheld["level"]) == (False, "none")


def test_nobody_is_explained_who_is_no_member(idas: Type, folder: Path) -> None:
    typed = idas("policy", "explain", folder, "--as", "dr-lee@Nowhere", "--study", "1.1")
    assert typed.status == 1
    assert "no member of the federation is called Nowhere" in typed.stderr


def test_a_label_takes_a_patients_studies_out_of_what_is_shared(idas: Type, folder: Path) -> None:
    (folder / "policy.toml").write_text(FILE)
    idas("grant", folder, "--to", "everyone", "--level", "full")
    preview = idas("policy", "preview", folder, "--revoke", "1", "--json").document["changes"]
    assert [(change["to"], change["studies"]) for change in preview] == [("everyone", ["1.1", "1.2"])]
    idas("label", "add", folder, "Staff", "--patient", "p1")
    preview = idas("policy", "preview", folder, "--revoke", "1", "--json").document["changes"]
    assert [(change["to"], change["studies"]) for change in preview] == [("everyone", ["1.2"])]


def test_a_change_is_previewed_and_not_made(idas: Type, folder: Path) -> None:
    (folder / "new.toml").write_text('[[rule]]\nto = "node:Lake Clinic"\nmodalities = "CT"\nlevel = "full"\n')
    told = idas("policy", "preview", folder, "--file", folder / "new.toml", "--json").document["changes"]
    assert told == [{"to": "node:Lake Clinic", "before": "none", "after": "full", "count": 1, "studies": ["1.1"]}]
    granted = idas("policy", "preview", folder, "--to", "group:lungs", "--level", "full")
    assert "group:lungs" in granted.stdout
    assert idas("policy", "list", folder, "--json").document == {"rules": [], "refusal": ""}
    assert "Nothing would change" in idas("policy", "preview", folder, "--to", "everyone", "--level", "none").stdout


@pytest.mark.parametrize("words", [(), ("--to", "everyone"), ("--revoke", "1", "--to", "everyone", "--level", "full")])
def test_a_preview_is_of_one_change(idas: Type, folder: Path, words: tuple[str, ...]) -> None:
    assert idas("policy", "preview", folder, *words).status == 2


def test_a_file_with_an_error_is_previewed_as_its_error(idas: Type, folder: Path) -> None:
    (folder / "new.toml").write_text(FILE.replace("to =", "too ="))
    typed = idas("policy", "preview", folder, "--file", folder / "new.toml")
    assert typed.status == 1
    assert "new.toml, line" in typed.stderr


@pytest.fixture
def admin_folder(folder: Path) -> Path:
    """The same as administrator of a federation with a second member, Bert."""
    config = NodeConfig.load(folder)
    database = Database.open(config.database_url)
    node = Member(SigningKey.load(config.key_path), Settings(database))  # type: ignore[arg-type]
    node.federation.create("City Hospital", "Region", now=NOW)
    node.admit(BERT, "Bert", node.invite())
    database.close()
    return folder


def test_somebody_elsewhere_is_in_the_groups_that_the_running_node_finds(idas: Type, admin_folder: Path) -> None:
    found = {"groups": ["lungs"], "node_groups": ["lake"]}
    words = ("policy", "explain", admin_folder, "--as", "dr.b@bert", "--study", "1.1")
    with ScriptedNode(admin_folder, {"group_proved": [{"result": found}]}) as node:
        told = idas(*words, "--json").document
    assert node.requests[0]["arguments"] == {"node": str(BERT.node_id), "user": "dr.b"}
    assert (told["groups"], told["node_groups"]) == (["lungs"], ["lake"])
    (admin_folder / "control.sock").unlink()
    alone = idas(*words, "--in-group", "Lungs")
    assert "say them with --in-group" in alone.stderr
