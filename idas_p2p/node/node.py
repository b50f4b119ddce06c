"""A node: all its parts, put together once.

Belongs here: which part is given to which, the order of starting and stopping. Not here: any decision.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from idas_p2p.access.federations import Federations
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.errors import BadConfiguration
from idas_p2p.exchange.codec.workshop import Workshop
from idas_p2p.limits import MAX_ASSOCIATIONS, MAX_CHANNELS
from idas_p2p.node.answering import Answering
from idas_p2p.node.audit import Audit
from idas_p2p.node.audited_users import AuditedUsers
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.node.exams import Exams
from idas_p2p.node.find import Finder
from idas_p2p.node.find_parts import PartFinder
from idas_p2p.node.harvest import Harvester
from idas_p2p.node.lan import Lan
from idas_p2p.node.memberships import Memberships
from idas_p2p.node.outside import Outside
from idas_p2p.node.outsiders import Outsiders
from idas_p2p.node.publish import Publisher
from idas_p2p.node.repeating import repeat
from idas_p2p.node.retrieve import Retriever
from idas_p2p.node.rules import RuleBook
from idas_p2p.node.sharing import Sharing
from idas_p2p.node.sources import Sources
from idas_p2p.node.sweeping import Sweeper
from idas_p2p.node.transfers import Transfers
from idas_p2p.node.warming import Warming
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Settings
from idas_p2p.store.spool import Spool
from idas_p2p.store.transfers import TransferLog
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.sockets import with_port

STOP_GRACE: Final = 10.0  # seconds for what is in flight when the node is told to stop; ours
FAILURE_PAUSE: Final = 5.0  # seconds until work that failed is tried again; ours
SPARE_THREADS: Final = 32  # beside one for each association: archives, deliveries, files


class Node:
    """Every part of one node.

    Args:
        config: checked.
        clock: the time.
    """

    def __init__(self, config: NodeConfig, *, clock: Clock) -> None:
        self.config, self.clock, self.started_at = config, clock, clock.monotonic()
        self.tasks, self.channels = TaskOwner(limit=MAX_CHANNELS), TaskOwner(limit=MAX_CHANNELS)
        self.identity = SigningKey.load(config.key_path)
        self.dicom_address, self.network_address = config.dicom, config.network
        secret = self.identity.x25519_secret()

        self.database = Database.open(config.database_url)
        self.settings = Settings(self.database)
        self.catalog = Catalog(self.database)
        self.objects = ObjectStore(config.folder / "objects", self.database)
        self.spool = Spool(
            config.folder / "spool",
            self.database,
            max_bytes=config.spool_bytes,
            seal_key=derive(secret, "idas spool seal"),
            encrypt=config.encrypt_spool,
        )
        self.transfer_log = TransferLog(self.database)
        self.transfers = Transfers(self.transfer_log, clock=clock)

        self.bridge = Bridge(threads=MAX_ASSOCIATIONS + SPARE_THREADS)
        self.sweeper = Sweeper(self.spool, self.transfer_log, self.bridge, keep=config.spool_seconds, clock=clock)
        self.workshop = Workshop(self.bridge.run, clock=clock)
        self.inbound = Inbound()
        received = config.folder / "receive"
        self.tls, rule = config.devices.load_tls(), config.devices.on_change
        self.sources = Sources(
            config.aet, self.objects, bridge=self.bridge, inbound=self.inbound, receive_folder=received, clock=clock
        )
        self.embedded = EmbeddedStore(self.objects, self.catalog, bridge=self.bridge, clock=clock, on_change=rule)
        self.harvester = Harvester(self.sources, self.catalog, clock=clock, tasks=self.tasks)

        self.federations = Federations(self.identity, self.settings, random_bytes=random_bytes)
        self.federation = self.federations.first
        outside = Outside(
            self.identity,
            config,
            self.settings,
            self.federations,
            take=lambda connection, path: self.listener.take(connection, path=path),
            tasks=self.tasks,
            channels=self.channels,
            clock=clock,
        )
        self.contacts, self.way, self.directory = outside.contacts, outside.way, outside.directory
        self.whereabouts, self.links, self.node_record = outside.whereabouts, outside.links, outside.node_record
        self.rules = RuleBook(config.folder, self.database, run=self.bridge.run)
        self.audit = Audit(
            config,
            self.identity,
            self.settings,
            self.rules,
            name_of=self.federations.institution,
            run=self.bridge.run,
            clock=clock,
        )
        self.sharing = Sharing(
            self.identity,
            config.institution,
            self.database,
            federation=self.federation,
            directory=self.directory,
            rules=self.rules,
            catalog=self.catalog,
            sources=self.sources,
            spool=self.spool,
            bridge=self.bridge,
            clock=clock,
        )
        self.shelves, self.holdings = self.sharing.shelves, self.sharing.holdings
        self.publisher = Publisher(
            self.identity, self.federations, self.directory, self.catalog, self.settings, clock=clock
        )
        self.memberships = Memberships(
            self.identity,
            config.institution,
            self.federations,
            contacts=self.contacts,
            directory=self.directory,
            links=self.links,
            own_addresses=self.whereabouts.addresses,
            way=self.way,
            note=self.audit.note,
            on_new_secrets=self._shut_out,
            tasks=self.tasks,
            clock=clock,
        )
        self.manifests, self.membership = self.memberships.first.manifests, self.memberships.first.membership
        self.finder = Finder(self.identity, self.federations, self.directory, self.links, self.holdings, clock=clock)
        self.warming = Warming(self.links, self.federations, clock=clock, tasks=self.tasks)
        self.finder.on_found = self.warming.expect
        self.retriever = Retriever(
            self.identity,
            self.holdings,
            self.finder,
            self.warming,
            self.federations,
            self.spool,
            spool_key=derive(secret, "idas spool key"),
            transfers=self.transfers,
            clock=clock,
            coders=self.workshop,
        )
        self.users = AuditedUsers(
            self.finder,
            self.retriever,
            self.transfers,
            self.audit,
            institution=config.institution,
            name_of=self.federations.institution,
            part_finder=PartFinder(self.finder, self.links, self.sharing.parts),
        )
        self.lan = Lan(
            config,
            self.database,
            self.bridge,
            users=self.users,
            embedded=self.embedded,
            inbound=self.inbound,
            objects=self.objects,
            tls=self.tls,
            clock=clock,
            note=self.audit.note,
        )
        self.outsiders = Outsiders(
            self.identity,
            config.institution,
            self.settings,
            outside,
            self.memberships,
            self.federations,
            self.sharing,
            self.catalog,
            self.transfers,
            self.workshop,
            self.lan.desk,
            rules=self.rules,
            audit=self.audit,
            clock=clock,
        )
        self.exams = Exams(self)
        answering = Answering(
            self.identity,
            self.memberships,
            self.sharing,
            self.transfers,
            self.workshop,
            self.outsiders,
            self.whereabouts,
            audit=self.audit,
            offers=self.exams.inbox,
            channels=self.channels,
            clock=clock,
        )
        self.accepted, self.listener = answering.accepted, answering.listener
        self.services, self.dicom = self.lan.services, self.lan.dicom

    async def start(self) -> None:
        """Start everything; the node serves when this returns.

        Raises:
            BadConfiguration: an address cannot be used.
        """
        await self.embedded.reconcile()
        try:
            network = with_port(self.config.network)
            self.network_address = await self.listener.start(network)
            await self.directory.start(network)  # the same port, also when it was chosen
        except OSError as error:
            raise BadConfiguration(f"network.listen {self.config.network}: {error.strerror or error}") from None
        self.whereabouts.start(self.network_address, tasks=self.tasks)
        self.dicom_address = await self.lan.start()
        self.configure()
        for name, turn in (
            ("publish", self.publisher.turn),
            *self.sharing.turns(),
            *self.outsiders.turns(),
            *self.exams.turns(),
            ("manifest", self.memberships.spread),
            ("joining", self.memberships.ask),
            ("node_record", self.node_record.turn),
            ("links", self.links.ping_all),
            ("embedded", self.embedded.turn),
            ("commitment", self.lan.commitment.turn),
            ("sweep", self.sweeper.turn),
            *self.whereabouts.turns(),
            *self.audit.turns(self.links.open_now),
        ):
            self.tasks.start(name, repeat(name, turn, after_failure=FAILURE_PAUSE))
        self.audit.started()

    def configure(self) -> None:
        """Take the archives and rules now in the database.

        Raises:
            BadConfiguration: a rule is not one this version understands; what was in force stays.
        """
        self.rules.load()
        self.sources.configure(self.settings.archives(), self.tls.client)
        self.harvester.configure()

    async def stop(self) -> None:
        """Finish what is in flight, up to STOP_GRACE, and stop everything, also what a failure left half started."""
        async with AsyncExitStack() as stack:  # the last one first, each whatever happened before
            stack.callback(self.database.close)
            stack.callback(self.audit.close)
            stack.push_async_callback(self.bridge.close)
            stack.push_async_callback(self.workshop.close)
            stack.push_async_callback(self.channels.stop)
            stack.push_async_callback(self.directory.stop)
            stack.push_async_callback(self.links.close)
            stack.push_async_callback(self.shelves.stop)
            stack.push_async_callback(self.retriever.stop)
            stack.push_async_callback(self.whereabouts.stop)
            stack.push_async_callback(self.tasks.stop)
            stack.callback(self.services.close)
            stack.push_async_callback(self._stop_serving)

    async def _stop_serving(self) -> None:
        """Accept nothing more; let associations and transfers end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.dicom.stop(STOP_GRACE))
            group.create_task(self.listener.stop(grace=STOP_GRACE))
            await self.transfers.wait_idle(STOP_GRACE)
            await self.listener.stop()  # what is left are links on which nothing is under way

    def _shut_out(self) -> None:
        """The members are others now."""
        self.tasks.start("shut_out", self.accepted.close_of_strangers())
