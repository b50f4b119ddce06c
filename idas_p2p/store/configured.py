"""What an operator can configure, as values that are valid from birth.

Belongs here: the values and their limits. Not here: keeping them (settings.py), what they mean for access
(access/policy.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address
from idas_p2p.wire.aet import check_aet

MAX_NAME_SIZE: Final = 64  # characters of a name an operator gives; ours
MIN_POLL: Final = 1.0  # seconds; ours: an archive is not to be flooded
KINDS: Final = ("dicom", "folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A source of studies on the local network or on a disk.

    Raises:
        BadConfiguration: a field has no meaning for this kind of archive.
    """

    name: str
    kind: str = "dicom"  # or "folder"
    aet: str = ""
    address: Address | None = None
    folder: str = ""
    poll_seconds: float = 60.0  # from the end of one harvest to the next
    prefers_get: bool = False  # C-GET instead of C-MOVE

    def __post_init__(self) -> None:
        _check_name(self.name, "archive")
        if self.kind not in KINDS:
            raise BadConfiguration(f"kind of archive: one of {', '.join(KINDS)}")
        if self.kind == "dicom":
            check_aet(self.aet)
            if self.address is None:
                raise BadConfiguration("an archive needs --address HOST:PORT")
        elif not self.folder:
            raise BadConfiguration("a folder archive needs --folder PATH")
        if not MIN_POLL <= self.poll_seconds < float("inf"):
            raise BadConfiguration(f"--poll: at least {MIN_POLL:g} seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workstation:
    """A DICOM program on the local network that may ask this node, and where images for it go.

    Raises:
        BadConfiguration: not an AE title.
    """

    aet: str
    address: Address
    user: str | None = None  # whose requests they are

    def __post_init__(self) -> None:
        check_aet(self.aet)


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


def _check_name(name: str, what: str) -> None:
    if not 0 < len(name) <= MAX_NAME_SIZE or not name.isprintable() or name != name.strip():
        raise BadConfiguration(f"name of {what}: 1 to {MAX_NAME_SIZE} printable characters")
