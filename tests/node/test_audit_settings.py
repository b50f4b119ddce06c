"""The table [audit] of node.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.errors import BadConfiguration
from idas_p2p.node.audit_settings import TABLE, AuditSettings
from idas_p2p.wire.address import Address
from idas_p2p.wire.toml import TomlTable


def read(text: str) -> AuditSettings:
    return AuditSettings.read(TomlTable.parse(text, file="node.toml").table("audit"))


def test_what_is_written_into_a_new_file_are_the_defaults() -> None:
    assert read(TABLE) == read("") == AuditSettings()


def test_everything_can_be_set(tmp_path: Path) -> None:
    certificate = tmp_path / "own.pem"
    certificate.write_text("")
    text = f'[audit]\nkeep_days = 1\nmax_gb = 1\nsyslog = "log.example:6514"\nsyslog_certificate = "{certificate}"'
    settings = read(text)
    assert settings.syslog == Address("log.example", 6514)
    assert settings.syslog_certificate == certificate
    assert (settings.keep_seconds, settings.max_bytes, settings.kept) == (86_400, 10**9, "1 days")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("keep_days = 0", "from 1 to"),
        ('syslog = "nowhere"', "syslog"),
        ('syslog_ca = "/nowhere.pem"', "no such file"),
        ("other = 1", "not known"),
    ],
)
def test_an_error_names_its_line_and_the_reason(line: str, reason: str) -> None:
    with pytest.raises(BadConfiguration, match=f"line 2.*{reason}"):
        read(f"[audit]\n{line}")
