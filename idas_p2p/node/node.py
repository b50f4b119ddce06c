"""A node: all its parts, put together once.

Belongs here: which part is given to which, the order of starting and stopping. Not here: any decision.
"""

from __future__ import annotations

import asyncio
from typing import Final

from idas_p2p.access.federation import Federation
from idas_p2p.access.policy import Level, Rule, parse_subject
from idas_p2p.access.tickets import TicketOffice
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.records import sign_record
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.server import DicomServer
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadConfiguration, IdasError
from idas_p2p.events import log_event
from idas_p2p.limits import MAX_ASSOCIATIONS, MAX_CHANNELS
from idas_p2p.node.addresses import advertised, interface_addresses
from idas_p2p.node.callers import Callers
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.find import Finder
from idas_p2p.node.harvest import Harvester
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.links import Links
from idas_p2p.node.membership import Membership
from idas_p2p.node.publish import Publisher
from idas_p2p.node.retrieve import Retriever
from idas_p2p.node.serve import ChannelServer
from idas_p2p.node.services import NodeServices
from idas_p2p.node.sources import Sources
from idas_p2p.node.transfers import Transfers
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Settings
from idas_p2p.store.spool import Spool
from idas_p2p.store.transfers import TransferLog
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.listener import Listener
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.records import NodeInfo
from idas_p2p.wire.schema import encode

STOP_GRACE: Final = 10.0  # seconds for what is in flight when the node is told to stop; ours
RECORD_INTERVAL: Final = 300.0  # seconds between publications of our node record; ours: addresses change
RECORD_RETRY: Final = 5.0  # seconds until the next try when nobody stored it; ours
SPOOL_AGE: Final = 3_600.0  # seconds a transfer's images are kept for a repetition; ours
SWEEP_INTERVAL: Final = 300.0  # seconds; ours
LOG_AGE: Final = 90 * 86_400.0  # seconds finished transfers stay in the list; ours
SPARE_THREADS: Final = 32  # beside one for each association: archives, deliveries, files

_JOIN_CONTACT: Final = "join.contact"


class Node:
    """Every part of one node.

    Args:
        config: checked.
        clock: the time.
    """

    def __init__(self, config: NodeConfig, *, clock: Clock) -> None:
        self.config, self.clock = config, clock
        self.started_at = clock.monotonic()
        self.tasks = TaskOwner(limit=MAX_CHANNELS)
        self.channels = TaskOwner(limit=MAX_CHANNELS)
        self.identity = SigningKey.load(config.key_path)
        self.dicom_address, self.network_address = config.dicom, config.network
        secret = self.identity.x25519_secret()

        self.database = Database.open(config.database_url)
        self.settings = Settings(self.database)
        self.catalog = Catalog(self.database)
        self.objects = ObjectStore(config.folder / "objects", self.database)
        self.spool = Spool(config.folder / "spool", self.database, max_bytes=config.spool_bytes)
        self.transfer_log = TransferLog(self.database)
        self.transfers = Transfers(self.transfer_log, clock=clock)

        self.bridge = Bridge(threads=MAX_ASSOCIATIONS + SPARE_THREADS)
        self.inbound = Inbound()
        self.sources = Sources(config.aet, self.objects, bridge=self.bridge, inbound=self.inbound)
        self.embedded = EmbeddedStore(self.objects, self.catalog, bridge=self.bridge, clock=clock)
        self.harvester = Harvester(self.sources, self.catalog, clock=clock, tasks=self.tasks)

        self.federation = Federation(self.identity, self.settings, random_bytes=random_bytes)
        self.directory = Directory(
            self.identity,
            clock=clock,
            contacts=(*config.bootstrap, *self._joined_contacts()),
            storage_path=config.folder / "directory.records",
            known_contacts_path=config.folder / "directory.contacts",
            tasks=self.tasks,
        )
        self.links = Links(
            self.identity, self.federation, self.directory, self.settings, clock=clock, tasks=self.channels
        )
        self._rules: list[Rule] = []
        self.holdings = Holdings(
            self.catalog,
            self.sources,
            TicketOffice(derive(secret, "idas tickets")),
            rules=lambda: self._rules,
            clock=clock,
        )
        self.publisher = Publisher(self.identity, self.federation, self.directory, self.catalog, clock=clock)
        self.membership = Membership(
            self.identity,
            config.institution,
            self.federation,
            self.directory,
            self.links,
            contact=self._contact_for_others,
            own_addresses=self.addresses,
            clock=clock,
            tasks=self.tasks,
            on_new_secrets=self.publisher.start_over,
        )
        self.finder = Finder(self.identity, self.federation, self.directory, self.links, self.holdings, clock=clock)
        self.retriever = Retriever(
            self.holdings,
            self.finder,
            self.links,
            self.federation,
            self.spool,
            spool_key=derive(secret, "idas spool key"),
            transfers=self.transfers,
            clock=clock,
        )
        self.listener = Listener(
            self.identity,
            find_psk=self.membership.find_psk,
            on_channel=ChannelServer(self.federation, self.membership, self.holdings, self.transfers).serve,
            admits=self.membership.admits,
            owner=self.channels,
        )
        self.dicom = DicomServer(
            config.aet,
            NodeServices(
                config.aet,
                Callers(self.settings),
                self.settings,
                finder=self.finder,
                retriever=self.retriever,
                embedded=self.embedded,
                inbound=self.inbound,
            ),
            self.bridge,
            receive_folder=config.folder / "receive",
        )

    async def start(self) -> None:
        """Start everything; the node serves when this returns.

        Raises:
            BadConfiguration: an address cannot be used.
        """
        await self.embedded.reconcile()
        try:
            await self.directory.start(self.config.network)
        except OSError as error:
            raise BadConfiguration(f"network.listen {self.config.network}: {error.strerror or error}") from None
        self.network_address = await self.listener.start(self.config.network)
        self.dicom_address = await self.dicom.start(self.config.dicom)
        self.configure()
        for name, work in (
            ("publish", self.publisher.run()),
            ("membership", self.membership.keep_current()),
            ("node_record", self._publish_record()),
            ("links", self.links.keep_alive()),
            ("embedded", self.embedded.keep_catalog()),
            ("sweep", self._sweep()),
        ):
            self.tasks.start(name, work)

    def configure(self) -> None:
        """Take the archives and rules now in the database."""
        self._rules = [
            Rule(subject=parse_subject(grant.subject), level=Level.parse(grant.level), expires=grant.expires)
            for grant in self.settings.grants()
        ]
        self.sources.configure(self.settings.archives())
        self.harvester.configure()
        log_event("configured", count=len(self._rules))

    async def stop(self) -> None:
        """Finish what is in flight, up to STOP_GRACE, and stop everything."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.dicom.stop(STOP_GRACE))
            group.create_task(self.listener.stop(grace=STOP_GRACE if self.transfers.running else 0.0))
        await self.retriever.stop()
        await self.links.close()
        await self.directory.stop()
        await self.tasks.stop()
        await self.channels.stop()
        await self.bridge.close()
        self.database.close()

    def addresses(self) -> tuple[Address, ...]:
        """Where other nodes can dial this one."""
        return advertised(
            configured=self.config.advertise,
            bound=self.network_address,
            interfaces=interface_addresses(),
            observed=self.directory.observed_address(),
        )

    def _contact_for_others(self) -> Contact:
        """Whom a machine that knows nobody should call first: a bootstrap node, else this node."""
        if self.config.bootstrap:
            return self.config.bootstrap[0]
        return Contact(self.addresses()[0], self.identity.node_id)

    def remember_contact(self, contact: Contact) -> None:
        """Call this node of the directory at every start from now on."""
        self.settings.set_value(_JOIN_CONTACT, str(contact).encode())

    def _joined_contacts(self) -> list[Contact]:
        """The contact that came with the invitation this node joined by."""
        stored = self.settings.value(_JOIN_CONTACT)
        return [Contact.parse(stored.decode())] if stored else []

    async def _publish_record(self) -> None:
        """Keep our node record in the directory, for ever."""
        published: tuple[Address, ...] = ()
        published_at = -RECORD_INTERVAL
        while True:
            addresses = self.addresses()
            due = addresses != published or self.clock.monotonic() - published_at >= RECORD_INTERVAL
            if due and await self._put_record(addresses):
                published, published_at = addresses, self.clock.monotonic()
            await asyncio.sleep(RECORD_RETRY)

    async def _put_record(self, addresses: tuple[Address, ...]) -> bool:
        info = NodeInfo(
            version=1,
            institution=self.config.institution,
            aet=self.config.aet,
            addresses=addresses,
            is_server=True,
        )
        record = sign_record(self.identity, self.identity, encode(info), now=self.clock.now())
        try:
            (replicas,) = await self.directory.put([record])
        except IdasError:
            return False
        return replicas > 0

    async def _sweep(self) -> None:
        """Let old transfers go, for ever."""
        while True:
            now = self.clock.now()
            await self.bridge.run(self.spool.expire, now - SPOOL_AGE)
            self.transfer_log.forget(now - LOG_AGE)
            await asyncio.sleep(SWEEP_INTERVAL)
