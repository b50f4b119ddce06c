"""A workstation that takes images: a storage SCP of plain pynetdicom, without any code of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.wire.address import Address


@dataclass
class Workstation:
    """A storage SCP made of plain pynetdicom."""

    statuses: dict[str, int] = field(default_factory=dict)  # by SOP Instance UID; success otherwise
    limit: int = 10  # associations it serves at once
    hold: threading.Event | None = None  # answers only when this is set
    aborts_at: int = 0  # aborts instead of answering this many-th instance
    received: dict[str, bytes] = field(default_factory=dict)
    originators: list[tuple[str, int]] = field(default_factory=list)
    associations: int = 0
    syntaxes: list[str] = field(default_factory=list)
    count: int = 0
    asked: threading.Event = field(default_factory=threading.Event)  # an instance waits for `hold`

    def store(self, event: Event) -> int:
        self.count += 1
        if self.count == self.aborts_at:
            event.assoc.abort()
            return 0xC000
        if self.hold is not None:
            self.asked.set()
            self.hold.wait(30.0)
        request = event.request
        self.received[request.AffectedSOPInstanceUID] = request.DataSet.getvalue()
        self.syntaxes.append(event.context.transfer_syntax)
        self.originators.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return self.statuses.get(request.AffectedSOPInstanceUID, 0x0000)

    def accepted(self, _: Event) -> None:
        self.associations += 1

    @contextmanager
    def listening(self, classes: dict[str, list[str]]) -> Iterator[RemoteAE]:
        entity = AE(ae_title="WS")
        entity.require_called_aet = True
        entity.maximum_associations = self.limit
        for uid, syntaxes in classes.items():
            entity.add_supported_context(uid, syntaxes)
        sockets: list[socket.socket] = []  # pynetdicom forgets to close one whose peer went away first
        handlers = [
            (evt.EVT_C_STORE, self.store),
            (evt.EVT_ACCEPTED, self.accepted),
            (evt.EVT_CONN_OPEN, lambda event: sockets.append(event.assoc.dul.socket.socket)),
        ]
        server = entity.make_server(("127.0.0.1", 0), evt_handlers=handlers, server_class=ThreadedAssociationServer)
        entity._servers.append(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            host, port = server.server_address[:2]
            yield RemoteAE(aet="WS", address=Address(str(host), int(port)), calling_aet="NODE")
        finally:
            server.shutdown()
            thread.join()
            for sock in sockets:
                sock.close()
