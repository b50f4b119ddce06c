from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idas_p2p.store.catalog import Catalog
from idas_p2p.store.database import Database
from idas_p2p.store.totals import Totals
from tests.store.makers import make_study

UIDS = st.sampled_from(["1", "2", "3", "4"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["pacs", "disk"]), st.booleans(), st.dictionaries(UIDS, st.integers(0, 9), max_size=3)),
    max_size=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_totals_that_are_kept_up_are_those_added_up_anew(
    database: Database, steps: list[tuple[str, bool, dict[str, int]]]
) -> None:
    catalog = Catalog(database)
    catalog.counts()  # from here on it is counted, not added up
    for archive, is_recorded, instances in steps:
        if is_recorded:
            found = [make_study(uid, instance_count=count) for uid, count in instances.items()]
            catalog.record(archive, [*found, *found], now=1.0)
        else:
            catalog.forget(archive, instances, now=2.0)
        assert catalog.counts() == Totals(database).counts()
