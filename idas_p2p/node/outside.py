"""The node's side towards the world: the directory, where this node is to be found, and its links to other members.

Belongs here: which part is given to which. Not here: what is said to others (exchange/, serve.py), who they are
(access/), starting and stopping (node.py).
"""

from __future__ import annotations

from idas_p2p.access.federations import Federations
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.directory.service import Directory
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.contacts import Contacts
from idas_p2p.node.links import Links
from idas_p2p.node.node_record import NodeRecord
from idas_p2p.node.whereabouts import Whereabouts
from idas_p2p.store.settings import Settings
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.proxied import way_out
from idas_p2p.transport.reservation import Take


class Outside:
    """These parts of one node.

    Args:
        identity: the node's key.
        config: checked.
        settings: keeps contacts and last known addresses.
        federation: gives the pre-shared key, and what shows that this node is a member.
        take: serves a connection on which another node dials us, and the name of its path.
        tasks: owns background work.
        channels: owns reading tasks of links.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        config: NodeConfig,
        settings: Settings,
        federation: Federations,
        *,
        take: Take,
        tasks: TaskOwner,
        channels: TaskOwner,
        clock: Clock,
    ) -> None:
        self.contacts = Contacts(config.bootstrap, settings)
        self.way = way_out(config.proxy)
        self.directory = Directory(
            identity,
            clock=clock,
            contacts=self.contacts.known(),
            storage_path=config.folder / "directory.records",
            known_contacts_path=config.folder / "directory.contacts",
            tasks=tasks,
            open_stream=self.way.open_stream,
            settings=config.directory,
        )
        self.whereabouts = Whereabouts(
            identity,
            config.advertise,
            self.directory,
            relays=lambda: self.contacts.known() if config.relay else (),
            take=take,
            memberships=federation.memberships,
            way=self.way,
            maps_ports=config.maps_ports,
            clock=clock,
        )
        self.links = Links(
            identity,
            federation,
            self.directory,
            settings,
            clock=clock,
            tasks=channels,
            use_relays=config.relay,
            way=self.way,
            contacts=self.contacts.known,
            openers=self.whereabouts.openers,
        )
        self.whereabouts.roaming.on_change.append(self.links.check)
        self.whereabouts.relays.on_leaving.append(self.links.mover.leave)
        self.node_record = NodeRecord(
            identity,
            config.institution,
            config.aet,
            self.directory,
            own_addresses=self.whereabouts.addresses,
            own_relays=self.whereabouts.relays.offers,
            clock=clock,
        )
