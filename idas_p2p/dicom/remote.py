"""Another application entity as we call it: its AE title, where it listens, and the title we give as our own.

Belongs here: the value. Not here: talking to it (client.py, deliver.py).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from idas_p2p.wire.address import Address
from idas_p2p.wire.aet import check_aet


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAE:
    """An archive or a workstation. AE titles identify: never log them.

    Args:
        aet: its AE title, 1 to 16 characters.
        address: where it accepts associations.
        calling_aet: the title this node gives as its own, 1 to 16 characters.
        tls: it is called over TLS, by these settings; None: it is not.

    Raises:
        BadConfiguration: one of the two is no AE title.
    """

    aet: str
    address: Address
    calling_aet: str
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        for title in (self.aet, self.calling_aet):
            check_aet(title)

    @property
    def tls_args(self) -> tuple[ssl.SSLContext, str] | None:
        """As QuickAE.associate takes it."""
        return None if self.tls is None else (self.tls, self.address.host)
