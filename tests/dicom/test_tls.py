from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from idas_p2p.dicom.tls import SUITES, load_tls
from idas_p2p.errors import BadConfiguration
from tests.dicom.certificates import Authority


def test_nothing_older_than_tls_1_2_and_nothing_weak_is_spoken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = load_tls(authority.issue("node"), authority.path)
    assert tls.server is not None
    for context in (tls.server, tls.client):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
        names = {suite["name"] for suite in context.get_ciphers()}
        assert names - set(SUITES) <= {name for name in names if name.startswith("TLS_")}  # of 1.3
        assert all("GCM" in name or "POLY1305" in name for name in names)


def test_devices_are_asked_for_certificates_where_the_hospital_has_an_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pem = authority.issue("node")
    asked = [load_tls(pem, None), load_tls(pem, authority.path)]
    asked.append(load_tls(pem, authority.path, requires_certificates=True))
    modes = [tls.server.verify_mode for tls in asked if tls.server is not None]
    assert modes == [ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED]


def test_names_count_where_the_authorities_are_those_of_the_world(tmp_path: Path) -> None:
    assert load_tls(None, None).checks_names
    assert not load_tls(None, Authority(tmp_path).path).checks_names
    assert load_tls(None, None).server is None


def test_files_that_hold_no_certificates_are_a_configuration_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(BadConfiguration, match="tls_certificate"):
        load_tls(empty, None)
    with pytest.raises(BadConfiguration, match="tls_ca"):
        load_tls(None, empty)
