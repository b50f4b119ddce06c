"""One query for series or images over the whole federation: our own archives and whoever the directory names.

Law: a series or image that several hold is yielded once, from us where we have it, else from who answered first.
Belongs here: merging. Not here: whom to ask (find.py), asking (asking.py), our own archives (parts.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.dicom.matching import matches, part_matcher
from idas_p2p.dicom.query_keys import is_part_keyword
from idas_p2p.exchange.batches import MAX_PARTS
from idas_p2p.exchange.find import Asked
from idas_p2p.node.asking import ask_members
from idas_p2p.node.find import Finder
from idas_p2p.node.links import Links
from idas_p2p.node.parts import HeldParts
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.parts import UID_OF, Depth, Part, PartQuery
from idas_p2p.wire.study import Study

OWN: Final[NodeId | None] = None
"""The holder of what this node has itself."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part and who told of it; None for this node itself."""

    study: Study
    part: Part
    holder: NodeId | None
    original: str  # UID of the study where the holder is this node, else as told


@dataclass(slots=True)
class PartSearch:
    """One query under way: what came of it so far."""

    user: str
    query: PartQuery
    with_own: bool = True  # whether our own archives are searched
    asked: Asked = field(default_factory=Asked)
    seen: set[str] = field(default_factory=set)  # UIDs


class PartFinder:
    """Answers queries below studies of this node's own users.

    Args:
        finder: knows whom to ask.
        links: to members.
        held: our own archives.
    """

    def __init__(self, finder: Finder, links: Links, held: HeldParts) -> None:
        self._finder, self._links, self._held = finder, links, held

    async def find(self, search: PartSearch) -> AsyncGenerator[FoundPart, None]:
        """Yield each part once.

        Raises:
            TooManyMatches: a holder has more than it told, or parts of too many studies are asked for.
            PeerUnreachable: nothing was found and some holder did not answer: "nothing there" would be a guess.
        """
        if search.with_own:
            async with aclosing(self._held.own(search.user, search.query)) as own:
                async for one in own:
                    if _is_new(search, one.part):
                        yield FoundPart(one.study, one.part, OWN, one.original)
        members = await self._finder.whom_to_ask(search.query.studies)
        told = ask_members(
            self._links,
            members,
            lambda link: link.find_parts(search.query, user=search.user, limit=MAX_PARTS),
            asked=search.asked,
            is_empty=lambda: not search.seen,
        )
        fits = part_matcher(search.query.keys)
        async with aclosing(told):
            async for remote in told:
                study, part = remote.hit.study, _known(search, remote.hit.part)
                is_asked_for = matches(search.query.studies, study) and fits(part.values())
                if is_asked_for and _is_new(search, part):
                    yield FoundPart(study, part, remote.holder, study.study_uid)


def _known(search: PartSearch, part: Part) -> Part:
    """What another node tells, without what is no attribute of such a part."""
    depth = Depth(search.query.depth)
    return Part.of({keyword: text for keyword, text in part.values().items() if is_part_keyword(keyword, depth)})


def _is_new(search: PartSearch, part: Part) -> bool:
    """Whether nobody told of it before; one without its UID is of nobody."""
    uid = part.value(UID_OF[Depth(search.query.depth)])
    if not uid or uid in search.seen:
        return False
    search.seen.add(uid)
    return True
