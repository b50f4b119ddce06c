"""The folder of a bootstrap node: bootstrap.toml, bootstrap.key, and what it remembers.

Belongs here: making and reading it. Not here: serving.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bootstrap.relay_settings import TABLE as RELAY_TABLE
from bootstrap.relay_settings import RelaySettings
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.settings import TABLE, DirectorySettings
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.toml import TomlTable

KEY_FILE = "bootstrap.key"
CONFIG_FILE = "bootstrap.toml"

METRICS_LISTEN = Address("127.0.0.1", 9464)

TEMPLATE = """\
# A bootstrap node of idas_p2p. Give the text that `python -m bootstrap run` prints to nodes.
# Every setting is here with its default. `python -m bootstrap reload DIR` takes changes of [relay] and of the bounds in
# [directory] at once and tells which others need a restart. More: docs/operations/bootstrap.md
listen = "{listen}"    # UDP and TCP address to serve on; open both in the firewall
contacts = []    # other bootstrap nodes of the same network, as HOST:PORT/ID
allow_private = true    # also serve nodes with private addresses; false on the open Internet

{directory}
{relay}
[metrics]
enabled = false    # show figures to Prometheus at http://LISTEN/metrics: counts only, no NodeIds and no addresses
listen = "{metrics}"    # TCP; there is no password, so keep it on loopback or a network of your own
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """The table [metrics]."""

    enabled: bool = False
    listen: Address = METRICS_LISTEN

    @classmethod
    def read(cls, table: TomlTable) -> MetricsSettings:
        """Read and check the table.

        Raises:
            BadConfiguration: a key is unknown or has a wrong value.
        """
        settings = cls(
            enabled=table.flag("enabled", default=False),
            listen=table.address("listen", default=str(METRICS_LISTEN)),
        )
        table.refuse_unknown()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapConfig:
    """What bootstrap.toml says."""

    folder: Path
    listen: Address
    contacts: tuple[Contact, ...] = ()
    allow_private: bool = True
    directory: DirectorySettings = field(default_factory=DirectorySettings)
    relay: RelaySettings = field(default_factory=RelaySettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    @classmethod
    def create(cls, folder: Path, listen: Address, *, relay: bool = False) -> SigningKey:
        """Make the folder and a key; returns the key. `relay` says whether it also relays.

        Raises:
            BadConfiguration: there is one already.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CONFIG_FILE).exists() or (folder / KEY_FILE).exists():
            raise BadConfiguration(f"{folder} already holds a bootstrap node; use `run`, or another folder")
        identity = SigningKey.generate()
        identity.save(folder / KEY_FILE)
        (folder / CONFIG_FILE).write_text(template(listen, relay=relay), encoding="utf-8")
        return identity

    @classmethod
    def load(cls, folder: Path) -> BootstrapConfig:
        """Read the folder.

        Raises:
            BadConfiguration: no such folder, or a key in it that has no meaning or a wrong value.
        """
        path = folder / CONFIG_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            raise BadConfiguration(f"{path} cannot be read; make it with `python -m bootstrap init`") from None
        except UnicodeDecodeError as error:
            raise BadConfiguration(f"{path}: {error}") from None
        root = TomlTable.parse(text, file=str(path))
        config = cls(
            folder=folder,
            listen=root.address("listen"),
            contacts=root.parsed_list("contacts", Contact.parse),
            allow_private=root.flag("allow_private", default=True),
            directory=DirectorySettings.read(root.table("directory")),
            relay=RelaySettings.read(root.table("relay")),
            metrics=MetricsSettings.read(root.table("metrics")),
        )
        root.refuse_unknown()
        return config

    def identity(self) -> SigningKey:
        """The node's key.

        Raises:
            BadConfiguration: it cannot be used.
        """
        return SigningKey.load(self.folder / KEY_FILE)

    @property
    def node_id(self) -> NodeId:
        """The node's name."""
        return self.identity().node_id


def template(listen: Address, *, relay: bool = False) -> str:
    """What a new bootstrap.toml says: every setting with its default."""
    table = RELAY_TABLE.format(enabled=str(relay).lower())
    return TEMPLATE.format(listen=listen, directory=TABLE, relay=table, metrics=METRICS_LISTEN)


def advertised(wildcard: str) -> list[str]:
    """The addresses of this machine that others may reach, public ones first; loopback when there are no others."""
    families = {socket.AF_INET} if wildcard == "0.0.0.0" else {socket.AF_INET, socket.AF_INET6}  # noqa: S104
    found = [
        ipaddress.ip_address(entry.address.partition("%")[0])
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in families
    ]
    usable = [ip for ip in found if not ip.is_loopback and not ip.is_link_local]
    return [str(ip) for ip in sorted(usable, key=lambda ip: not ip.is_global)] or ["127.0.0.1"]


def usable(contact: Contact) -> list[Contact]:
    """The contact as others may use it, the best first: on a wildcard, at the addresses of this machine."""
    hosts = advertised(contact.address.host) if contact.address.is_wildcard else [contact.address.host]
    return [Contact(Address(host, contact.address.port), contact.node_id) for host in hosts]
