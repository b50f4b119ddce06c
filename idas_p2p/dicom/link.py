"""An association whose thread sleeps until something happens.

Belongs here: pynetdicom's association with our reactor and messages inside, and what its users may ask of it. Not here:
what is served over it (serving.py), sockets (sockets.py).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from idas_p2p.dicom.messages import Messages
from idas_p2p.dicom.reactor import Reactor

LONGEST_SLEEP: Final = 1.0  # seconds between looks at the idle timer; ours
ABORT_TIMEOUT: Final = 1.0  # seconds for an A-ABORT to leave before the socket is closed under it; ours


class Checkpoint(threading.Event):
    """pynetdicom's gate that holds the association thread while a service user waits for responses itself."""

    def __init__(self, on_clear: Callable[[], None]) -> None:
        super().__init__()
        self._on_clear = on_clear
        self.set()

    def clear(self) -> None:
        """Close the gate and send the thread to it."""
        super().clear()
        self._on_clear()


class Link(Association):  # type: ignore[misc]
    """One association, in either role.

    Args:
        ae: the local application entity.
        mode: `requestor` or `acceptor`.
        receive_folder: where data sets over MEMORY_INSTANCE_SIZE go while they arrive; None keeps them in memory.
    """

    is_established: bool
    is_released: bool
    is_aborted: bool

    def __init__(self, ae: ApplicationEntity, mode: str, *, receive_folder: Path | None = None) -> None:
        super().__init__(ae, mode)
        self.name = f"dicom-{mode}"
        self.activity = threading.Event()
        self.trouble = ""  # why the connection did not come about, where that is known, in words
        self.dul = Reactor(self, self.activity)
        self.dimse = Messages(self, receive_folder)
        self.acse_timeout = ae.acse_timeout  # again: the first time they set the timers of another reactor
        self.network_timeout = ae.network_timeout
        self._reactor_checkpoint = Checkpoint(self.activity.set)

    @property
    def is_gone(self) -> bool:
        """Whether nothing can be sent any more: aborted, closed, released or lost."""
        return not self.is_established or self._kill or not self.dul.is_alive() or self.acse.is_aborted()

    @property
    def was_answered(self) -> bool:
        """Whether the peer accepted the association, be it without any of the proposed contexts."""
        answer = self.acceptor.primitive
        return answer is not None and answer.result == 0

    def hold(self) -> None:
        """Keep the association's own thread from taking messages: the caller reads them with `response`."""
        self._reactor_checkpoint.clear()
        while not self._is_paused and self.is_alive():
            time.sleep(0.0005)

    def is_cancelled(self, message_id: int) -> bool:
        """Whether the peer sent a C-CANCEL for this request."""
        return message_id in self.dimse.cancel_req

    def response(self, timeout: float) -> Any | None:
        """Wait for the next message from the peer; None when none came or the association ended."""
        try:
            return self.dimse.msg_queue.get(timeout=timeout)[1]
        except queue.Empty:
            return None

    def end(self) -> None:
        """Abort now, and close the socket whether or not the peer plays along. From any thread but the reactor's."""
        if self.is_established and self.dul.is_alive():
            self.abort(block=False)
            self.dul.join(ABORT_TIMEOUT)
        self._reactor_checkpoint.set()
        if self.dul.is_alive():
            self._kill = True
            self.dul.kill_dul()
            if self.dul.socket is not None and self.dul.socket.socket is not None:
                self.dul.socket._shutdown_socket()
        self.activity.set()

    def _run_reactor(self) -> None:
        """Serve what arrives until the association ends; pynetdicom's loop, without its millisecond naps."""
        while not self._kill:
            self._is_paused = True
            self._reactor_checkpoint.wait()
            self._is_paused = False
            self._serve_next()
            if self._has_ended():
                return
            if self._reactor_checkpoint.is_set() and self.dimse.msg_queue.empty():
                self.activity.wait(LONGEST_SLEEP)
            self.activity.clear()

    def _serve_next(self) -> None:
        context_id, message = self.dimse.get_msg(block=False)
        if message is not None:
            self._serve_request(message, context_id)
            self.dul._idle_timer.restart()  # the peer may have been silent for long while it was served

    def _has_ended(self) -> bool:
        if self.is_established and self.acse.is_release_requested():
            self.is_released = True
            self.is_established = False
            self.acse.send_release(is_response=True)
        elif self.acse.is_aborted():
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self.is_established = False
        elif self.dul.idle_timer_expired():
            self.abort(block=False)
        elif self.dul.is_alive() and not self._sent_abort:
            return False
        self.kill()
        return True
