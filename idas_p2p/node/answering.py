"""The side of a node that other nodes open channels to: the listener, who is served what, put together once.

Belongs here: which part is given to which. Not here: any decision.
"""

from __future__ import annotations

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.offers import OfferTaker
from idas_p2p.node.accepted import Accepted
from idas_p2p.node.audit import Audit
from idas_p2p.node.memberships import Memberships
from idas_p2p.node.outsiders import Outsiders
from idas_p2p.node.serve import ChannelServer
from idas_p2p.node.sharing import Sharing
from idas_p2p.node.transfers import Transfers
from idas_p2p.node.whereabouts import Whereabouts
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.listener import Listener


class Answering:
    """These parts of one node.

    Args:
        identity: ours.
        memberships: our memberships.
        sharing, transfers, coders: show and send studies.
        outsiders: decide who may come in, and serve who is no member.
        whereabouts: notice who dials us back, and open connections from both sides.
        audit: records what is shown and sent.
        offers: takes what members offer.
        channels: owns the channels.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        memberships: Memberships,
        sharing: Sharing,
        transfers: Transfers,
        coders: Coders,
        outsiders: Outsiders,
        whereabouts: Whereabouts,
        *,
        audit: Audit,
        offers: OfferTaker,
        channels: TaskOwner,
        clock: Clock,
    ) -> None:
        doors = outsiders.doors
        server = ChannelServer(
            identity,
            memberships.on,
            sharing.holdings,
            transfers,
            outsiders.uplink,
            coders,
            clock=clock,
            meets=whereabouts.meets,
            audit=audit,
            witness=audit.witness,
            parts=sharing.parts,
            offers=offers,
            others=outsiders.served(),
            break_glass=outsiders.emergencies.answer,
        )
        self.accepted = Accepted(server.serve, belongs=doors.belongs)
        self.listener = Listener(
            identity,
            find_psk=whereabouts.reachability.watching(doors.find_psk),
            on_channel=self.accepted.serve,
            admits=doors.admits,
            strangers=doors,
            owner=channels,
        )
        whereabouts.roaming.on_change.append(self.listener.check)
        whereabouts.relays.on_leaving.append(self.listener.leave)
        self.listener.on_doubt = whereabouts.relays.doubt
