"""One study as the rules show it to one member, with the ticket to fetch it: what is offered is what would be found.

Belongs here: from a study of ours to a hit. Not here: finding by a query (holdings.py), sending the offer (push.py).
"""

from __future__ import annotations

from contextlib import aclosing

from idas_p2p.access.subjects import Requester
from idas_p2p.errors import StudyNotFound
from idas_p2p.node.facts import without_kept
from idas_p2p.node.holdings import Holdings
from idas_p2p.wire.messages import Hit
from idas_p2p.wire.query import StudyQuery


async def hit_for(holdings: Holdings, requester: Requester, study_uid: str) -> Hit:
    """The study as this member may see it now.

    Args:
        holdings: ours.
        requester: a member.
        study_uid: as our own archive knows it.

    Raises:
        StudyNotFound: we do not hold it, or no rule gives the member anything of it.
    """
    if (hit := await _found(holdings, requester, study_uid)) is not None:
        return hit
    view = holdings.view(holdings.level(requester, study_uid).mark)  # its groups are known now
    entries = without_kept(holdings.best_entries(study_uid))
    if view is not None and entries:
        shown = view.study(entries[0].study)
        view.remember(entries[0].study, shown)
        if (hit := await _found(holdings, requester, shown.study_uid)) is not None:
            return hit
    raise StudyNotFound


async def _found(holdings: Holdings, requester: Requester, study_uid: str) -> Hit | None:
    query = StudyQuery.of({"StudyInstanceUID": study_uid})
    async with aclosing(holdings.find(requester, query, limit=1)) as hits:
        async for hit in hits:
            return hit
    return None
