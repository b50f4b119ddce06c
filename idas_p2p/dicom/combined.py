"""Combined date and time matching: a range of dates and a range of times that are one range of moments.

Belongs here: the test, and the query that finds at least as much. Pure. Not here: whether it was agreed
(negotiation.py). Source: PS3.4 C.2.2.2.5.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from idas_p2p.dicom.matching import time_of, time_range
from idas_p2p.wire.query import StudyQuery, date_range
from idas_p2p.wire.study import Study


def combined(query: StudyQuery) -> tuple[StudyQuery, Callable[[Study], bool]]:
    """The query without its time, to be asked, and whether a study that it finds lies in the range of moments.

    Where date or time is given alone, or the date is one day, each matches by itself as ever.

    Raises:
        BadQuery: the time is malformed.
    """
    dates, times = query.pattern("StudyDate"), query.pattern("StudyTime")
    if not times or "-" not in dates:
        return query, lambda study: True
    (first, last), (begin, end) = date_range(dates), time_range(times)
    earliest, latest = first + begin, last + end

    def lies_between(study: Study) -> bool:
        moment = time_of(study.study_time)
        return len(study.study_date) == 8 and moment is not None and earliest <= study.study_date + moment <= latest

    return replace(query, keys=tuple(key for key in query.keys if key.keyword != "StudyTime")), lies_between
