"""The forms of arguments: what is read, what is a usage error."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.cli import arguments
from idas_p2p.wire.address import Address, Contact

CONTACT = "192.0.2.1:7300/" + "a" * 52


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("60s", 60), ("1.5m", 90), ("2min", 120), ("12h", 43_200), ("7d", 604_800)]
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert arguments.duration(text) == seconds


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (arguments.duration, "soon"),
        (arguments.duration, "0s"),
        (arguments.duration, "-5s"),
        (arguments.duration, "99999d"),
        (arguments.address, "no-port"),
        (arguments.address, "host:99999"),
        (arguments.address, "::1:104"),
        (arguments.contact, "192.0.2.1:7300"),
        (arguments.contact, "192.0.2.1:7300/short"),
        (arguments.aet, ""),
        (arguments.aet, "SEVENTEEN_LETTERS"),
        (arguments.aet, "A\\B"),
        (arguments.aet, "Ä"),
        (arguments.name, "../etc"),
        (arguments.name, ""),
        (arguments.name, "a\nb"),
        (arguments.title, "  "),
        (arguments.title, "x" * 65),
        (arguments.uid, "1.2.x"),
        (arguments.uid, "1" * 65),
        (arguments.count, "0"),
        (arguments.count, "-1"),
        (arguments.count, "²"),
        (arguments.query_key, "PatientID"),
        (arguments.query_key, "=1"),
        (arguments.subject, "somebody"),
        (arguments.proxy, "proxy:3128"),
        (arguments.folder, ""),
    ],
)
def test_a_malformed_argument_is_refused(kind: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        kind(text)


def test_well_formed_arguments_become_values() -> None:
    assert arguments.address("[::1]:104") == Address("::1", 104)
    assert arguments.contact(CONTACT) == Contact.parse(CONTACT)
    assert arguments.aet(" VIEWER ") == "VIEWER"
    assert arguments.query_key("PatientName=A=B") == ("PatientName", "A=B")
    assert arguments.subject("node:City Hospital") == "node:City Hospital"
    assert arguments.proxy("http://proxy:3128") == "http://proxy:3128"


def test_a_folder_means_the_same_to_a_node_started_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert arguments.folder("out") == tmp_path / "out"


@pytest.mark.parametrize(
    "kind",
    [
        *(arguments.duration, arguments.address, arguments.contact, arguments.aet, arguments.name, arguments.uid),
        *(arguments.count, arguments.title, arguments.query_key, arguments.subject, arguments.proxy),
    ],
)
@given(text=st.text(max_size=80))
def test_any_text_is_a_value_or_a_usage_error(kind: Callable[[str], Any], text: str) -> None:
    try:
        kind(text)
    except ArgumentTypeError:
        return
