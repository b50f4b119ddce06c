"""What two nodes tell one another before they seek a way by UDP: what WebRTC writes as SDP, without its text.

Belongs here: the values and their bounds. Not here: how they travel (messages.py), what is done with them
(transport/ice.py). Source: RFC 8839 section 5.4, RFC 8122 section 5; docs/spec/transport.md section 12.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.schema import Bytes32, Limit

OF_HOST: Final = 0  # an address of the machine itself
REFLEXIVE: Final = 1  # as a STUN server sees it
MAX_CANDIDATES: Final = 8  # protocol
_ICE_CHARACTERS: Final = re.compile(r"[A-Za-z0-9+/]*")  # RFC 8839 section 5.4


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """A UDP address at which a node may be reached; always an IP address, never a name to be looked up.

    Raises:
        WireError: a name, or port 0.
    """

    kind: Annotated[int, Limit(OF_HOST, REFLEXIVE)]
    address: Address

    def __post_init__(self) -> None:
        if not self.address.is_ip or not self.address.port or "%" in self.address.host:
            raise WireError("a candidate is an IP address and a port")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IceTerms:
    """One side's part of a connection by UDP. The password never prints itself.

    Raises:
        WireError: a character that RFC 8839 section 5.4 does not allow.
    """

    user: Annotated[str, Limit(4, 32)]  # fragment of the user name in STUN
    password: Annotated[str, Limit(22, 64)]  # authenticates STUN
    fingerprint: Bytes32  # SHA-256 of the certificate in DTLS
    candidates: Annotated[tuple[IceCandidate, ...], Limit(0, MAX_CANDIDATES)]  # best first

    def __post_init__(self) -> None:
        if not (_ICE_CHARACTERS.fullmatch(self.user) and _ICE_CHARACTERS.fullmatch(self.password)):
            raise WireError("ICE user names and passwords are letters, digits, + and /")
