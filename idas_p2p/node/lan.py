"""The node's side towards the hospital's own network: who calls, who signed in, the DICOM server.

Belongs here: putting those parts together. Not here: any decision of theirs.
"""

from __future__ import annotations

from idas_p2p.access.audit.events import Note, ignore
from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.contexts import StorageClasses
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.server import DicomServer
from idas_p2p.dicom.tls import Tls
from idas_p2p.node.audited_users import AuditedUsers
from idas_p2p.node.callers import Callers
from idas_p2p.node.commitments import StorageCommitment
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.destinations import destination
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.services import NodeServices
from idas_p2p.node.sign_in_commands import SignInDesk
from idas_p2p.store.commitments import Commitments
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Settings
from idas_p2p.store.sign_ins import SignIns
from idas_p2p.wire.address import Address


class Lan:
    """What devices on the local network meet.

    Args:
        config: titles and addresses.
        database: accounts, workstations, sessions.
        bridge: runs what blocks.
        users, embedded, inbound: do the work.
        tls: our certificate, and those that others' are checked against.
        objects: what the embedded archive answers for.
        clock: the time.
        note: writes down who signed in.
    """

    def __init__(
        self,
        config: NodeConfig,
        database: Database,
        bridge: Bridge,
        *,
        users: AuditedUsers,
        embedded: EmbeddedStore,
        inbound: Inbound,
        objects: ObjectStore,
        tls: Tls,
        clock: Clock,
        note: Note = ignore,
    ) -> None:
        self._config = config
        self.tls = tls
        self.tls_address: Address | None = None  # of the service over TLS, once it is there
        settings, sign_ins = Settings(database), SignIns(database)
        self.callers = Callers(settings, sign_ins, clock=clock)
        self.desk = SignInDesk(self.callers, sign_ins, bridge, clock=clock, note=note)
        self.commitment = StorageCommitment(
            Commitments(database),
            objects,
            lambda aet: destination(settings, aet, calling_aet=config.aet, tls=self.tls.client),
            bridge=bridge,
            clock=clock,
        )
        self.services = NodeServices(
            config.aet,
            self.callers,
            settings,
            bridge,
            users=users,
            embedded=embedded,
            inbound=inbound,
            commitment=self.commitment,
            tls=self.tls.client,
            shows_own=config.devices.shows_own,
            clock=clock,
            note=note,
        )
        self.dicom = DicomServer(
            config.aet,
            self.services,
            bridge,
            receive_folder=config.folder / "receive",
            storage=StorageClasses(config.devices.private_classes),
        )

    async def start(self) -> Address:
        """Serve devices, plain and where configured over TLS; the address of the plain service.

        Raises:
            BadConfiguration: an address cannot be used.
        """
        address = await self.dicom.start(self._config.dicom)
        listen = self._config.devices.tls_listen
        if listen is not None and self.tls.server is not None:
            self.tls_address = await self.dicom.start(listen, tls=self.tls.server)
        return address
