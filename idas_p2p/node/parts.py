"""Series and images of this node's studies, asked of the archives at that moment, as the policy lets them be seen.

Law: what is told is what the level shows, and what is matched as well; a study that may not be seen costs no archive a
question, like one that is not there. The series of a study in several archives are those of all, each once.
Belongs here: the holder's side of queries below studies. Not here: which studies are seen (holdings.py), archives
(sources.py). Source: docs/spec/exchange.md section 8.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.subjects import Requester
from idas_p2p.dicom.matching import part_matcher
from idas_p2p.dicom.query_keys import is_part_keyword, must_tell
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, BadQuery, Busy, IdasError, TooManyMatches
from idas_p2p.events import log_event
from idas_p2p.node.grounds import Grouping
from idas_p2p.node.holdings import Holdings
from idas_p2p.node.levelling import View
from idas_p2p.node.sources import Sources
from idas_p2p.wire.parts import UID_OF, Depth, Part, PartQuery, Within, uids_of
from idas_p2p.wire.study import Study

MAX_STUDIES: Final = 200  # of which the archives are asked for one query; ours: each is a question or more


@dataclass(frozen=True, slots=True)
class HeldPart:
    """A part as the level shows it, and its study in both forms."""

    study: Study  # as shown
    part: Part
    level: str  # its mark
    original: str  # UID of the study in our archives


class HeldParts:
    """The series and images of this node's own archives.

    Args:
        holdings: which studies, at which level.
        sources: the archives.
        groups: who belongs to which.
    """

    def __init__(self, holdings: Holdings, sources: Sources, groups: Grouping) -> None:
        self._holdings, self._sources, self._groups = holdings, sources, groups

    async def own(self, user: str, query: PartQuery) -> AsyncGenerator[HeldPart, None]:
        """Yield what one of this node's own users may see; errors as for `find`."""
        async with aclosing(self._find(self._groups.own(user), query)) as found:
            async for one in found:
                yield one

    async def find(self, requester: Requester, query: PartQuery) -> AsyncGenerator[HeldPart, None]:
        """Yield what another member may see, study by study.

        Raises:
            ArchiveUnreachable, ArchiveFailed: no archive that has one of the studies answers.
            TooManyMatches: parts of too many studies are asked for.
            BadQuery: a key is malformed.
        """
        async with aclosing(self._find(await self._groups.of(requester), query)) as found:
            async for one in found:
                yield one

    async def _find(self, requester: Requester, query: PartQuery) -> AsyncGenerator[HeldPart, None]:
        _check(query)
        count = 0
        async with aclosing(self._holdings.seen_by(requester, query.studies)) as seen:
            async for study, level in seen:
                if (count := count + 1) > MAX_STUDIES:
                    raise TooManyMatches(f"more than {MAX_STUDIES} studies; ask for one study at a time")
                async with aclosing(self._of_study(study, level.mark, query)) as parts:
                    async for one in parts:
                        yield one

    async def _of_study(self, study: Study, mark: str, query: PartQuery) -> AsyncGenerator[HeldPart, None]:
        view, original = self._holdings.view(mark), self._holdings.original(mark, study.study_uid)
        fits, tell = part_matcher(query.keys), _told(query)
        uid_of, seen, failure, has_answered = UID_OF[Depth(query.depth)], set[str](), None, False
        within = _within(original, query, view)
        for entry in self._holdings.best_entries(original):
            source = self._sources.get(entry.archive)
            if source is None:
                continue
            try:
                async with aclosing(source.find_parts(within)) as parts:  # type: ignore[type-var]
                    async for part in parts:
                        if part.value(uid_of) in seen:
                            continue
                        seen.add(part.value(uid_of))
                        shown = part if view is None else view.part(entry.study, part)
                        values = shown.values()
                        if fits(values):
                            told = Part.of({keyword: text for keyword, text in values.items() if keyword in tell})
                            yield HeldPart(study, told, mark, original)
                has_answered = True
            except (ArchiveUnreachable, ArchiveFailed, Busy) as error:
                failure = error
                log_event("archive_did_not_list", archive=entry.archive, reason=error.code)
        _raise(None if has_answered else failure)


def _raise(error: IdasError | None) -> None:
    if error is not None:
        raise error


def _told(query: PartQuery) -> set[str]:
    return {*query.wanted, *(key.keyword for key in query.keys), *must_tell(Depth(query.depth))}


def _check(query: PartQuery) -> None:
    """Refuse keys that mean nothing at this depth; BadQuery also where a pattern is malformed."""
    if unknown := [key.keyword for key in query.keys if not is_part_keyword(key.keyword, Depth(query.depth))]:
        raise BadQuery(f"unknown key {unknown[0]}")
    part_matcher(query.keys)


def _within(study_uid: str, query: PartQuery, view: View | None) -> Within:
    """What to ask an archive: by UID where the archive's own are known, else for all."""
    series, instances = (uids_of(query.pattern(UID_OF[depth])) for depth in (Depth.SERIES, Depth.IMAGE))
    if view is not None:
        series, instances = view.originals(series), view.originals(instances)
    keywords = {*query.wanted, *(key.keyword for key in query.keys)}
    return Within(
        study_uid=study_uid,
        depth=Depth(query.depth),
        series_uids=series,
        sop_instance_uids=instances,
        wanted=tuple(sorted(keyword for keyword in keywords if is_part_keyword(keyword, Depth(query.depth)))),
    )
