"""A TLS connection that one thread may read while another writes.

OpenSSL forbids both at once on one connection, and Python 3.11 does not prevent it. So the connection never blocks
inside OpenSSL: each call takes its turn under a lock, and waiting for the network happens outside of it.
Belongs here: bytes over TLS. Not here: what is agreed (tls.py), PDUs (sockets.py). Source: OpenSSL, SSL_read(3).
"""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from idas_p2p import limits

T = TypeVar("T")

WRITE_SIZE: Final = 65_536  # bytes given to OpenSSL under the lock; ours: four records


class SecureSocket:
    """What pynetdicom's association socket needs of a socket, over TLS. Plain until `handshake`.

    Args:
        sock: connected, or to be connected by `connect`.
        context: of tls.py.
        server_side: the peer began.
        server_hostname: whom we call; checked where the context says so.
        on_failure: told why TLS did not come about, in words.
    """

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        on_failure: Callable[[str], None],
    ) -> None:
        self._tls = context.wrap_socket(
            sock, server_side=server_side, server_hostname=server_hostname, do_handshake_on_connect=False
        )
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._timeout: float | None = None
        self.fingerprint = ""  # SHA-256 of the peer's certificate in hexadecimal, once it was checked

    def connect(self, address: Any) -> None:
        """Connect and shake hands.

        Raises:
            OSError: no connection, or no TLS.
        """
        self._tls.settimeout(self._timeout)
        self._tls.connect(address)
        self.handshake()

    def handshake(self) -> None:
        """Agree on keys, within DICOM_ACSE_TIMEOUT.

        Raises:
            OSError: the peer does not speak TLS as it must, or its certificate does not do.
        """
        self._tls.settimeout(limits.DICOM_ACSE_TIMEOUT)
        try:
            self._tls.do_handshake()
        except ssl.SSLCertVerificationError as error:
            self._on_failure(f"its certificate is not accepted: {error.verify_message}")
            raise
        except OSError as error:
            self._on_failure(f"it does not speak TLS here: {getattr(error, 'reason', '') or 'no answer'}")
            raise
        certificate = self._tls.getpeercert(binary_form=True)
        self.fingerprint = hashlib.sha256(certificate).hexdigest() if certificate else ""
        self._tls.setblocking(False)

    def pending(self) -> int:
        """Bytes that are there without another look at the network."""
        with self._lock:
            return self._tls.pending()

    def recv_into(self, buffer: memoryview) -> int:
        """Read some bytes, at least one; 0 when the peer has closed.

        Raises:
            OSError: the connection broke, or nothing came for the time-out.
        """
        return self._turns(lambda: self._tls.recv_into(buffer))

    def sendall(self, data: bytes | memoryview) -> None:
        """Send everything.

        Raises:
            OSError: the connection broke, or nothing could be sent for the time-out.
        """
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                with view[sent : sent + WRITE_SIZE] as piece:
                    sent += self._turns(lambda piece=piece: self._tls.send(piece))  # type: ignore[misc]

    def shutdown(self, how: int) -> None:
        """End it for both, without a word of TLS: whoever reads or writes now gets an error."""
        socket.socket.shutdown(self._tls, how)

    def close(self) -> None:
        """Give the socket back to the system."""
        with self._lock:
            self._tls.close()

    def settimeout(self, seconds: float | None) -> None:
        """The longest wait for the network in one read or write."""
        self._timeout = seconds

    def setsockopt(self, *option: Any) -> None:
        """As of a socket."""
        self._tls.setsockopt(*option)

    def fileno(self) -> int:
        """As of a socket."""
        return self._tls.fileno()

    def getsockname(self) -> Any:
        """As of a socket."""
        return self._tls.getsockname()

    def getpeername(self) -> Any:
        """As of a socket."""
        return self._tls.getpeername()

    def _turns(self, call: Callable[[], T]) -> T:
        """Call OpenSSL until it has what it needs of the network."""
        while True:
            with self._lock:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
            if self._tls.fileno() < 0:
                raise OSError("closed")
            poller = select.poll()
            poller.register(self._tls.fileno(), wanted)
            if not poller.poll(None if self._timeout is None else 1_000 * self._timeout):
                raise TimeoutError
