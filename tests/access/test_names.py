"""Names: what can be one, and whom one means."""

from __future__ import annotations

import pytest

from idas_p2p.access.names import means, same_name, unfit
from tests.access.region import ANNA, BERT

BERT_ID = str(BERT.node_id)


@pytest.mark.parametrize("name", ["A", "St. Anna's Hospital", "Klinikum Süd", "病院", "n" * 64])
def test_an_ordinary_name_is_fit(name: str) -> None:
    assert unfit(name) is None


@pytest.mark.parametrize(
    "name", ["", "n" * 65, " A", "A ", "A  B", "A\nB", "A\x1b[31m", "A\u202eB", "A\u00a0B", BERT_ID]
)
def test_a_name_that_could_deceive_is_unfit(name: str) -> None:
    assert unfit(name) is not None


def test_a_node_id_in_capitals_is_no_name_either() -> None:
    assert unfit(BERT_ID.upper()) == "a NodeId is not a name"


def test_names_are_the_same_whatever_their_case_and_unicode_form() -> None:
    assert same_name("Klinikum SÜD", "klinikum su\u0308d")
    assert not same_name("Klinikum Süd", "Klinikum Sud")


def test_a_name_means_the_institution_and_a_node_id_means_the_node() -> None:
    assert means("anna", ANNA.node_id, "Anna")
    assert means(str(ANNA.node_id), ANNA.node_id, "Anna")
    assert not means("Bert", ANNA.node_id, "Anna")


def test_an_institution_that_calls_itself_by_another_nodes_id_is_not_meant_by_it() -> None:
    assert not means(BERT_ID, ANNA.node_id, BERT_ID)
