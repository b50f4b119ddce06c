"""What an operator can configure, as values that are valid from birth.

Belongs here: the values and their limits. Not here: keeping them (settings.py), what they mean for access
(access/policy.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from idas_p2p.errors import BadConfiguration
from idas_p2p.limits import MAX_ASSOCIATIONS
from idas_p2p.wire.address import Address
from idas_p2p.wire.aet import check_aet
from idas_p2p.wire.hours import Hours

MAX_NAME_SIZE: Final = 64  # characters of a name an operator gives; ours
MIN_POLL: Final = 1.0  # seconds; ours: an archive is not to be flooded
KINDS: Final = ("dicom", "dicomweb", "folder")
PREFERENCES: Final = ("fastest", "dicomweb", "move", "get")  # ways to ask for images
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
MAX_URL_SIZE: Final = 500  # characters; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A source of studies on the local network or on a disk.

    Raises:
        BadConfiguration: a field has no meaning for this kind of archive.
    """

    name: str
    kind: str = "dicom"  # or "dicomweb" or "folder"
    aet: str = ""
    address: Address | None = None
    folder: str = ""
    poll_seconds: float = 60.0  # from the end of one harvest to the next
    prefer: str = "fastest"  # the way tried first: what is measured to be fastest, or one of the others
    dicomweb: str = ""  # URL of its DICOMweb service; empty for none
    web_user: str = ""  # for that service; empty for none
    web_password: str = field(default="", repr=False)
    tls: bool = False  # DICOM over TLS
    associations: int = 0  # retrievals at once; 0: no limit but this node's own
    hours: str = ""  # HH:MM-HH:MM, local time, in which it is searched; empty: always
    bandwidth: float = 0.0  # bytes a second of retrievals; 0: as fast as it can

    def __post_init__(self) -> None:
        _check_name(self.name, "archive")
        if self.kind not in KINDS:
            raise BadConfiguration(f"kind of archive: one of {', '.join(KINDS)}")
        if self.kind == "dicom":
            check_aet(self.aet)
            if self.address is None:
                raise BadConfiguration("an archive needs --address HOST:PORT")
        elif self.kind == "folder" and not self.folder:
            raise BadConfiguration("a folder archive needs --folder PATH")
        elif self.kind == "dicomweb" and not self.dicomweb:
            raise BadConfiguration("an archive without --aet and --address needs --dicomweb URL")
        if self.dicomweb or self.web_user:
            _check_url(self.dicomweb)
        if self.prefer not in PREFERENCES:
            raise BadConfiguration(f"--prefer: one of {', '.join(PREFERENCES)}")
        if self.kind != "dicom" and self.tls:
            raise BadConfiguration("--tls goes with --aet and --address; a DICOMweb service says https")
        if self.kind == "folder" and (self.associations or self.bandwidth or self.hours):
            raise BadConfiguration(
                "--associations, --bandwidth and --hours are for archives that are asked, not folders"
            )
        if not 0 <= self.associations <= MAX_ASSOCIATIONS:
            raise BadConfiguration(f"--associations: 1 to {MAX_ASSOCIATIONS}, or 0 for no limit")
        if not 0 <= self.bandwidth < float("inf"):
            raise BadConfiguration("--bandwidth: megabytes a second, or 0 for no limit")
        if self.hours:
            Hours.parse(self.hours)
        if not MIN_POLL <= self.poll_seconds < float("inf"):
            raise BadConfiguration(f"--poll: at least {MIN_POLL:g} seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workstation:
    """A DICOM program on the local network that may ask this node, and where images for it go.

    Raises:
        BadConfiguration: not an AE title, or not a fingerprint.
    """

    aet: str
    address: Address
    user: str | None = None  # whose requests they are
    tls: bool = False  # images go to it over TLS
    certificate: str = ""  # SHA-256 in hexadecimal of the one it must show, from wherever it comes; empty: none

    def __post_init__(self) -> None:
        check_aet(self.aet)
        if self.certificate and not _FINGERPRINT.fullmatch(self.certificate):
            raise BadConfiguration("a certificate is named by the SHA-256 of it, 64 hexadecimal digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person with an account at this node.

    Raises:
        BadConfiguration: not a name.
    """

    name: str
    password_hash: str = field(repr=False)  # Argon2id, made by access/passwords.py
    groups: tuple[str, ...] = ()  # sorted

    def __post_init__(self) -> None:
        for name in (self.name, *self.groups):
            _check_name(name, "user or group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named set of users or of nodes.

    Raises:
        BadConfiguration: not a name.
    """

    name: str
    members: tuple[str, ...] = ()  # sorted

    def __post_init__(self) -> None:
        for name in (self.name, *self.members):
            _check_name(name, "group or member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An access rule; the one of the lowest number that fits decides."""

    number: int
    subject: str
    level: str
    conditions: str = "{}"  # JSON text
    expires: float | None = None  # Unix seconds


def _check_url(url: str) -> None:
    """Refuse what is not the URL of a service. A password has an option of its own, and no list shows it."""
    try:
        parts = urlsplit(url)
        is_service = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_service = False
    if (
        not is_service
        or len(url) > MAX_URL_SIZE
        or not url.isascii()
        or not url.isprintable()
        or set(url) & set(" ?#@")
    ):
        raise BadConfiguration("--dicomweb: the URL of the service, such as https://pacs.example/dicom-web")


def _check_name(name: str, what: str) -> None:
    if not 0 < len(name) <= MAX_NAME_SIZE or not name.isprintable() or name != name.strip():
        raise BadConfiguration(f"name of {what}: 1 to {MAX_NAME_SIZE} printable characters")
