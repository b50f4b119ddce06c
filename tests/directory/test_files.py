from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.directory.files import MAX_KNOWN_CONTACTS, load_contacts, replace_file, save_contacts
from tests.directory.network import peer

CONTACTS = [peer(number, port=1_000 + number).contact for number in range(MAX_KNOWN_CONTACTS + 5)]


def test_contacts_survive_a_restart_and_are_bounded(tmp_path: Path) -> None:
    save_contacts(tmp_path / "c", CONTACTS)
    assert load_contacts(tmp_path / "c") == CONTACTS[:MAX_KNOWN_CONTACTS]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '["127.0.0.1:1/short"]', "[" * 50_000, "x" * 70_000])
def test_a_damaged_contact_file_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    assert load_contacts(tmp_path / "c") == []


def test_a_file_is_replaced_wholly_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert replace_file(path, [b"old"]) == 3

    def broken() -> object:
        yield b"new"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_file(path, broken())  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
