"""Identifiers of C-FIND, C-MOVE and C-GET to values and back.

Belongs here: which attribute means what, in which character set. Not here: matching (matching.py), the wire (server).
Source: PS3.4 C.4.1.1.3, C.6.2.1 and C.4.2.1.4.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from idas_p2p.wire.instance import Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


def study_from_dataset(ds: Dataset) -> Study:
    """Read the study-level attributes of an archive's C-FIND answer.

    Raises:
        MalformedInstance: no Study Instance UID.
    """
    raise NotImplementedError


def query_from_dataset(ds: Dataset) -> StudyQuery:
    """Read the matching keys of a STUDY level identifier; keys not supported are universal, PS3.4 C.2.2.1.3.

    Raises:
        BadQuery: not a query this node answers; the detail says why, free of patient data.
    """
    raise NotImplementedError


def query_level(ds: Dataset) -> str:
    """Query/Retrieve Level (0008,0052) of an identifier, in capitals; empty when absent."""
    raise NotImplementedError


def query_dataset(query: StudyQuery) -> Dataset:
    """The identifier that asks an archive for the studies, requesting every attribute of Study."""
    raise NotImplementedError


def response_dataset(study: Study, requested: Dataset, *, retrieve_aet: str) -> Dataset:
    """Answer one study with the attributes the request names; those not known are empty.

    Args:
        study: what is known.
        requested: the C-FIND request's identifier.
        retrieve_aet: value of Retrieve AE Title (0008,0054).

    Returns:
        An identifier in ISO_IR 192 when its text is not ASCII (ISO_IR 100 when the request came in it and it suffices).
    """
    raise NotImplementedError


def selections_from_dataset(ds: Dataset) -> list[Selection]:
    """What a C-MOVE or C-GET identifier asks for, one selection a study; STUDY, SERIES or IMAGE level.

    Raises:
        BadQuery: a unique key of the level is missing, PS3.4 C.4.2.1.4.
    """
    raise NotImplementedError


def selection_dataset(selection: Selection) -> Dataset:
    """The C-MOVE or C-GET identifier that asks for a selection."""
    raise NotImplementedError
