"""Who opened an association, and who its user is.

All of it may block: names are looked up and passwords hashed, so callers of it use a thread (dicom/bridge.py).
Law: a device is known by its AE title and where it comes from; a title used from elsewhere is a stranger's.
Belongs here: recognising callers. Not here: what they may do (access/, node/services.py).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

from idas_p2p.access.passwords import password_matches
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import NoSuchThing, UnknownCaller
from idas_p2p.store.settings import Settings, Workstation
from idas_p2p.wire.address import Address

Resolve = Callable[[str], frozenset[str]]


def resolve(host: str) -> frozenset[str]:
    """The IP addresses of a host name, normalised; empty when it has none."""
    try:
        return frozenset(normal(str(item[4][0])) for item in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return frozenset()


def normal(address: str) -> str:
    """One text for one IP address: IPv4 in IPv6 as IPv4, no zone."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(mapped or ip)


@dataclass(frozen=True, slots=True)
class Callers:
    """Recognises callers by the configuration in force.

    Args:
        settings: workstations, archives and users.
        resolve: host name to IP addresses.
    """

    settings: Settings
    resolve: Resolve = resolve

    def workstation(self, caller: Caller) -> Workstation | None:
        """The configured workstation that calls, or None."""
        return next(
            (w for w in self.settings.workstations() if w.aet == caller.aet and self._comes_from(caller, w.address)),
            None,
        )

    def is_archive(self, caller: Caller) -> bool:
        """Whether a configured archive calls."""
        return any(
            a.aet == caller.aet and a.address is not None and self._comes_from(caller, a.address)
            for a in self.settings.archives()
        )

    def check(self, caller: Caller) -> None:
        """Let in known devices only.

        Raises:
            UnknownCaller: no device is configured under this AE title and address, or the password is wrong.
        """
        if self.workstation(caller) is None and not self.is_archive(caller):
            raise UnknownCaller
        self.user(caller)

    def user(self, caller: Caller) -> str:
        """The user who asks: the one who signed in on the association, else the workstation's own; empty for none.

        Raises:
            UnknownCaller: a password was given and is not this user's.
        """
        if caller.user_name and caller.password is not None:
            try:
                account = self.settings.user(caller.user_name)
            except NoSuchThing:
                raise UnknownCaller("no such user, or a wrong password") from None
            if not password_matches(caller.password, account.password_hash):
                raise UnknownCaller("no such user, or a wrong password")
            return account.name
        workstation = self.workstation(caller)
        return (workstation.user or "") if workstation else ""

    def _comes_from(self, caller: Caller, configured: Address) -> bool:
        """Whether the caller is at the configured host, or on this very machine."""
        source = normal(caller.address)
        if source == normal(caller.local_address) or source in ("127.0.0.1", "::1"):
            return True
        return source == normal(configured.host) or source in self.resolve(configured.host)
