"""The node's DICOM server: accepts connections, bounds them, ends them.

Belongs here: the life of the listener and of its associations. Not here: negotiation (acceptance.py), services.
Law: nothing that happens on one connection stops the server from accepting the next.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE, N_ACTION, N_EVENT_REPORT

from idas_p2p import limits
from idas_p2p.dicom.acceptance import Rejection, rejection_for
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.commitment_service import serve_action, serve_report
from idas_p2p.dicom.contexts import COMMITMENT, FIND, GET, MOVE, STANDARD_CLASSES, VERIFICATION, StorageClasses
from idas_p2p.dicom.find_service import serve_find
from idas_p2p.dicom.listening import Door
from idas_p2p.dicom.messages import FILE_PREFIX
from idas_p2p.dicom.retrieve_service import serve_get, serve_move
from idas_p2p.dicom.services import Caller, Services
from idas_p2p.dicom.serving import Host, Serve, ServedLink, serve_echo
from idas_p2p.dicom.sockets import make_ae
from idas_p2p.dicom.store_service import serve_store
from idas_p2p.errors import IdasError
from idas_p2p.events import log_event, log_failure
from idas_p2p.wire.address import Address

HANDLERS: Final[Mapping[type[Any], tuple[Serve, Container[str]]]] = {
    C_ECHO: (serve_echo, frozenset({VERIFICATION})),
    C_FIND: (serve_find, FIND),
    C_MOVE: (serve_move, MOVE),
    C_GET: (serve_get, GET),
    C_STORE: (serve_store, STANDARD_CLASSES),
    N_ACTION: (serve_action, frozenset({COMMITMENT})),
    N_EVENT_REPORT: (serve_report, frozenset({COMMITMENT})),
}
MAX_UNDECIDED: Final = 16  # connections beyond the associations allowed, so that those can be rejected; ours
ADMIT_TIMEOUT: Final = 5.0  # seconds the node may take to decide about a caller; ours
END_TIMEOUT: Final = 3.0  # seconds for aborted associations to end; ours


class DicomServer:
    """Serves one AE title at one address.

    Args:
        aet: this node's AE title; associations that call another are rejected.
        services: what the node offers.
        bridge: the way between the loop and the associations' threads.
        receive_folder: where large data sets go while they arrive; made when missing.
        max_associations: served at once; more are rejected as a passing limit.
        storage: SOP classes whose instances are taken.

    Made on the running loop.
    """

    def __init__(
        self,
        aet: str,
        services: Services,
        bridge: Bridge,
        *,
        receive_folder: Path,
        max_associations: int = limits.MAX_ASSOCIATIONS,
        storage: StorageClasses = STANDARD_CLASSES,
    ) -> None:
        self._ae = make_ae(aet)
        self._host = Host(
            aet=aet,
            services=services,
            bridge=bridge,
            receive_folder=receive_folder,
            handlers={**HANDLERS, C_STORE: (serve_store, storage)},
            storage=storage,
        )
        self._max_associations = max_associations
        self._links: set[ServedLink] = set()
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._doors: list[Door] = []
        self._is_stopping = False

    @property
    def associations(self) -> int:
        """Connections open now."""
        return len(self._links)

    async def start(self, address: Address, *, tls: ssl.SSLContext | None = None) -> Address:
        """Listen, also at several addresses; files an earlier run left behind are deleted.

        Args:
            address: where.
            tls: connections there begin with TLS; None: they do not.

        Returns:
            The bound address, its port chosen by the system when 0 was asked for.

        Raises:
            BadConfiguration: the address cannot be bound.
        """
        if not self._doors:
            folder = self._host.receive_folder
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob(f"{FILE_PREFIX}*"):
                path.unlink(missing_ok=True)
        door = Door(lambda client: self._begin(client, tls))
        self._doors.append(door)
        return await door.open(address)

    async def stop(self, grace: float) -> None:
        """Accept no more, let requests being served end within `grace` seconds, abort the rest. Idempotent."""
        self._is_stopping = True
        for door in self._doors:
            door.close()
        for link in list(self._links):
            link.finish()
        if not await self._wait_ended(grace):
            log_event("associations_aborted", count=len(self._links))
            for link in list(self._links):
                with suppress(IdasError):
                    self._host.bridge.begin(link.end)
            await self._wait_ended(END_TIMEOUT)

    async def _wait_ended(self, timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._all_ended.wait()
        except TimeoutError:
            return False
        return True

    def _begin(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        if self._is_stopping or len(self._links) >= self._max_associations + MAX_UNDECIDED:
            client.close()
            return
        client.setblocking(True)
        link = ServedLink(
            self._ae,
            self._host,
            judge=self._judge,
            on_end=lambda link: self._host.bridge.tell(self._forget, link),
            tls=tls,
        )
        self._ae.accept(client, link)
        self._links.add(link)
        self._all_ended.clear()
        link.start()

    def _forget(self, link: ServedLink) -> None:
        self._links.discard(link)
        if not self._links:
            self._all_ended.set()

    def _judge(self, caller: Caller) -> Rejection | None:
        """Decide about a caller. In its association's thread."""
        if self._is_stopping:
            return Rejection.CONGESTED
        if sum(link.is_established for link in list(self._links)) >= self._max_associations:
            return Rejection.TOO_MANY_ASSOCIATIONS
        if caller.called_aet != self._host.aet:
            return Rejection.CALLED_AET_UNKNOWN
        try:
            self._host.bridge.call(self._host.services.admit(caller), timeout=ADMIT_TIMEOUT)
        except IdasError as error:
            return rejection_for(error)
        except Exception as error:  # a bug in the node must not let anybody in
            log_failure("admission_failed", error)
            return Rejection.CONGESTED
        return None
