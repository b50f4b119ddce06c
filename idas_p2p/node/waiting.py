"""What a node remembers while the administrator of a federation has not approved it yet.

The code is kept over restarts, sealed with the node's own key, and forgotten when it has served.
Belongs here: that. Not here: asking (membership.py). Source: docs/spec/federation.md section 3.7.
"""

from __future__ import annotations

from typing import Final

from idas_p2p.access.admission import Vault
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.errors import BadSignature

_CODE: Final = "join.code"


class Waiting:
    """Whether this node waits for approval, and with which code.

    Args:
        vault: keeps it.
        key: seals the code, 32 bytes.
    """

    def __init__(self, vault: Vault, key: bytes) -> None:
        self._vault, self._key = vault, key
        self.refusal = ""  # why the last one was given up; empty when it was not

    def remember(self, code: str) -> None:
        """Ask again with this code until it serves or is refused."""
        self._vault.set_value(_CODE, seal(self._key, code.encode()))

    def code(self) -> str | None:
        """The code to ask with; None when nothing is waited for."""
        sealed = self._vault.value(_CODE)
        try:
            return open_sealed(self._key, sealed).decode() if sealed else None
        except BadSignature:  # the node has another key now
            return None

    def give_up(self, reason: str) -> None:
        """Ask no more, and tell why."""
        self.forget()
        self.refusal = reason

    def forget(self) -> None:
        """Ask no more."""
        self.refusal = ""
        if self._vault.value(_CODE):
            self._vault.set_value(_CODE, b"")
