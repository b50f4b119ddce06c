from __future__ import annotations

from idas_p2p.dicom import contexts
from idas_p2p.dicom.query_keys import TABLE
from tools.conformance.__main__ import TARGET
from tools.conformance.statement import statement


def test_the_conformance_statement_is_what_the_program_does() -> None:
    """When this fails, a table of the program changed: `make conformance` writes the file anew."""
    assert TARGET.read_text("utf-8") == statement()


def test_every_class_syntax_and_key_is_in_it() -> None:
    text = statement()
    for uid in (*contexts.STORAGE, *contexts.SERVICES, *contexts.TRANSFER_SYNTAXES):
        assert f"| {uid} |" in text
    for key in TABLE:
        assert key.keyword.replace(".", " > ") in text


def test_it_has_the_sections_of_the_standard() -> None:
    lines = statement().splitlines()
    sections = [line for line in lines if line.startswith("## ")]
    assert [line.split()[1] for line in sections] == [str(number) for number in range(1, 9)]
