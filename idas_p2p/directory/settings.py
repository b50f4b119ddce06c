"""What an operator can set about a node's part in the directory: the table [directory] of node.toml and bootstrap.toml.

Belongs here: the keys, their defaults and bounds. Not here: the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from idas_p2p.directory.addresses import CONTACTS_PER_BLOCK
from idas_p2p.directory.quotas import Quotas
from idas_p2p.limits import BLOCK_SHARE, DIRECTORY_K, MAX_RECORD_SIZE, MAX_STORED_BYTES, MAX_STORED_RECORDS
from idas_p2p.wire.toml import TomlTable

MOST_RECORDS: Final = 100_000_000  # ours: a typing error, not a machine
MOST_BYTES: Final = 2**40  # likewise

TABLE: Final = f"""\
[directory]
records = {MAX_STORED_RECORDS}    # most records held for other nodes; each takes about 850 bytes of memory
bytes = {MAX_STORED_BYTES}    # most bytes of such records
block_share = {BLOCK_SHARE}    # the most of both that one site, a /24 of IPv4 or a /48 of IPv6, may fill: 0.01 to 1
contacts_per_block = {CONTACTS_PER_BLOCK}    # of one site in a bucket of the table; up to {DIRECTORY_K} in a laboratory
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """Bounds of one node."""

    quotas: Quotas = field(default_factory=Quotas)
    contacts_per_block: int = CONTACTS_PER_BLOCK

    @classmethod
    def read(cls, table: TomlTable) -> DirectorySettings:
        """Read and check the table.

        Raises:
            BadConfiguration: a key is unknown or its value out of bounds.
        """
        settings = cls(
            quotas=Quotas(
                records=table.whole("records", default=MAX_STORED_RECORDS, low=1, high=MOST_RECORDS),
                size=table.whole("bytes", default=MAX_STORED_BYTES, low=MAX_RECORD_SIZE, high=MOST_BYTES),
                block_share=table.number("block_share", default=BLOCK_SHARE, low=0.01, high=1),
            ),
            contacts_per_block=table.whole("contacts_per_block", default=CONTACTS_PER_BLOCK, low=1, high=DIRECTORY_K),
        )
        table.refuse_unknown()
        return settings
