"""Checking a user's password at the door: wrong ones cost waiting, an unknown user looks like a wrong password.

All of it may block: passwords are hashed, so callers of it use a thread. Law: no answer and no time tells whether a
user exists; an attempt counts as failed before it is looked at. Belongs here: one attempt. Not here: how long to wait
(access/lockout.py), who is who at a workstation (callers.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Final

from idas_p2p.access.lockout import Failures, names_of
from idas_p2p.access.passwords import hash_password, password_matches
from idas_p2p.clock import Clock
from idas_p2p.errors import NoSuchThing, SignInRefused
from idas_p2p.events import log_event
from idas_p2p.store.settings import Settings, User
from idas_p2p.store.sign_ins import Count, SignIns

Matches = Callable[[str, str], bool]

MAX_HASHING: Final = 4  # passwords looked at at once; ours: each takes 64 MiB, whoever asks for it
MAX_USER_NAME: Final = 64  # characters looked at; an account has no longer name


class Passwords:
    """Checks passwords of this node's accounts.

    Args:
        settings: the accounts.
        sign_ins: failures so far.
        clock: the time.
        matches: whether a password is the one hashed.
    """

    def __init__(
        self, settings: Settings, sign_ins: SignIns, *, clock: Clock, matches: Matches = password_matches
    ) -> None:
        self._settings, self._sign_ins, self._clock, self._matches = settings, sign_ins, clock, matches
        self._hashing = threading.BoundedSemaphore(MAX_HASHING)

    def check(self, name: str, password: str, *, address: str) -> User:
        """The account of this name.

        Args:
            name: as it was given.
            password: likewise.
            address: where the attempt comes from.

        Raises:
            SignInRefused: no such account, not its password, or too many wrong ones before.
        """
        name = name[:MAX_USER_NAME]
        allowed = names_of(name, address)

        def begin(key: str, count: Count) -> Count:
            before, now = Failures(count=count[0], last=count[1]), self._clock.now()
            if before.wait(free=allowed[key], now=now) > 0:
                raise SignInRefused("too many wrong passwords; wait and try again")
            after = before.more(now=now)
            return after.count, after.last

        try:
            self._sign_ins.change(allowed, begin)
        except SignInRefused:
            log_event("sign_in_refused", reason="locked")
            raise
        try:
            account: User | None = self._settings.user(name)
        except NoSuchThing:
            account = None
        with self._hashing:
            is_right = self._matches(password, account.password_hash if account else _nobodys_hash())
        if account is None or not is_right:
            log_event("sign_in_refused", reason="password")
            raise SignInRefused("no such user, or a wrong password")
        self._sign_ins.change(allowed, lambda key, count: None)
        return account


@cache
def _nobodys_hash() -> str:
    """A hash to compare with where there is no account, so that it takes as long."""
    return hash_password("the password of nobody at all")
