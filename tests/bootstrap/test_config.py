from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from bootstrap.config import CONFIG_FILE, KEY_FILE, BootstrapConfig, advertised, usable
from idas_p2p.directory.quotas import Quotas
from idas_p2p.directory.settings import DirectorySettings
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address, Contact
from tests.directory.network import peer


def test_what_create_makes_load_reads(tmp_path: Path) -> None:
    identity = BootstrapConfig.create(tmp_path, Address("127.0.0.1", 7000))
    config = BootstrapConfig.load(tmp_path)
    assert (config.listen, config.contacts, config.allow_private) == (Address("127.0.0.1", 7000), (), True)
    assert config.node_id == identity.node_id
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o077 == 0


def test_other_bootstrap_nodes_can_be_named(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text(
        f'listen = "[::]:7000"\ncontacts = ["{peer(1).contact}"]\nallow_private = false\n'
    )
    config = BootstrapConfig.load(tmp_path)
    assert (config.contacts, config.allow_private) == ((peer(1).contact,), False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('listen = "127.0.0.1"', "HOST:PORT"),
        ("", "listen: is missing"),
        ('listen = "127.0.0.1:1"\nlistne = 1', "line 2: listne: is not known"),
        ('listen = "127.0.0.1:1"\ncontacts = ["x"]', "line 2: contacts: .*HOST:PORT/ID"),
        ('listen = "127.0.0.1:1"\ncontacts = "x"', "line 2: contacts: write a list"),
        ('listen = "127.0.0.1:1"\nallow_private = "no"', "line 2: allow_private: write true or false"),
        ("listen = ", "bootstrap.toml"),
        ('listen = "127.0.0.1:1"\n[directory]\nrecords = 0', "line 3: directory.records: write a whole number from 1"),
        (
            'listen = "127.0.0.1:1"\n\n[directory]\n# many\nbytes = "all"',
            "line 5: directory.bytes: write a whole number",
        ),
        (
            'listen = "127.0.0.1:1"\ndirectory.block_share = 2',
            "line 2: directory.block_share: write a number from 0.01 to 1",
        ),
        ('listen = "127.0.0.1:1"\n[directory]\ncolour = 1', "line 3: directory.colour: is not known"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(BadConfiguration, match=complaint):
        BootstrapConfig.load(tmp_path)


def test_the_file_says_every_bound_and_that_is_the_default(tmp_path: Path) -> None:
    BootstrapConfig.create(tmp_path, Address("127.0.0.1", 7000))
    text = (tmp_path / CONFIG_FILE).read_text()
    assert [key for key in ("records", "bytes", "block_share", "contacts_per_block") if f"\n{key} = " not in text] == []
    assert BootstrapConfig.load(tmp_path).directory == DirectorySettings()


def test_what_is_held_for_others_can_be_bounded(tmp_path: Path) -> None:
    bounds = "records = 20_000\nbytes = 9_000_000\nblock_share = 1\ncontacts_per_block = 8\n"
    (tmp_path / CONFIG_FILE).write_text(f'listen = "127.0.0.1:7000"\n[directory]\n{bounds}')
    assert BootstrapConfig.load(tmp_path).directory == DirectorySettings(
        quotas=Quotas(records=20_000, size=9_000_000, block_share=1.0), contacts_per_block=8
    )


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    BootstrapConfig.create(tmp_path, Address("127.0.0.1", 7000))
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(BadConfiguration, match="chmod 600"):
        BootstrapConfig.load(tmp_path).identity()


def test_a_contact_on_a_wildcard_is_told_at_addresses_that_nodes_can_use() -> None:
    node_id = peer(1).contact.node_id
    for contact in usable(Contact(Address("0.0.0.0", 443), node_id)):
        assert (contact.node_id, contact.address.port, contact.address.is_wildcard) == (node_id, 443, False)
    named = Contact(Address("boot.example.org", 443), node_id)
    assert usable(named) == [named]


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_advertised_addresses_are_real_ones(wildcard: str) -> None:
    for host in advertised(wildcard):
        assert not ipaddress.ip_address(host).is_unspecified
    assert advertised(wildcard)
