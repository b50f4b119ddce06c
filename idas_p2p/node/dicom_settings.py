"""What an operator can set about the hospital's side: the table [dicom] of node.toml.

Belongs here: the keys, their defaults and bounds. Not here: the file, the devices (store/configured.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from idas_p2p.dicom.contexts import ANY_PRIVATE
from idas_p2p.dicom.tls import Tls, load_tls
from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address
from idas_p2p.wire.toml import TomlTable

TABLE: Final = """\
private_classes = []    # SOP Class UIDs to take images of beside the standard's, e.g. ["1.2.840.113619.4.26"]; "*": any
changed_instances = "replace"    # an image that comes again with other bytes: "replace", "refuse", or "keep" the first
own_studies = true    # false: queries of workstations do not find the studies of this node's own archives
tls_listen = ""    # HOST:PORT for DICOM over TLS, usually port 2762; empty: none
tls_certificate = ""    # our own in PEM with its key; needed for tls_listen
tls_ca = ""    # a file of certificates in PEM that those of devices are checked against; empty: those of the system
tls_clients = "optional"    # must devices that connect show a certificate that tls_ca vouches for? or "required"
"""
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)+")


class OnChange(StrEnum):
    """What becomes of an instance that is in the embedded archive with other bytes."""

    REPLACE = "replace"  # the newest is kept
    REFUSE = "refuse"  # the first is kept, and the sender is told so by a failure
    KEEP = "keep"  # the first is kept, and the sender is told so by a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSettings:
    """How this node serves devices.

    Args:
        private_classes: see contexts.StorageClasses.
        on_change: for instances that come again with other bytes.
        shows_own: whether queries of workstations find the studies of this node's own archives.
        tls_listen: where devices connect over TLS; None: nowhere.
        certificate: PEM file of our certificate and key; None: none.
        authorities: PEM file; None: those of the system.
        requires_certificates: of devices that connect over TLS.
    """

    private_classes: frozenset[str] = frozenset()
    on_change: OnChange = OnChange.REPLACE
    shows_own: bool = True
    tls_listen: Address | None = None
    certificate: Path | None = None
    authorities: Path | None = None
    requires_certificates: bool = False

    @classmethod
    def read(cls, table: TomlTable) -> DicomSettings:
        """Read and check the table but for `listen`.

        Raises:
            BadConfiguration: a value out of bounds, a file that is not there, or two that do not go together.
        """
        settings = cls(
            private_classes=frozenset(table.parsed_list("private_classes", _class_uid)),
            on_change=OnChange(_one_of(table, "changed_instances", tuple(OnChange))),
            shows_own=table.flag("own_studies", default=True),
            tls_listen=table.address("tls_listen") if table.string("tls_listen", 0, 300, default="") else None,
            certificate=_file(table, "tls_certificate"),
            authorities=_file(table, "tls_ca"),
            requires_certificates=_one_of(table, "tls_clients", ("optional", "required")) == "required",
        )
        if settings.tls_listen is not None and settings.certificate is None:
            raise table.bad("tls_certificate", "a node that listens for TLS needs its certificate")
        if settings.requires_certificates and settings.authorities is None:
            raise table.bad("tls_ca", "name the certificates that those of devices are checked against")
        return settings

    def load_tls(self) -> Tls:
        """Read the certificates.

        Raises:
            BadConfiguration: a file cannot be used.
        """
        return load_tls(self.certificate, self.authorities, requires_certificates=self.requires_certificates)


def _class_uid(text: str) -> str:
    """A SOP Class UID or ANY_PRIVATE; BadConfiguration for anything else."""
    if text != ANY_PRIVATE and not (_UID.fullmatch(text) and len(text) <= 64):
        raise BadConfiguration("write a SOP Class UID such as 1.2.840.113619.4.26, or *")
    return text


def _one_of(table: TomlTable, key: str, words: tuple[str, ...]) -> str:
    word = table.string(key, 1, 32, default=words[0])
    if word not in words:
        raise table.bad(key, f"one of {', '.join(words)}")
    return word


def _file(table: TomlTable, key: str) -> Path | None:
    text = table.string(key, 0, 4_096, default="")
    if text and not Path(text).is_file():
        raise table.bad(key, "there is no such file; write its whole path")
    return Path(text) if text else None
