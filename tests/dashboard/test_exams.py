from __future__ import annotations

from idas_p2p.dashboard.exams import kept_table, offers_table, priors_table
from tests.dashboard.pictures import drawn


def test_what_is_missing_or_of_another_kind_breaks_no_table() -> None:
    for table, key in ((offers_table, "offers"), (kept_table, "kept"), (priors_table, "priors")):
        assert drawn(table({key: [{}, {"study": 3, "modalities": None}]}))
        assert drawn(table({}))


def test_an_offer_shows_who_sends_what_and_why() -> None:
    row = {"number": 7, "state": "waiting", "institution": "City", "note": "look", "study": {"PatientName": "DOE^J"}}
    text = drawn(offers_table({"offers": [row]}))
    for word in ("7", "waiting", "City", "look", "DOE^J"):
        assert word in text
