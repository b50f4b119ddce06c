"""Who belongs to which groups.

Belongs here: the groups of those who ask. Not here: what a group may see (access/policy.py).
"""

from __future__ import annotations

from idas_p2p.access.subjects import Requester
from idas_p2p.store.settings import Settings
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.terms import fold


class Groupings:
    """The groups of requesters, as far as they are proved.

    Args:
        node_id: ours.
        institution: ours, as other members see it.
        settings: the groups of our own users.
    """

    def __init__(self, node_id: NodeId, institution: str, settings: Settings) -> None:
        self._node_id, self._institution, self._settings = node_id, institution, settings

    async def of(self, requester: Requester) -> Requester:
        """The requester with the groups that it is proved to be in."""
        return self.known(requester)

    def known(self, requester: Requester) -> Requester:
        """The same with those that are known now."""
        return requester

    def own(self, user: str) -> Requester:
        """A user of this node, in the groups that its operator put it into."""
        groups = {fold(group.name) for group in self._settings.groups() if user and user in group.members}
        return Requester(
            node_id=self._node_id,
            institution=self._institution,
            user=user,
            client_groups=frozenset(groups),
            is_own=True,
        )
