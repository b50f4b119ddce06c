from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.errors import BadConfiguration
from idas_p2p.node.dicom_settings import TABLE, DicomSettings, OnChange
from idas_p2p.wire.address import Address
from idas_p2p.wire.toml import TomlTable


def read(text: str) -> DicomSettings:
    return DicomSettings.read(TomlTable.parse("[dicom]\n" + text, file="node.toml").table("dicom"))


def test_what_the_template_says_is_the_default() -> None:
    assert read(TABLE) == read("") == DicomSettings()


def test_private_classes_and_the_rule_for_changed_instances_are_read() -> None:
    settings = read('private_classes = ["1.2.840.113619.4.26", "*"]\nchanged_instances = "refuse"\n')
    assert settings.private_classes == {"1.2.840.113619.4.26", "*"}
    assert settings.on_change is OnChange.REFUSE


def test_own_studies_are_shown_unless_that_is_switched_off() -> None:
    assert read("").shows_own
    assert not read("own_studies = false\n").shows_own


def test_tls_needs_a_certificate_and_checking_devices_needs_authorities(tmp_path: Path) -> None:
    pem = tmp_path / "node.pem"
    pem.touch()
    settings = read(
        f'tls_listen = "0.0.0.0:2762"\ntls_certificate = "{pem}"\ntls_ca = "{pem}"\ntls_clients = "required"'
    )
    assert (settings.tls_listen, settings.certificate) == (Address("0.0.0.0", 2762), pem)
    assert settings.requires_certificates


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('private_classes = ["CT"]', "private_classes"),
        ('changed_instances = "burn"', "changed_instances"),
        ('tls_listen = "0.0.0.0:2762"', "tls_certificate"),
        ('tls_certificate = "/nowhere.pem"', "tls_certificate"),
        ('tls_clients = "required"', "tls_ca"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(text: str, key: str) -> None:
    with pytest.raises(BadConfiguration, match=key):
        read(text)
