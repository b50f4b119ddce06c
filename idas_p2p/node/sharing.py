"""What this node shares, and with whom: its groups, its pulls, its studies through the policy.

Belongs here: putting those parts together. Not here: any decision of theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from idas_p2p.access.emergencies import Emergencies
from idas_p2p.access.federation import Federation
from idas_p2p.access.tickets import TicketOffice
from idas_p2p.clock import Clock
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.directory.service import Directory
from idas_p2p.node.groupings import Groupings
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.levelling import Levelling
from idas_p2p.node.parts import HeldParts
from idas_p2p.node.rules import RuleBook
from idas_p2p.node.shelves import Shelves
from idas_p2p.node.sources import Sources
from idas_p2p.node.tokens import Tokens
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.pseudonyms import PseudonymStore
from idas_p2p.store.said import SaidStore
from idas_p2p.store.settings import Settings
from idas_p2p.store.spool import Spool


class Sharing:
    """The holder's side of a node.

    Args:
        identity: ours; its secret makes tickets and pseudonyms.
        institution: ours, as other members see it.
        database: groups, tokens, pseudonyms.
        federation: who is a member.
        directory: where tokens are.
        rules: the policy.
        catalog, sources, spool, bridge: do the work.
        clock: the time.
    """

    def __init__(
        self,
        identity: SigningKey,
        institution: str,
        database: Database,
        *,
        federation: Federation,
        directory: Directory,
        rules: RuleBook,
        catalog: Catalog,
        sources: Sources,
        spool: Spool,
        bridge: Bridge,
        clock: Clock,
    ) -> None:
        settings, secret = Settings(database), identity.x25519_secret()
        self._rules, self.emergencies = rules, Emergencies(settings)
        self.groupings = Groupings(
            identity.node_id,
            institution,
            settings,
            federation=federation,
            directory=directory,
            rules=rules,
            clock=clock,
        )
        self.tokens = Tokens(
            identity, federation, directory, self.groupings, settings, SaidStore(database), clock=clock
        )
        self.shelves = Shelves(spool.scratch, bridge)
        levelling = Levelling(derive(secret, "idas levels"), settings, PseudonymStore(database), run=bridge.run)
        self.holdings = Holdings(
            catalog,
            sources,
            self.shelves,
            TicketOffice(derive(secret, "idas tickets")),
            rules=rules,
            groups=self.groupings,
            levelling=levelling,
            clock=clock,
            emergencies=self.emergencies,
        )
        self.parts = HeldParts(self.holdings, sources, self.groupings)

    def turns(self) -> Iterator[tuple[str, Callable[[], Awaitable[float]]]]:
        """The work that goes on for ever, by name."""
        yield "policy", self._rules.turn
        yield "groups", self.groupings.turn
        yield "tokens", self.tokens.turn
