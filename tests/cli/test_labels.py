from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Type


def test_labels_are_put_listed_and_taken_off(idas: Type, node_folder: Path) -> None:
    idas("label", "add", node_folder, "VIP", "--patient", "P-1^^^City")
    idas("label", "add", node_folder, "trial", "--study", "1.2")
    listed = idas("label", "list", node_folder, "--json").document["labels"]
    assert listed == [
        {"label": "trial", "kind": "study", "name": "1.2", "issuer": ""},
        {"label": "vip", "kind": "patient", "name": "p-1", "issuer": "city"},
    ]
    assert "trial" in idas("label", "list", node_folder).stdout
    assert idas("label", "remove", node_folder, "vip", "--patient", "p-1^^^CITY").status == 0
    assert idas("label", "remove", node_folder, "vip", "--patient", "p-1^^^CITY").status == 1


@pytest.mark.parametrize("words", [(), ("--patient", "1", "--study", "1.2")])
def test_a_label_goes_on_one_thing(idas: Type, node_folder: Path, words: tuple[str, ...]) -> None:
    assert idas("label", "add", node_folder, "vip", *words).status == 2
