"""Who opened an association, and who its user is.

All of it may block: names are looked up and passwords hashed, so callers of it use a thread (dicom/bridge.py).
Law: a device is known by its AE title and where it comes from, or by its certificate wherever it comes from; a title
used from elsewhere is a stranger's. Where the
node has accounts, somebody must have said who asks.
Belongs here: recognising callers and users. Not here: what they may do (access/, node/services.py).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import SignInNeeded, UnknownCaller
from idas_p2p.node.passwords import Passwords
from idas_p2p.store.settings import Settings, Workstation
from idas_p2p.store.sign_ins import SignIns
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit import By

MAX_REMEMBERED: Final = 256  # callers whose password was right; ours
MAX_WAITING: Final = 64  # workstations shown as waiting for somebody to sign in; ours
WAITING_FOR: Final = 3_600.0  # seconds they are shown; ours

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
class Identity:
    """Who a caller's user is, and by what that is known; By.TITLE is weak."""

    user: str
    by: By


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A workstation that asked while nobody had said who asks."""

    aet: str
    address: str
    asked_at: float  # Unix seconds, the last time


class Callers:
    """Recognises callers by the configuration in force.

    Args:
        settings: workstations, archives and users.
        sign_ins: sessions.
        clock: the time.
        resolve: host name to IP addresses.
    """

    def __init__(self, settings: Settings, sign_ins: SignIns, *, clock: Clock, resolve: Resolve = resolve) -> None:
        self.settings, self._sign_ins, self._clock, self._resolve = settings, sign_ins, clock, resolve
        self.passwords = Passwords(settings, sign_ins, clock=clock)
        self._lock = threading.Lock()
        self._right: OrderedDict[Caller, str] = OrderedDict()  # the hash its password was compared with
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()  # by AE title, the latest last

    def workstation(self, caller: Caller) -> Workstation | None:
        """The configured workstation that calls, or None."""
        return next((w for w in self.settings.workstations() if w.aet == caller.aet and self._is_it(caller, w)), None)

    def is_archive(self, caller: Caller) -> bool:
        """Whether a configured archive calls."""
        return any(
            a.aet == caller.aet and a.address is not None and self._comes_from(caller, a.address)
            for a in self.settings.archives()
        )

    def check(self, caller: Caller) -> Identity | None:
        """Let in known devices only; who asks, None where nobody has said so yet.

        Raises:
            UnknownCaller: no device is configured under this AE title and address.
            SignInRefused: a password was given and is not this user's.
        """
        if self.workstation(caller) is None and not self.is_archive(caller):
            raise UnknownCaller
        try:
            return self.identity(caller)
        except SignInNeeded:
            return None

    def user(self, caller: Caller) -> str:
        """The user who asks, empty for none; errors as for `identity`, and the workstation is then shown as waiting."""
        try:
            return self.identity(caller).user
        except SignInNeeded:
            self._wait(caller)
            raise

    def identity(self, caller: Caller) -> Identity:
        """Who asks: who signed in on the association, else at the workstation, else whose workstation it is.

        Raises:
            SignInRefused: a password was given and is not this user's.
            SignInNeeded: this node has accounts, and nobody has said whose request it is.
        """
        if caller.user_name and caller.password is not None:
            return Identity(self._by_password(caller, caller.user_name, caller.password), By.PASSWORD)
        workstation = self.workstation(caller)
        if workstation is not None and (user := self._by_session(workstation)):
            return Identity(user, By.SESSION)
        if workstation is not None and workstation.user:
            return Identity(workstation.user, By.TITLE)
        if workstation is not None and self.settings.users():
            raise SignInNeeded(f"Who asks? Sign in with: idas login DIR --aet {caller.aet}")
        return Identity("", By.NOTHING)

    def may_go_on(self, caller: Caller, user: str) -> bool:
        """Whether what was begun for a user may go on: the device and the account are still there.

        A session that is over ends nothing that was begun in it.
        """
        workstation = self.workstation(caller)
        if workstation is None:
            return False
        is_own = user in ("", workstation.user or "")
        return is_own or any(account.name == user for account in self.settings.users())

    def waiting(self) -> list[Waiting]:
        """The workstations that wait for somebody to sign in, the latest first."""
        since = self._clock.now() - WAITING_FOR
        with self._lock:
            return [one for one in reversed(self._waiting.values()) if one.asked_at >= since]

    def signed_in(self, aet: str) -> None:
        """Somebody signed in at a workstation: it does not wait any more."""
        with self._lock:
            self._waiting.pop(aet, None)

    def _by_password(self, caller: Caller, name: str, password: str) -> str:
        """The name of the account; a password is hashed once for an association, and again when the account changed."""
        with self._lock:
            compared = self._right.get(caller)
        if compared is not None and any(u.name == name and u.password_hash == compared for u in self.settings.users()):
            return name
        account = self.passwords.check(name, password, address=normal(caller.address))
        with self._lock:
            self._right[caller] = account.password_hash
            while len(self._right) > MAX_REMEMBERED:
                self._right.popitem(last=False)
        return account.name

    def _by_session(self, workstation: Workstation) -> str:
        session = self._sign_ins.session(workstation.aet)
        if session is None or session.until <= self._clock.now():
            return ""
        return session.user if any(user.name == session.user for user in self.settings.users()) else ""

    def _wait(self, caller: Caller) -> None:
        with self._lock:
            self._waiting.pop(caller.aet, None)
            waiting = Waiting(aet=caller.aet, address=normal(caller.address), asked_at=self._clock.now())
            self._waiting[caller.aet] = waiting
            while len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)

    def _is_it(self, caller: Caller, workstation: Workstation) -> bool:
        """Whether the workstation of that title calls: by its certificate where it has one, else by its address."""
        if workstation.certificate:
            return compare_digest(workstation.certificate, caller.certificate)
        return self._comes_from(caller, workstation.address)

    def _comes_from(self, caller: Caller, configured: Address) -> bool:
        """Whether the caller is at the configured host, or on this very machine."""
        source = normal(caller.address)
        if source == normal(caller.local_address) or source in ("127.0.0.1", "::1"):
            return True
        return source == normal(configured.host) or source in self._resolve(configured.host)
