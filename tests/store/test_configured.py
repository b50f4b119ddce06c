from __future__ import annotations

import pytest

from idas_p2p.errors import BadConfiguration
from idas_p2p.store.configured import Archive, Group, User, Workstation
from idas_p2p.wire.address import Address


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 65},
        {"aet": "SEVENTEEN_LETTERS"},
        {"aet": "BACK\\SLASH"},
        {"aet": ""},
        {"aet": "ÄRZTE"},
        {"address": None},
        {"kind": "tape"},
        {"kind": "folder"},
        {"kind": "dicomweb"},
        {"prefer": "tape"},
        {"web_user": "idas"},
        {"dicomweb": "pacs.example/dicom-web"},
        {"dicomweb": "ftp://pacs.example"},
        {"dicomweb": "https://idas:sesame@pacs.example"},
        {"dicomweb": "https://pacs.example/?key=value"},
        {"dicomweb": "https://pacs.example:port/"},
        {"dicomweb": "https:///dicom-web"},
        {"dicomweb": "https://pacs.example/\n"},
        {"dicomweb": "https://" + "x" * 500},
        {"poll_seconds": 0.0},
        {"poll_seconds": float("nan")},
        {"poll_seconds": float("inf")},
    ],
)
def test_an_archive_that_cannot_work_is_refused_from_birth(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"name": "pacs", "aet": "PACS", "address": Address("h", 104)}
    with pytest.raises(BadConfiguration):
        Archive(**{**good, **wrong})  # type: ignore[arg-type]


def test_an_archive_does_not_print_its_password() -> None:
    archive = Archive(name="cloud", kind="dicomweb", dicomweb="https://h", web_user="idas", web_password="sesame")
    assert "sesame" not in repr(archive)


def test_a_workstation_needs_an_ae_title() -> None:
    with pytest.raises(BadConfiguration, match="AE title"):
        Workstation(aet=" VIEWER", address=Address("h", 104))


@pytest.mark.parametrize("name", ["", " anna", "an\x1b[2Jna"])
def test_names_that_could_deceive_a_terminal_are_refused(name: str) -> None:
    with pytest.raises(BadConfiguration):
        User(name=name, password_hash="x")
    with pytest.raises(BadConfiguration):
        Group(name="group", members=(name,))


def test_a_password_hash_does_not_print_itself() -> None:
    assert "argon2id" not in repr(User(name="anna", password_hash="$argon2id$…"))
