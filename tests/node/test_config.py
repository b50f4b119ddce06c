from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration
from idas_p2p.node.config import CONFIG_FILE, KEY_FILE, NodeConfig
from idas_p2p.wire.address import Address, Contact

DICOM, NETWORK = Address("0.0.0.0", 104), Address("::", 7400)


def create(folder: Path, **more: Any) -> NodeConfig:
    given_values: dict[str, Any] = {"institution": "City Hospital", "aet": "IDAS", "dicom": DICOM, "network": NETWORK}
    return NodeConfig.create(folder, **given_values | more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create(tmp_path / "node")
    return tmp_path / "node"


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / CONFIG_FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refusal(folder: Path) -> str:
    with pytest.raises(BadConfiguration) as refused:
        NodeConfig.load(folder)
    return refused.value.detail


def test_what_is_created_is_what_is_loaded(tmp_path: Path) -> None:
    contact = Contact(Address("boot.example", 7000), SigningKey.generate().node_id)
    made = create(tmp_path / "node", institution='Sankt "Görans"', bootstrap=(contact,))
    assert NodeConfig.load(tmp_path / "node") == made
    assert made.bootstrap == (contact,)
    assert made.database_url == f"sqlite:///{tmp_path}/node/node.db"


def test_a_proxy_is_none_until_it_is_set_and_a_wrong_one_is_refused_by_its_line(folder: Path) -> None:
    assert NodeConfig.load(folder).proxy is None
    rewrite(folder, 'proxy = ""', 'proxy = "http://anna:geheim@proxy.clinic.example:8080"')
    proxy = NodeConfig.load(folder).proxy
    assert proxy is not None
    assert (proxy.address, proxy.user, proxy.password) == (Address("proxy.clinic.example", 8080), "anna", "geheim")
    rewrite(folder, "http://anna", "https://anna")
    assert re.search(r"line \d+: network\.proxy: write http://", refusal(folder))
    assert "geheim" not in refusal(folder)


def test_the_folder_and_the_files_are_the_owners_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / name).stat().st_mode & 0o777 for name in (CONFIG_FILE, KEY_FILE)} == {0o600}


def test_a_second_node_in_one_folder_is_refused(folder: Path) -> None:
    with pytest.raises(BadConfiguration, match="holds a node already"):
        create(folder)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    assert "idas init" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "key", "remedy"),
    [
        ('aet = "IDAS"', 'aet = "TOO_LONG_FOR_AN_AET"', "node.aet", "1 to 16"),
        ('aet = "IDAS"', 'aet = "BACK\\\\SLASH"', "node.aet", "no backslash"),
        ('aet = "IDAS"', "", "node.aet", "is missing"),
        ('aet = "IDAS"', "aet = 7", "node.aet", "in quotes"),
        ('aet = "IDAS"', 'aet = "IDAS"\ncolour = 1', "node.colour", "is not known"),
        ('institution = "City Hospital"', 'institution = ""', "node.institution", "1 to 64"),
        ('institution = "City Hospital"', 'institution = " City"', "node.institution", "no space"),
        ('listen = "0.0.0.0:104"', 'listen = "nowhere"', "dicom.listen", "HOST:PORT"),
        ('listen = "[::]:7400"', 'listen = "[::]:99999"', "network.listen", "port"),
        ("bootstrap = []", 'bootstrap = ["host:1"]', "network.bootstrap", "HOST:PORT/ID"),
        ("advertise = []", 'advertise = "host:1"', "network.advertise", "list"),
        ("spool_gb = 20.0", "spool_gb = 0", "storage.spool_gb", "number from"),
        ("spool_gb = 20.0", "spool_gb = inf", "storage.spool_gb", "number from"),
        ("spool_gb = 20.0", "spool_gb = nan", "storage.spool_gb", "number from"),
        ("spool_gb = 20.0", "spool_gb = true", "storage.spool_gb", "number from"),
        ("spool_hours = 1.0", "spool_hours = 0", "storage.spool_hours", "number from"),
        ("encrypt_spool = false", "encrypt_spool = 1", "storage.encrypt_spool", "true or false"),
        ("[storage]", "[storag]", "line 25: storag", "is not known"),
        (
            "contacts_per_block = 2",
            "contacts_per_block = 9",
            "directory.contacts_per_block",
            "whole number from 1 to 8",
        ),
        ("records = 1000000", "records = -1", "directory.records", "whole number from 1"),
        ("[storage]", "[[storage]]", "storage", "[storage]"),
        ("[node]", "[node", "node.toml", "not valid TOML"),
    ],
)
def test_an_error_names_the_key_and_the_remedy(folder: Path, old: str, new: str, key: str, remedy: str) -> None:
    rewrite(folder, old, new)
    detail = refusal(folder)
    assert key in detail
    assert remedy in detail


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / CONFIG_FILE).write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refusal(folder)


VALUES = st.recursive(
    st.sampled_from(["1", "-1", "1e400", "nan", "true", '""', '"x"', "[]", "1979-05-27", "{}", '"\\u0000"'])
    | st.text(string.printable, max_size=8).map(lambda text: f"'{text}'" if "'" not in text else "0"),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.sampled_from(["node", "dicom", "network", "storage", "directory"]),
    key=st.sampled_from(
        [
            "institution",
            "aet",
            "listen",
            "advertise",
            "bootstrap",
            "database",
            "spool_gb",
            "records",
            "block_share",
            "x",
        ]
    ),
    value=VALUES,
)
def test_any_value_of_any_key_is_taken_or_refused_by_name(folder: Path, table: str, key: str, value: str) -> None:
    tables = {
        "node": {"institution": '"A"', "aet": '"A"'},
        "dicom": {"listen": '"h:1"'},
        "network": {"listen": '"h:1"'},
        "storage": {},
        "directory": {},
    }
    tables[table][key] = value
    text = "\n".join(f"[{name}]\n" + "\n".join(f"{k} = {v}" for k, v in keys.items()) for name, keys in tables.items())
    (folder / CONFIG_FILE).write_text(text)
    detail = ""
    try:
        NodeConfig.load(folder)
    except BadConfiguration as refused:
        detail = refused.detail
    assert not detail or f"{table}.{key}" in detail or "not valid TOML" in detail
