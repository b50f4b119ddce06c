"""The node's DICOM server: accepts connections, bounds them, ends them.

Belongs here: the life of the listener and of its associations. Not here: negotiation (acceptance.py), services.
Law: nothing that happens on one connection stops the server from accepting the next.
"""

from __future__ import annotations

import asyncio
import socket
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
from idas_p2p.dicom.messages import FILE_PREFIX
from idas_p2p.dicom.retrieve_service import serve_get, serve_move
from idas_p2p.dicom.services import Caller, Services
from idas_p2p.dicom.serving import Host, Serve, ServedLink, serve_echo
from idas_p2p.dicom.sockets import make_ae
from idas_p2p.dicom.store_service import serve_store
from idas_p2p.errors import BadConfiguration, IdasError
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
BACKLOG: Final = 64  # connections the kernel holds until they are accepted; ours
ADMIT_TIMEOUT: Final = 5.0  # seconds the node may take to decide about a caller; ours
END_TIMEOUT: Final = 3.0  # seconds for aborted associations to end; ours
RETRY_DELAY: Final = 0.1  # seconds to wait after the machine refused a connection (no file descriptors); ours


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
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None
        self._is_stopping = False

    @property
    def associations(self) -> int:
        """Connections open now."""
        return len(self._links)

    async def start(self, address: Address) -> Address:
        """Listen; files an earlier run left behind are deleted.

        Returns:
            The bound address, its port chosen by the system when 0 was asked for.

        Raises:
            BadConfiguration: the address cannot be bound.
        """
        folder = self._host.receive_folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"{FILE_PREFIX}*"):
            path.unlink(missing_ok=True)
        self._listener = await _listen(address)
        host, port = self._listener.getsockname()[:2]
        self._watch()
        return Address(host, port)

    async def stop(self, grace: float) -> None:
        """Accept no more, let requests being served end within `grace` seconds, abort the rest. Idempotent."""
        self._is_stopping = True
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
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

    def _accept(self) -> None:
        """Take the connections that wait. On the loop, whenever the listener has some."""
        listener = self._listener
        while listener is not None and not self._is_stopping:
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of file descriptors, most likely: others must end first
                log_failure("accept_failed", error)
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(RETRY_DELAY, self._watch)
                return
            try:
                self._begin(client)
            except Exception as error:  # the connection may be gone already; the next one will be another
                log_failure("connection_failed", error)
                client.close()

    def _watch(self) -> None:
        if self._listener is not None and not self._is_stopping:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _begin(self, client: socket.socket) -> None:
        if len(self._links) >= self._max_associations + MAX_UNDECIDED:
            client.close()
            return
        client.setblocking(True)
        link = ServedLink(
            self._ae,
            self._host,
            judge=self._judge,
            on_end=lambda link: self._host.bridge.tell(self._forget, link),
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


async def _listen(address: Address) -> socket.socket:
    """A listening socket, not blocking.

    Raises:
        BadConfiguration: no such address here, or it is in use.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    except OSError:
        raise BadConfiguration(f"cannot listen for DICOM at {address}") from None
    return listener
