"""`idas fetch`: what is refused before anything is asked of anybody."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from idas_p2p.access.invitation import Invitation, PassCode
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.wire.address import Address, Contact
from tests.cli.conftest import Type

CONTACT = Contact(Address("127.0.0.1", 9), SigningKey.generate().node_id)
CODE = PassCode.of(CONTACT.node_id, b"s" * 16, CONTACT).to_code()


def test_a_mistyped_code_is_refused_at_once(idas: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = idas("fetch", CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), "--out", tmp_path / "out")
    assert typed.status == 1
    assert "mistyped" in typed.stderr
    monkeypatch.setattr("sys.stdin", io.StringIO("nonsense\n"))
    assert "begins with IDASP1" in idas("fetch", "-", "--list").stderr
    assert not (tmp_path / "out").exists()


def test_an_invitation_is_no_pass_and_the_answer_says_what_it_is_for(idas: Type) -> None:
    invitation = Invitation.of(CONTACT.node_id, b"s" * 16, CONTACT).to_code()
    assert "idas join DIR CODE" in idas("fetch", invitation, "--list").stderr


def test_a_file_is_no_folder_for_a_study(idas: Type, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in idas("fetch", CODE, "--out", tmp_path / "file").stderr


def test_it_is_fetched_or_looked_at_and_one_must_be_said(idas: Type, tmp_path: Path) -> None:
    assert idas("fetch", CODE).status == 2
    assert idas("fetch", CODE, "--list", "--out", tmp_path).status == 2


def test_nobody_at_the_codes_contact_is_said_in_words(idas: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idas_p2p.node.invitations.JOIN_DIRECTORY_TIMEOUT", 0.3)
    typed = idas("fetch", CODE, "--list", "--json")
    assert typed.status == 1
    assert typed.document["error"]["code"] == "unreachable.directory"
