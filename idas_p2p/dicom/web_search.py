"""Series and instances of a study as QIDO-RS lists them.

Belongs here: resources below a study, and their answers as parts. Not here: HTTP (web_requests.py), the JSON model
(web_json.py). Source: PS3.18 sections 10.6 (search) and 8.3.4 (query parameters).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from idas_p2p.dicom.identifiers import checked_uid
from idas_p2p.dicom.part_identifiers import asked_of, part_from_text
from idas_p2p.dicom.query_keys import part_keywords
from idas_p2p.dicom.web_json import tag_of
from idas_p2p.dicom.web_requests import WebSession
from idas_p2p.errors import ArchiveFailed, MalformedInstance
from idas_p2p.wire.parts import UID_OF, Depth, Part, Within

_OF_SERIES = frozenset(part_keywords(Depth.SERIES)) - {"SeriesInstanceUID"}


async def search_parts(session: WebSession, within: Within) -> AsyncGenerator[Part, None]:
    """Yield what the archive lists within a study; answers without a UID of their own are left out.

    Raises:
        ArchiveUnreachable, ArchiveFailed: it does not answer.
    """
    study = f"/studies/{segment(within.study_uid)}"
    of_series = Within(
        study_uid=within.study_uid,
        depth=Depth.SERIES,
        series_uids=within.series_uids,
        wanted=tuple(keyword for keyword in within.wanted if keyword in _OF_SERIES),
    )
    series: dict[str, Part] = {}
    if within.depth is Depth.SERIES or of_series.wanted:
        async with aclosing(_search(session, f"{study}/series", of_series)) as found:
            async for part in found:
                series[part.value("SeriesInstanceUID")] = part
                if within.depth is Depth.SERIES:
                    yield part
    if within.depth is Depth.IMAGE:
        places = [f"{study}/series/{segment(uid)}/instances" for uid in within.series_uids] or [f"{study}/instances"]
        for place in places:
            async with aclosing(_search(session, place, within)) as found:
                async for part in found:
                    of_it = series.get(part.value("SeriesInstanceUID"))
                    yield Part.of({**of_it.values(), **part.values()}) if of_it else part


async def _search(session: WebSession, path: str, within: Within) -> AsyncGenerator[Part, None]:
    keywords = asked_of(within)
    fields = dict.fromkeys(tag_of(keyword.partition(".")[0]) for keyword in keywords)
    answers = session.search(path, [("includefield", field) for field in fields], key=UID_OF[within.depth])
    async with aclosing(answers):
        async for answer in answers:
            try:
                part = part_from_text(answer.text, keywords, within.depth)
            except MalformedInstance:
                continue
            series_uid, uid = part.value("SeriesInstanceUID"), part.value("SOPInstanceUID")
            if within.includes(series_uid=series_uid, sop_instance_uid=uid):
                yield part


def segment(uid: str) -> str:
    """A UID as one segment of a path.

    Raises:
        ArchiveFailed: its characters would make it another path.
    """
    try:
        checked = checked_uid(uid)
    except MalformedInstance:
        checked = ""
    if not checked.replace(".", "").replace("-", "").isalnum() or checked.startswith("."):
        raise ArchiveFailed("a UID that cannot be part of a URL")
    return checked
