"""What an operator can set about the audit log: the table [audit] of node.toml.

Belongs here: the keys, their defaults and bounds. Not here: the file, the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idas_p2p.wire.address import Address
from idas_p2p.wire.toml import TomlTable

KEEP_DAYS: Final = 2_190.0  # six years, as 45 CFR 164.316(b)(2)(i) asks for; ours
MAX_GB: Final = 50.0  # ours: some 200 million records
SEGMENT_BYTES: Final = 8_388_608  # bytes of one file of the log; ours: read at each start
_MOST_DAYS: Final = 36_525.0  # a century; ours: longer is a typing error
_MOST_GB: Final = 1e6

TABLE: Final = f"""\
[audit]
keep_days = {KEEP_DAYS:g}    # how long records are kept; the file they are in goes when its last one is older
max_gb = {MAX_GB:g}    # disk for the audit log; when it is full nothing is served, for nothing is served unrecorded
syslog = ""    # HOST:PORT of a collector of syslog over TLS (RFC 5425), usually port 6514; empty: none
syslog_ca = ""    # a file of certificates in PEM that the collector's is checked against; empty: those of the system
syslog_certificate = ""    # our own in PEM with its key, where the collector asks for one
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Bounds of one node's log, and who gets a copy."""

    keep_seconds: float = KEEP_DAYS * 86_400
    max_bytes: int = int(MAX_GB * 1e9)
    segment_bytes: int = SEGMENT_BYTES
    syslog: Address | None = None
    syslog_ca: Path | None = None
    syslog_certificate: Path | None = None

    @property
    def kept(self) -> str:
        """How long records are kept, in words."""
        return f"{self.keep_seconds / 86_400:g} days"

    @classmethod
    def read(cls, table: TomlTable) -> AuditSettings:
        """Read and check the table.

        Raises:
            BadConfiguration: a key is unknown or its value out of bounds, or a file that it names is not there.
        """
        settings = cls(
            keep_seconds=86_400 * table.number("keep_days", default=KEEP_DAYS, low=1, high=_MOST_DAYS),
            max_bytes=int(1e9 * table.number("max_gb", default=MAX_GB, low=0.1, high=_MOST_GB)),
            syslog=table.address("syslog") if table.string("syslog", 0, 300, default="") else None,
            syslog_ca=_file(table, "syslog_ca"),
            syslog_certificate=_file(table, "syslog_certificate"),
        )
        table.refuse_unknown()
        return settings


def _file(table: TomlTable, key: str) -> Path | None:
    text = table.string(key, 0, 4_096, default="")
    if text and not Path(text).is_file():
        raise table.bad(key, "there is no such file; write its whole path")
    return Path(text) if text else None
