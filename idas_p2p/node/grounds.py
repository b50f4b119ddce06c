"""What decisions rest on: the rules in force, and who belongs to which groups.

Belongs here: what holders ask of both. Not here: keeping them (rules.py, groupings.py), deciding (holdings.py).
"""

from __future__ import annotations

from typing import Protocol

from idas_p2p.access.compiled import Policy
from idas_p2p.access.labels import Labelled
from idas_p2p.access.subjects import Requester


class Rules(Protocol):
    """The policy in force, asked anew each time."""

    @property
    def policy(self) -> Policy:
        """The rules."""
        ...

    @property
    def version(self) -> int:
        """Raised by every change."""
        ...

    @property
    def labelled(self) -> Labelled:
        """What studies and patients are labelled with."""
        ...


class Grouping(Protocol):
    """Who belongs to which groups."""

    async def of(self, requester: Requester) -> Requester:
        """The requester with the groups that it is proved to be in; looks them up where they are not known."""
        ...

    def known(self, requester: Requester) -> Requester:
        """The same with those that are known now."""
        ...

    def own(self, user: str) -> Requester:
        """A user of this node."""
        ...
