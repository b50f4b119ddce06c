"""The upper layer of one association, woken by events instead of looking every millisecond.

Belongs here: pynetdicom's reactor with a faster heart; its state machine stays as it is. Not here: messages.
Law: it sleeps until the socket, the service user or a timer needs it, and ends the association on any surprise.
Source: PS3.8 section 9.2.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from contextlib import suppress
from typing import Any, Final

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.pdu import A_ABORT_RQ

from idas_p2p.dicom import framing
from idas_p2p.events import log_event, log_failure

LONGEST_SLEEP: Final = 1.0  # seconds; ours
P_DATA_TF: Final = 0x04
PDU_TYPES: Final = range(0x01, 0x08)  # PS3.8 Table 9-11 to 9-26
DATA_TRANSFER: Final = "Sta6"
HEADER_SIZE: Final = 6  # bytes


class SignallingQueue(queue.Queue[Any]):
    """A queue that tells when something was put into it."""

    def __init__(self, signal: Any) -> None:
        super().__init__()
        self._signal = signal

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, then signal."""
        super().put(item, block, timeout)
        self._signal()


class Reactor(DULServiceProvider):  # type: ignore[misc]
    """pynetdicom's upper layer thread.

    Args:
        assoc: the association it serves.
        activity: set whenever the service user has something to look at.
    """

    def __init__(self, assoc: Association, activity: threading.Event) -> None:
        self._wake_lock = threading.Lock()
        self._wake_fd = -1
        super().__init__(assoc)
        self.daemon = True
        self.name = "dicom-reactor"
        self.event_queue = SignallingQueue(self.wake)
        self.to_provider_queue = SignallingQueue(self.wake)
        self.to_user_queue = SignallingQueue(activity.set)
        self._activity = activity

    @property
    def _kill_thread(self) -> bool:
        return self._killed

    @_kill_thread.setter
    def _kill_thread(self, value: bool) -> None:
        self._killed = value
        self.wake()

    def wake(self) -> None:
        """Make the reactor look around. From any thread."""
        if threading.get_ident() == self.ident:
            return
        with self._wake_lock:
            if self._wake_fd >= 0:
                os.eventfd_write(self._wake_fd, 1)

    def run_reactor(self) -> None:
        """Serve the association until it ends."""
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._idle_timer.start()
        try:
            while not self._kill_thread:
                self.assoc._dul_ready.set()
                if not self._step():
                    self._sleep()
        except InvalidEventError:  # the peer sent what it may not send now
            log_event("association_ended", reason="unexpected_pdu")
            self._give_up()
        except Exception as error:  # whatever a peer sent costs only its own association
            log_failure("association_failed", error)
            self._give_up()
        finally:
            self.assoc._dul_ready.set()
            self.assoc.dimse.discard()
            self.assoc.dimse.msg_queue.put((None, None))  # whoever waits for anything waits in vain
            self.to_user_queue.put(None)
            with self._wake_lock:
                fd, self._wake_fd = self._wake_fd, -1
            os.close(fd)

    def _step(self) -> bool:
        """Do one thing; False when there was nothing to do."""
        if self.artim_timer.expired:
            self.event_queue.put("Evt18")
        received = False
        if self.event_queue.empty() and not self._process_recv_primitive() and self._may_read():
            self._idle_timer.restart()
            received = True
        try:
            event = self.event_queue.get_nowait()
        except queue.Empty:
            return received
        self.state_machine.do_action(event)
        return True

    def _may_read(self) -> bool:
        return not self.assoc.dimse.is_full and self._is_transport_event()

    def _sleep(self) -> None:
        poller = select.poll()
        poller.register(self._wake_fd, select.POLLIN)
        if self.socket is not None and self.socket._is_connected and not self.assoc.dimse.is_full:
            with suppress(OSError, ValueError, AttributeError):
                poller.register(self.socket.socket.fileno(), select.POLLIN)
        remaining = self.artim_timer.remaining if self.artim_timer._start_time is not None else LONGEST_SLEEP
        poller.poll(1_000 * min(LONGEST_SLEEP, max(0.0, remaining) + 0.001))
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)

    def _read_pdu_data(self) -> None:
        """Read one PDU and raise its event; the fragments of P-DATA-TF go to the messages at once."""
        try:
            header = self.socket.recv(HEADER_SIZE)
            if len(header) == HEADER_SIZE and header[0] not in PDU_TYPES:
                self.event_queue.put("Evt19")
                return
            length = int.from_bytes(header[2:], "big")
            body = self.socket.recv(length) if len(header) == HEADER_SIZE else bytearray()
        except OSError:
            self.event_queue.put("Evt17")
            return
        if len(header) != HEADER_SIZE or len(body) != length:
            self.event_queue.put("Evt17")
        elif header[0] == P_DATA_TF and self.state_machine.current_state == DATA_TRANSFER:
            self._receive_data(memoryview(body))
        else:
            self._receive_control(header + body)

    def _receive_data(self, body: memoryview) -> None:
        try:
            for context_id, control, part in framing.fragments(body):
                self.assoc.dimse.receive_fragment(context_id, control, part)
        except Exception:  # what is wrong with a peer's bytes does not matter: PS3.8 Evt19
            self.event_queue.put("Evt19")
        if not self.assoc.dimse.msg_queue.empty():
            self._activity.set()

    def _receive_control(self, pdu: bytearray) -> None:
        try:
            decoded, event = self._decode_pdu(pdu)
        except Exception:  # as above
            self.event_queue.put("Evt19")
            return
        self._recv_pdu.put(decoded)
        self.event_queue.put(event)

    def _give_up(self) -> None:
        """Abort without the state machine, which is in an unknown state."""
        abort = A_ABORT_RQ()
        abort.source = 0x02
        abort.reason_diagnostic = 0x00
        if self.socket is not None and self.socket.socket is not None:
            self.socket.send(abort.encode())
            self.socket._shutdown_socket()
        self.assoc.is_aborted = True
        self.assoc.is_established = False
        self.assoc._kill = True
        self._killed = True
        self.state_machine.current_state = "Sta1"
