"""What an archive has of one study, series by series, asked over one association. Blocking; for threads.

Belongs here: C-FIND at SERIES and IMAGE level as this node asks it. Not here: the association (dialogue.py),
identifiers (part_identifiers.py). Source: PS3.4 C.4.1.2.1, C.6.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import decode

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.dialogue import Dialogue, Stop, is_pending
from idas_p2p.dicom.get_contexts import PLAIN_SYNTAXES
from idas_p2p.dicom.identifiers import Text, nested_reader
from idas_p2p.dicom.part_identifiers import asked_of, within_dataset
from idas_p2p.dicom.query_keys import must_tell, part_keywords
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.requests import FIND, failure_of
from idas_p2p.dicom.statuses import SUCCESS
from idas_p2p.dicom.walk import read_elements
from idas_p2p.errors import ArchiveFailed
from idas_p2p.wire.parts import Depth, Part, Within

COUNT: Final = "NumberOfSeriesRelatedInstances"
_OF_SERIES: Final = frozenset(part_keywords(Depth.SERIES)) - {"SeriesInstanceUID"}

Values = Mapping[str, str]


def find_parts(archive: RemoteAE, within: Within, stop: Stop, *, limit: int) -> Iterator[Part]:
    """Yield what an archive has within a study; answers without a UID of their own are left out.

    An archive that refuses the optional keys is asked again without them; one that does not count a series' instances
    has them counted.

    Raises:
        ArchiveUnreachable, ArchiveFailed: also when there are more than `limit`.
    """
    with Dialogue(archive, [build_context(FIND, list(PLAIN_SYNTAXES))], stop=stop) as dialogue:
        asked = _Asked(dialogue, within, limit)
        for series in asked.series():
            if within.depth is Depth.SERIES:
                yield Part.of(asked.counted(series) if COUNT in within.wanted else series)
            else:
                for image in asked.images(series):
                    yield Part.of(image)


class _Asked:
    """One archive, asked for parts of one study."""

    def __init__(self, dialogue: Dialogue, within: Within, limit: int) -> None:
        self._dialogue, self._within, self._left = dialogue, within, limit
        self._plain = set[Depth]()  # at which it refused optional keys

    def series(self) -> list[Values]:
        """The series asked for; just their UIDs where they are known and nothing else of them is wanted."""
        within = self._within
        if within.depth is Depth.IMAGE and within.series_uids and not _OF_SERIES & set(within.wanted):
            return [{"SeriesInstanceUID": uid} for uid in within.series_uids]
        wanted = tuple(keyword for keyword in within.wanted if keyword in _OF_SERIES)
        of_series = Within(
            study_uid=within.study_uid, depth=Depth.SERIES, series_uids=within.series_uids, wanted=wanted
        )
        return [
            values
            for values in self._find(of_series, within_dataset(of_series))
            if of_series.includes(series_uid=values["SeriesInstanceUID"])
        ]

    def images(self, series: Values) -> Iterator[Values]:
        """The instances asked for of one series."""
        uid = series["SeriesInstanceUID"]
        for values in self._find(self._within, within_dataset(self._within, uid)):
            if self._within.includes(series_uid=uid, sop_instance_uid=values["SOPInstanceUID"]):
                yield {**values, **series}

    def counted(self, series: Values) -> Values:
        """The series with the number of its instances."""
        if series.get(COUNT):
            return series
        within = Within(study_uid=self._within.study_uid, depth=Depth.IMAGE)
        images = self._find(within, within_dataset(within, series["SeriesInstanceUID"]))
        return {**series, COUNT: str(sum(1 for _ in images))}

    def _find(self, within: Within, identifier: Dataset) -> list[Values]:
        if within.depth not in self._plain:
            try:
                return self._answers(within, identifier, asked_of(within))
            except ArchiveFailed:
                self._plain.add(within.depth)
        known = {"QueryRetrieveLevel", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}
        for element in [element for element in identifier if element.keyword not in known]:
            del identifier[element.tag]
        return self._answers(within, identifier, must_tell(within.depth))

    def _answers(self, within: Within, identifier: Dataset, keywords: tuple[str, ...]) -> list[Values]:
        found: dict[str, Values] = {}
        own, left = must_tell(within.depth)[-1], self._left
        series_uid = str(identifier.get("SeriesInstanceUID", "")) if within.depth is Depth.IMAGE else ""
        for message in self._dialogue.ask(C_FIND(), FIND, identifier):
            if not is_pending(message):
                if message.Status != SUCCESS:
                    raise failure_of("C-FIND", message.Status)
                break
            values = _values(message, self._dialogue.syntax_of_model(FIND), keywords)
            if series_uid:
                values["SeriesInstanceUID"] = series_uid
            if values.get(own):
                found.setdefault(values[own], values)
            if len(found) > left:
                raise ArchiveFailed("it answered with too many series or instances; ask for fewer")
        self._left -= len(found)
        return list(found.values())


def _values(message: Any, syntax: str, keywords: tuple[str, ...]) -> dict[str, str]:
    """The attributes of an answer; empty when it cannot be read."""
    try:
        text = _reader(message, syntax, keywords)
        return {keyword: text(keyword) for keyword in keywords}
    except Exception:  # any bytes may come here, and pydicom fails in many ways
        return {}


def _reader(message: Any, syntax: str, keywords: tuple[str, ...]) -> Text:
    raw = message.Identifier.getvalue()
    if not any("." in keyword for keyword in keywords):
        return read_elements(MemoryBlob(raw), syntax, keywords).reader()
    message.Identifier.seek(0)
    return nested_reader(decode(message.Identifier, syntax == PLAIN_SYNTAXES[1], True))
