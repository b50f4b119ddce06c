"""The commands by which somebody signs in at a workstation, or out.

Belongs here: reading arguments, opening and ending sessions. Not here: the socket (control.py), whether a password is
right (passwords.py), what a session gives (callers.py). Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from idas_p2p.access.audit.events import Device, Note, signed_in, signed_out
from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import BadConfiguration, NoSuchThing, SignInRefused
from idas_p2p.events import log_event
from idas_p2p.node.callers import Callers
from idas_p2p.node.control import Command, Progress
from idas_p2p.store.sign_ins import Session, SignIns
from idas_p2p.wire.audit import By

MAX_SESSION: Final = 86_400.0  # seconds; ours: longer than any shift

Arguments = Mapping[str, Any]


class SignInDesk:
    """Opens and ends sessions at workstations.

    Args:
        callers: knows workstations and accounts.
        sign_ins: keeps sessions.
        bridge: runs what blocks.
        clock: the time.
        note: writes down who signed in and out.
    """

    def __init__(self, callers: Callers, sign_ins: SignIns, bridge: Bridge, *, clock: Clock, note: Note) -> None:
        self._callers, self._sign_ins, self._bridge = callers, sign_ins, bridge
        self._clock, self._note = clock, note

    async def login(self, aet: str, user: str, password: str, *, seconds: float) -> Session:
        """Sign a user in at a workstation for a time.

        Raises:
            NoSuchThing: no such workstation.
            SignInRefused: no such account, not its password, or too many wrong ones before.
            BadConfiguration: a time no session lasts.
        """
        if not 0 < seconds <= MAX_SESSION:
            raise BadConfiguration(f"a session lasts at most {MAX_SESSION / 3_600:g} hours")
        workstation = self._callers.settings.workstation(aet)
        device = Device(aet=aet, address=workstation.address.host)
        try:
            account = await self._bridge.run(
                lambda: self._callers.passwords.check(user, password, address=workstation.address.host)
            )
        except SignInRefused as refused:
            self._note(signed_in(user, device=device, by=By.PASSWORD, reason=refused.code))
            raise
        self._note(signed_in(account.name, device=device, by=By.SESSION))
        session = Session(aet=aet, user=account.name, until=self._clock.now() + seconds)
        self._sign_ins.open_session(session)
        self._callers.signed_in(aet)
        log_event("session_opened")
        return session

    async def is_workstation(self, caller: Caller) -> bool:
        """Whether somebody calls from a configured workstation, by its title and its address."""
        return await self._bridge.run(self._callers.workstation, caller) is not None

    async def leave(self, aet: str, user: str, password: str) -> None:
        """Sign out a user who proves to be the one.

        Raises:
            SignInRefused: as `login`.
            NoSuchThing: this user is not signed in there.
        """
        address = self._callers.settings.workstation(aet).address.host
        account = await self._bridge.run(lambda: self._callers.passwords.check(user, password, address=address))
        session = self._sign_ins.session(aet)
        if session is None or session.user != account.name:
            raise NoSuchThing("this user is not signed in there")
        self.logout(aet)

    def logout(self, aet: str) -> None:
        """Sign out whoever is signed in at a workstation; NoSuchThing when nobody is."""
        session = self._sign_ins.session(aet)
        self._sign_ins.end_session(aet)
        if session is not None:
            self._note(signed_out(session.user, device=Device(aet=aet)))
        log_event("session_ended")


def sign_in_commands(desk: SignInDesk) -> dict[str, Command]:
    """The commands by name."""

    async def login(arguments: Arguments, progress: Progress) -> Arguments:
        aet, user = str(arguments["aet"]), str(arguments["user"])
        seconds = float(arguments["seconds"])
        session = await desk.login(aet, user, str(arguments["password"]), seconds=seconds)
        return {"aet": session.aet, "user": session.user, "until": session.until}

    async def logout(arguments: Arguments, progress: Progress) -> Arguments:
        desk.logout(str(arguments["aet"]))
        return {"aet": str(arguments["aet"])}

    return {"login": login, "logout": logout}
