from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.directory.files import MAX_KNOWN_CONTACTS, load_contacts, save_contacts
from idas_p2p.wire.address import Contact
from tests.directory.network import peer

CONTACTS = [peer(number, port=1_000 + number).contact for number in range(MAX_KNOWN_CONTACTS + 5)]


def test_contacts_survive_a_restart_and_are_bounded(tmp_path: Path) -> None:
    save_contacts(tmp_path / "c", CONTACTS)
    assert load_contacts(tmp_path / "c") == CONTACTS[:MAX_KNOWN_CONTACTS]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '["127.0.0.1:1/short"]', "[" * 50_000, "x" * 70_000])
def test_a_damaged_contact_file_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    assert load_contacts(tmp_path / "c") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_list_of_contacts(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "c").write_bytes(data)
    assert all(isinstance(contact, Contact) for contact in load_contacts(tmp_path / "c"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "c"
    save_contacts(path, CONTACTS[:1])
    (tmp_path / "c.new").mkdir()  # nothing can be written beside it
    with pytest.raises(OSError, match="directory"):
        save_contacts(path, CONTACTS)
    assert load_contacts(path) == CONTACTS[:1]
