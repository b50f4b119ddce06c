"""Passes for those who belong to no federation, emergencies, and the doors of this node, put together once.

Belongs here: which part is given to which. Not here: any decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping

from idas_p2p.access.federations import Federations
from idas_p2p.access.invitation import PassCode
from idas_p2p.access.passes import Passes
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.turns import Uplink
from idas_p2p.node.audit import Audit
from idas_p2p.node.doors import Doors
from idas_p2p.node.emergencies import EmergencyDesk
from idas_p2p.node.invitations import Invitations
from idas_p2p.node.memberships import Memberships
from idas_p2p.node.outside import Outside
from idas_p2p.node.pass_desk import PassDesk
from idas_p2p.node.pass_server import PassServer
from idas_p2p.node.rules import RuleBook
from idas_p2p.node.sharing import Sharing
from idas_p2p.node.sign_in_commands import SignInDesk
from idas_p2p.node.sign_in_server import SignInServer
from idas_p2p.node.transfers import Transfers
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.settings import Settings
from idas_p2p.transport.channel import Channel
from idas_p2p.wire.handshake import Purpose


class Outsiders:
    """Passes, emergencies, and the doors.

    Args:
        identity: ours.
        institution: ours.
        settings: keep passes.
        outside: directory, addresses and links.
        memberships: decide about members.
        federations: our fellow members.
        sharing, catalog, transfers, coders: show and send studies.
        desk: signs users in.
        rules: know the levels.
        audit: records everything.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        settings: Settings,
        outside: Outside,
        memberships: Memberships,
        federations: Federations,
        sharing: Sharing,
        catalog: Catalog,
        transfers: Transfers,
        coders: Coders,
        desk: SignInDesk,
        *,
        rules: RuleBook,
        audit: Audit,
        clock: Clock,
    ) -> None:
        addresses, holdings = outside.whereabouts.addresses, sharing.holdings
        self.passes, self.uplink = Passes(settings), Uplink(clock=clock)
        self.doors = Doors(identity.node_id, memberships, self.passes, note=audit.note, clock=clock)
        invitations = Invitations(
            identity.node_id,
            outside.directory,
            contact=lambda: outside.contacts.for_others(identity.node_id, addresses()),
            own_addresses=addresses,
            clock=clock,
            kind=PassCode,
        )
        self.desk = PassDesk(
            institution,
            self.passes,
            invitations,
            holdings,
            levels=lambda: rules.levels,
            own_addresses=addresses,
            note=audit.note,
            clock=clock,
        )
        self._server = PassServer(
            identity,
            institution,
            self.passes,
            holdings,
            transfers,
            self.uplink,
            coders,
            levels=lambda: rules.levels,
            clock=clock,
            audit=audit,
        )

        self._sign_ins = SignInServer(desk, note=audit.note, clock=clock)
        self.emergencies = EmergencyDesk(
            identity.node_id,
            institution,
            sharing.emergencies,
            catalog,
            rules=rules,
            groups=sharing.groupings,
            federations=federations,
            links=outside.links,
            audit=audit,
            clock=clock,
        )

    def served(self) -> Mapping[Purpose, Callable[[Channel], Awaitable[None]]]:
        """What serves channels, by purpose."""
        return {Purpose.PASS: self._server.serve, Purpose.SIGN_IN: self._sign_ins.serve}

    def turns(self) -> Iterator[tuple[str, Callable[[], Awaitable[float]]]]:
        """What goes on for ever, by name."""
        yield "passes", self.desk.turn
        yield "emergencies", self.emergencies.turn
