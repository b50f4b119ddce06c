"""Sockets and application entities as every association here uses them: no Nagle, no delayed ACK, no endless wait.

Belongs here: what makes pynetdicom fast and bounded at the transport. Not here: messages (messages.py).
Law: every pynetdicom AE of this package comes from `make_ae`; nothing else makes one.
Source: measured figures of Nagle and delayed ACK are in docs/decisions; PS3.8 section 9.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from pynetdicom import AE
from pynetdicom._globals import MODE_REQUESTOR
from pynetdicom.association import Association, ServiceUser
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation, AssociationSocket

from idas_p2p import limits
from idas_p2p.dicom.link import Link
from idas_p2p.dicom.secure_socket import SecureSocket

IMPLEMENTATION_CLASS_UID: Final = "2.25.290373529391734582331176312013"  # PS3.7 D.3.3.2; ours, UUID-derived
IMPLEMENTATION_VERSION: Final = "IDAS_P2P_01"  # at most 16 characters
LARGEST_PDU: Final = 1_048_576  # bytes; larger than announced is tolerated up to here, PS3.8 D.1
RECEIVE_SIZE: Final = 262_144  # bytes asked of the kernel at once; ours


class QuickSocket(AssociationSocket):  # type: ignore[misc]
    """An association's socket that neither waits to send nor lets its peer wait for an ACK.

    Several threads may send: each call's bytes stay together.
    """

    socket: Any  # of the standard library, or a SecureSocket

    def __init__(
        self,
        assoc: Association,
        client_socket: socket.socket | None = None,
        address: AddressInformation | None = None,
    ) -> None:
        super().__init__(assoc, client_socket, address)
        self._sending = threading.Lock()
        self.tls: ssl.SSLContext | None = None
        if self.socket is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self.socket.settimeout(assoc.network_timeout)

    @property
    def ready(self) -> bool:
        """Whether something can be read; a closed socket cannot. Unlike `select` it knows no highest number."""
        if self.socket is None or not self._is_connected:
            return False
        poller = select.poll()
        try:
            if isinstance(self.socket, SecureSocket) and self.socket.pending():
                return True
            poller.register(self.socket.fileno(), select.POLLIN)
            return bool(poller.poll(0))
        except (OSError, ValueError, AttributeError):  # closed meanwhile
            self.event_queue.put("Evt17")
            return False

    def recv(self, nr_bytes: int) -> bytearray:
        """Read exactly `nr_bytes`, fewer only when the peer closed or announced a PDU beyond LARGEST_PDU.

        Raises:
            OSError: the connection broke, or the bytes came too slowly.
        """
        received = bytearray(min(nr_bytes, LARGEST_PDU))
        deadline = time.monotonic() + (
            limits.DICOM_IDLE_TIMEOUT if self.assoc.is_established else limits.DICOM_ACSE_TIMEOUT
        )
        count = 0
        with memoryview(received) as view:
            while count < len(received):
                if time.monotonic() > deadline:
                    raise TimeoutError
                self._acknowledge()
                size = self.socket.recv_into(view[count : count + RECEIVE_SIZE])
                if size == 0:
                    break
                count += size
        del received[count:]
        return received

    def send(self, bytestream: bytes) -> None:
        """Send all the bytes; a broken connection ends the association instead of raising."""
        self.send_pieces(bytestream)

    def send_pieces(self, *parts: bytes | memoryview) -> bool:
        """Send the parts one after the other, nothing in between; False when the connection is broken."""
        try:
            with self._sending:
                for part in parts:
                    self.socket.sendall(part)
        except (OSError, ValueError, AttributeError):  # broken, or closed meanwhile by the reactor
            self.event_queue.put("Evt17")
            return False
        return True

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate that the peer showed and that was checked, in hexadecimal; empty for none."""
        return self.socket.fingerprint if isinstance(self.socket, SecureSocket) else ""

    def secure(self, context: ssl.SSLContext) -> bool:
        """Let the peer, which connected, begin TLS; False when it does not, and the connection is closed."""
        try:
            self.socket = SecureSocket(self.socket, context, server_side=True, on_failure=self._failed)
            self.socket.settimeout(self.assoc.network_timeout)
            self.socket.handshake()
        except (OSError, ValueError):
            self._shutdown_socket()
            return False
        return True

    def _failed(self, why: str) -> None:
        self.assoc.trouble = why

    def connect(self, primitive: Any) -> None:
        """Connect, then bound every later wait by the network timeout instead of none at all."""
        super().connect(primitive)
        if self.socket is not None:
            with suppress(OSError):
                self.socket.settimeout(self.assoc.network_timeout)

    def _shutdown_socket(self) -> None:
        """Shut down and close: pynetdicom's own leaves a socket open that never was connected."""
        sock = self.socket
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                sock.close()

    def wrap_socket(self, sock: socket.socket, *, server_side: bool, server_hostname: str | None) -> SecureSocket:
        """What pynetdicom asks of a TLS context when it is about to connect."""
        assert self.tls is not None
        return SecureSocket(
            sock, self.tls, server_side=server_side, server_hostname=server_hostname, on_failure=self._failed
        )

    def _acknowledge(self) -> None:
        """The kernel forgets TCP_QUICKACK after a while, so it is asked again before each receive."""
        with suppress(OSError, AttributeError):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class QuickAE(AE):  # type: ignore[misc]
    """An application entity whose associations use QuickSocket."""

    receive_folder: Path | None = None

    def associate(
        self,
        addr: str,
        port: int,
        contexts: list[PresentationContext] | None = None,
        ae_title: str = "ANY-SCP",
        max_pdu: int = limits.MAX_PDU_SIZE,
        ext_neg: Sequence[Any] | None = None,
        bind_address: tuple[str, int] | None = None,
        tls_args: tuple[Any, str] | None = None,
        evt_handlers: Sequence[Any] | None = None,
    ) -> Link:
        """Request an association as pynetdicom's own method does, by a Link on a QuickSocket."""
        contexts = deepcopy(contexts or self.requested_contexts)
        self._validate_requested_contexts(contexts)
        for number, context in enumerate(contexts):
            context.context_id = 2 * number + 1
        remote = AddressInformation.from_addr_port(addr, port)
        local = AddressInformation.from_tuple(bind_address or ("" if remote.is_ipv4 else "::", 0))
        link = Link(self, MODE_REQUESTOR, receive_folder=self.receive_folder)
        link.set_socket(self._create_socket(link, local, tls_args))
        link.acceptor.ae_title = ae_title
        link.acceptor.address_info = remote
        self._describe(link.requestor, local)
        link.requestor.maximum_length = max_pdu
        link.requestor.requested_contexts = contexts
        for item in ext_neg or ():
            link.requestor.add_negotiation_item(item)
        for binding in evt_handlers or ():
            link.bind(*binding)
        link.request()
        if link.is_established:
            link.start()
        return link

    def accept(self, client: socket.socket, link: Link) -> None:
        """Prepare a link for the association a connected peer is about to request."""
        local, remote = client.getsockname(), client.getpeername()
        link.set_socket(QuickSocket(link, client_socket=client))
        self._describe(link.acceptor, AddressInformation.from_tuple(local))
        link.acceptor.maximum_length = self.maximum_pdu_size
        link.requestor.address_info = AddressInformation.from_tuple(remote)

    def _describe(self, user: ServiceUser, address: AddressInformation) -> None:
        user.ae_title = self.ae_title
        user.address_info = address
        user.implementation_class_uid = self.implementation_class_uid
        user.implementation_version_name = self.implementation_version_name

    def _create_socket(self, assoc: Association, address: AddressInformation, tls_args: Any) -> QuickSocket:
        sock = QuickSocket(assoc, address=address)
        if tls_args:
            sock.tls, hostname = tls_args
            sock.tls_args = sock, hostname
        return sock


def make_ae(aet: str, *, receive_folder: Path | None = None) -> QuickAE:
    """Return an application entity with this title, our time-outs, PDU size and sockets.

    Args:
        aet: 1 to 16 characters, PS3.5 section 6.2 (AE).
        receive_folder: where data sets over MEMORY_INSTANCE_SIZE go that arrive over associations it requests (C-GET);
            None keeps them in memory.
    """
    entity = QuickAE(ae_title=aet)
    entity.receive_folder = receive_folder
    entity.maximum_pdu_size = limits.MAX_PDU_SIZE
    entity.connection_timeout = limits.DICOM_CONNECT_TIMEOUT
    entity.acse_timeout = limits.DICOM_ACSE_TIMEOUT
    entity.dimse_timeout = limits.DICOM_RESPONSE_TIMEOUT
    entity.network_timeout = limits.DICOM_IDLE_TIMEOUT
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION
    return entity
