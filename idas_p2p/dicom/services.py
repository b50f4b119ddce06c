"""What the node offers to the LAN, as the DICOM side needs it: one interface, implemented by node/.

Belongs here: who calls, and what may be asked of the node. Not here: how it is asked (the *_service.py modules).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from idas_p2p.dicom.commitment import Answered, Requested
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import IdasError
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection
from idas_p2p.wire.parts import PartQuery, StudyPart
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Caller:
    """Who opened an association; never prints itself.

    Args:
        aet: Calling AE Title as given; the caller's own claim.
        called_aet: Called AE Title as given.
        address: IP address it comes from.
        local_address: IP address of ours it connected to.
        user_name: from User Identity Negotiation of type 1 or 2, PS3.7 D.3.3.7, else None.
        password: from type 2, else None.
        certificate: SHA-256, in hexadecimal, of the certificate it showed over TLS and that was checked; else empty.
    """

    aet: str
    called_aet: str
    address: str
    local_address: str
    user_name: str | None = None
    password: str | None = None
    certificate: str = ""

    def __repr__(self) -> str:
        return "Caller(…)"


@dataclass(slots=True)
class Remarks:
    """What an answer that came to its end does not hold; filled while it is read."""

    unanswered: int = 0  # holders that did not answer
    asked: int = 0  # holders that were asked


class Services(Protocol):
    """The node's side. All of it runs on the event loop, for many callers at once; any of it may raise IdasError."""

    async def admit(self, caller: Caller) -> None:
        """Let a caller in, once per association.

        Raises:
            UnknownCaller: it is not known here.
            AccessDenied: it is known, but not welcome.
            SignInRefused: it names a user and gives a password that is not that user's.
        """
        ...

    def find(self, caller: Caller, query: StudyQuery, *, remarks: Remarks) -> AsyncIterator[Study]:
        """Yield studies as they are found; closed when the caller cancels or goes away."""
        ...

    def find_parts(self, caller: Caller, query: PartQuery, *, remarks: Remarks) -> AsyncIterator[StudyPart]:
        """Yield series or instances as they are found; closed when the caller cancels or goes away."""
        ...

    async def destination(self, caller: Caller, aet: str) -> RemoteAE:
        """Find the destination of a C-MOVE.

        Raises:
            UnknownDestination: no workstation of that AE title.
        """
        ...

    def retrieve(
        self, caller: Caller, selections: Sequence[Selection], priority: Priority, *, destination: str = ""
    ) -> AsyncIterator[RetrieveEvent]:
        """Yield a Total first, then instances as they arrive; closed when the caller cancels or goes away.

        `destination` is the AE title that gets them; empty: the caller itself.
        """
        ...

    async def store(self, caller: Caller, instance: Instance) -> str:
        """Take an instance; it is durable when this returns. What to tell its sender as a warning; empty mostly."""
        ...

    async def commitment_asked(self, caller: Caller, asked: Requested) -> None:
        """Remember that a caller wants to know which instances are safe; durable when this returns."""
        ...

    async def commitment_result(self, caller: Caller, transaction_uid: str, *, claim: float) -> Answered | None:
        """What to report to a caller now; None when it was told already.

        `claim`: seconds for which nobody else reports it.
        """
        ...

    async def commitment_told(self, caller: Caller, transaction_uid: str) -> None:
        """Learn that the caller has the report."""
        ...

    async def commitment_answered(self, caller: Caller, answered: Answered) -> None:
        """Take an archive's report.

        Raises:
            BadQuery: nobody here asked for it.
        """
        ...

    async def store_refused(self, caller: Caller, sop_instance_uid: str, reason: IdasError) -> None:
        """Learn that what a caller sent under this UID cannot be taken: a retrieval may be waiting for it."""
        ...
