from __future__ import annotations

from pathlib import Path

from idas_p2p.dicom.coercion import coerced
from idas_p2p.dicom.part10 import read_part10, write_part10
from tests.cli.conftest import Type
from tests.cli.scripted_node import ScriptedNode
from tests.dicom.test_coercion import AT
from tests.node.nodes import make_instance


def test_rules_of_priors_are_added_listed_and_removed_without_a_running_node(idas: Type, node_folder: Path) -> None:
    words = ("--modality", "CT", "--body-part", "thorax", "--years", "3", "--count", "2", "--hours", "18:00-07:00")
    assert idas("priors", "add", node_folder, *words).status == 0
    (rule,) = idas("priors", "list", node_folder, "--json").document["rules"]
    assert (rule["modalities"], rule["body_parts"], rule["years"], rule["count"]) == (["CT"], ["thorax"], 3.0, 2)
    assert "modalities CT, body_parts thorax, years 3" in idas("priors", "list", node_folder).stdout
    assert idas("priors", "remove", node_folder, "1").status == 0
    assert idas("priors", "list", node_folder, "--json").document == {"rules": []}
    assert idas("priors", "remove", node_folder, "1").status == 1


def test_a_rule_without_meaning_is_not_kept(idas: Type, node_folder: Path) -> None:
    assert idas("priors", "add", node_folder, "--hours", "late").status == 1
    assert idas("priors", "add", node_folder, "--to", "NOWHERE").status == 1
    assert idas("coerce", "add", node_folder, "--issuer", "CITY").status == 1
    assert idas("priors", "list", node_folder, "--json").document == {"rules": []}


def test_it_is_explained_what_would_be_fetched(idas: Type, tmp_path: Path) -> None:
    prior = {"study_uid": "1.2", "date": "20240101", "modalities": ["CT"], "holder": "abc", "why": "too old"}
    with ScriptedNode(tmp_path, {"priors_explain": [{"result": {"rule": 1, "to": "cache", "priors": [prior]}}]}):
        typed = idas("priors", "explain", tmp_path, "1.1")
    assert "too old" in typed.stdout
    assert "rule 1" in typed.stderr


def test_a_table_of_patients_becomes_rules(idas: Type, node_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("issuer,patient,to_patient,to_issuer\nCITY,1,L1,LAKE\nCITY, 2,L2,LAKE\n")
    assert idas("coerce", "add", node_folder, "--table", table).status == 0
    rules = idas("coerce", "list", node_folder, "--json").document["rules"]
    assert [(rule["patient"], rule["to_patient"]) for rule in rules] == [("1", "L1"), ("2", "L2")]
    assert idas("coerce", "remove", node_folder, "1").status == 0
    assert len(idas("coerce", "list", node_folder, "--json").document["rules"]) == 1
    table.write_text("issuer,nonsense\nCITY,1\n")
    assert idas("coerce", "add", node_folder, "--table", table).status == 1


def test_a_coerced_file_is_written_as_it_was(idas: Type, tmp_path: Path) -> None:
    instance = make_instance(1)
    changed = coerced(instance.data, instance.transfer_syntax_uid, {"PatientID": "L-1"}, system="A", source="B", at=AT)
    with (tmp_path / "coerced.dcm").open("wb") as file:
        write_part10(type(instance)(**{**_fields(instance), "data": changed}), file)
    assert idas("coerce", "undo", tmp_path / "coerced.dcm", tmp_path / "original.dcm").status == 0
    assert read_part10(tmp_path / "original.dcm").data.read() == instance.data.read()
    assert idas("coerce", "undo", tmp_path / "coerced.dcm", tmp_path / "original.dcm").status == 1


def _fields(instance: object) -> dict[str, object]:
    return {name: getattr(instance, name) for name in type(instance).__dataclass_fields__}  # type: ignore[attr-defined]
