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
        {"poll_seconds": 0.0},
        {"poll_seconds": float("nan")},
        {"poll_seconds": float("inf")},
    ],
)
def test_an_archive_that_cannot_work_is_refused_from_birth(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"name": "pacs", "aet": "PACS", "address": Address("h", 104)}
    with pytest.raises(BadConfiguration):
        Archive(**{**good, **wrong})  # type: ignore[arg-type]


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
