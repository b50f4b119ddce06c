"""What all tables share."""

from __future__ import annotations

from rich.text import Text

from idas_p2p.dashboard.tables import Records, counted, rows_of, singular, state, word
from tests.dashboard.pictures import drawn


def test_markup_in_a_cell_is_shown_not_obeyed() -> None:
    shown = Records(("NAME",), [("[red]Ann[/red] :smile:",)])
    assert "[red]Ann[/red] :smile:" in drawn(shown)


def test_a_uid_is_never_cut_however_narrow_the_terminal() -> None:
    uid = "1.2.826.0.1.3680043.8.498." + "9" * 38
    records = Records(("DESCRIPTION", "STUDY UID"), [("a long description " * 5, uid)])
    assert uid in drawn(records, width=70)


def test_a_table_that_does_not_fit_becomes_a_labelled_paragraph_each() -> None:
    records = Records(("PATIENT", "SEX", "DESCRIPTION"), [("Ann", "–", "x" * 30)])
    assert drawn(records, width=60).splitlines()[0].split() == ["PATIENT", "SEX", "DESCRIPTION"]
    assert drawn(records, width=40).split() == ["-", "patient", "Ann", "description", "x" * 30]


def test_an_empty_table_is_a_sentence_that_helps() -> None:
    assert drawn(counted(Records(("NAME",), []), "archives", when_empty="No archive yet.")) == "No archive yet.\n"


def test_rows_are_counted_in_singular_and_plural() -> None:
    assert "1 study\n" in drawn(counted(Records(("N",), [("a",)]), "studies", when_empty=""))
    assert "2 peers\n" in drawn(counted(Records(("N",), [("a",), ("b",)]), "peers", when_empty=""))
    assert singular("archives") == "archive"


def test_a_document_of_another_shape_has_no_rows() -> None:
    assert rows_of({"peers": "none"}, "peers") == rows_of({}, "peers") == []
    assert rows_of({"peers": [1, {"a": 2}]}, "peers") == [{"a": 2}]


def test_a_state_is_escaped_and_coloured_by_its_kind() -> None:
    assert state("failed") == Text("failed", style="red")
    assert state("od\x1bd").plain == "od\\x1bd"
    assert word(None) == word("") == "–"
    assert word(0) == "0"
