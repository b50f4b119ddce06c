"""node.toml: what a node must know before it can start; every error names the key and the remedy.

Belongs here: reading, checking and first writing of the file. Archives, workstations, users and grants are in the
database (store/settings.py), because commands change them while the node runs.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.settings import TABLE, DirectorySettings
from idas_p2p.errors import BadConfiguration
from idas_p2p.node import audit_settings, dicom_settings
from idas_p2p.node.audit_settings import AuditSettings
from idas_p2p.node.dicom_settings import DicomSettings
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.http_proxy import HttpProxy
from idas_p2p.wire.toml import TomlTable

CONFIG_FILE, KEY_FILE = "node.toml", "node.key"
DEFAULT_SPOOL_GB = 20.0  # gigabytes of images in transit kept on disk
DEFAULT_SPOOL_HOURS = 1.0  # hours they are kept for a repetition
MAX_SPOOL_HOURS = 8_760.0  # ours: a year
MAX_NUMBER = 1e6  # of any number in the file; ours: a petabyte of spool
MAX_INSTITUTION_SIZE = 64  # characters; the limit of manifests and node records

_TEMPLATE = """\
# An idas node. After a change, restart it: stop it with SIGTERM, then `idas run` on this folder.

[node]
institution = {institution}    # as other members see it
aet = {aet}    # the AE title this node answers to

[dicom]
listen = {dicom}    # where workstations and archives connect
{devices}
[network]
listen = {network}    # TCP and UDP port for other nodes
advertise = []    # addresses others should use instead, e.g. ["203.0.113.7:7000"]; empty: found out by itself
bootstrap = {bootstrap}    # HOST:PORT/ID of the operators' nodes
proxy = {proxy}    # of a network that lets only an HTTP proxy out: "http://[USER:PASSWORD@]HOST:PORT"; empty: none
relay = true    # where no direct way is found, be reached through bootstrap nodes that relay, and reach others so
map_port = true    # ask the router to open the port (PCP, NAT-PMP, UPnP); it is closed again at the end

[storage]
database = ""    # empty: node.db in this folder; or postgresql+psycopg://USER@HOST/NAME, with psycopg installed
spool_gb = {spool_gb}    # disk for images in transit
spool_hours = {spool_hours}    # how long images of an ended or broken transfer are kept for a repetition
encrypt_spool = false    # true: seal images in transit with a key that follows from node.key

{directory}
{audit}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """A checked configuration."""

    folder: Path
    institution: str
    aet: str
    dicom: Address
    network: Address
    advertise: tuple[Address, ...]
    bootstrap: tuple[Contact, ...]
    relay: bool
    database_url: str
    spool_bytes: int
    spool_seconds: float
    encrypt_spool: bool
    directory: DirectorySettings
    audit: AuditSettings
    devices: DicomSettings
    maps_ports: bool = True
    proxy: HttpProxy | None = None

    @property
    def key_path(self) -> Path:
        """The file of the node's identity."""
        return self.folder / KEY_FILE

    @classmethod
    def load(cls, folder: Path) -> NodeConfig:
        """Read a node's folder.

        Raises:
            BadConfiguration: no such folder or file, or a key in it is missing, unknown or wrong.
        """
        path = folder / CONFIG_FILE
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise BadConfiguration(f"{path} does not exist; make a node with: idas init {folder} ...") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(f"{path} cannot be read: {error}") from None
        return cls._checked(folder, text)

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        institution: str,
        aet: str,
        dicom: Address,
        network: Address,
        bootstrap: tuple[Contact, ...] = (),
        proxy: str = "",
    ) -> NodeConfig:
        """Make a node's folder with a new identity.

        Raises:
            BadConfiguration: a value is wrong, the folder holds a node already, or it cannot be written.
        """
        path = folder / CONFIG_FILE
        if path.exists() or (folder / KEY_FILE).exists():
            raise BadConfiguration(f"{folder} holds a node already; choose another folder")
        text = _TEMPLATE.format(
            institution=_quoted(institution),
            aet=_quoted(aet),
            dicom=_quoted(str(dicom)),
            network=_quoted(str(network)),
            bootstrap=json.dumps([str(contact) for contact in bootstrap]),
            proxy=_quoted(proxy),
            spool_gb=DEFAULT_SPOOL_GB,
            spool_hours=DEFAULT_SPOOL_HOURS,
            devices=dicom_settings.TABLE,
            directory=TABLE,
            audit=audit_settings.TABLE,
        )
        config = cls._checked(folder, text)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            SigningKey.generate().save(config.key_path)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BadConfiguration(f"{folder} cannot be written: {error.strerror}") from None
        return config

    @classmethod
    def _checked(cls, folder: Path, text: str) -> NodeConfig:
        root = TomlTable.parse(text, file=CONFIG_FILE)
        node, dicom, network, storage = (root.table(name) for name in ("node", "dicom", "network", "storage"))
        config = cls(
            folder=folder,
            institution=node.string("institution", 1, MAX_INSTITUTION_SIZE),
            aet=node.aet("aet"),
            dicom=dicom.address("listen"),
            network=network.address("listen"),
            advertise=network.parsed_list("advertise", Address.parse),
            bootstrap=network.parsed_list("bootstrap", Contact.parse),
            relay=network.flag("relay", default=True),
            database_url=storage.string("database", 0, 1_024, default="")
            or f"sqlite:///{folder.absolute() / 'node.db'}",
            spool_bytes=int(storage.number("spool_gb", default=DEFAULT_SPOOL_GB, low=0.01, high=MAX_NUMBER) * 1e9),
            spool_seconds=3_600.0
            * storage.number("spool_hours", default=DEFAULT_SPOOL_HOURS, low=0.01, high=MAX_SPOOL_HOURS),
            encrypt_spool=storage.flag("encrypt_spool", default=False),
            directory=DirectorySettings.read(root.table("directory")),
            audit=AuditSettings.read(root.table("audit")),
            devices=DicomSettings.read(dicom),
            maps_ports=network.flag("map_port", default=True),
            proxy=network.parsed("proxy", HttpProxy.parse),
        )
        for table in (node, dicom, network, storage, root):
            table.refuse_unknown()
        return config


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are valid in TOML."""
    return json.dumps(text, ensure_ascii=False)
