from __future__ import annotations

from dataclasses import replace

from idas_p2p.store.database import Database
from idas_p2p.store.said import NODES, USER, Said, SaidStore

LEE = Said(kind=USER, group_name="radiology", member="dr-lee", until=10.0)
LAKE = Said(kind=NODES, group_name="region", member="abc", until=20.0)


def test_statements_are_kept_replaced_and_forgotten_after_their_end(database: Database) -> None:
    store = SaidStore(database)
    store.say([LEE, LAKE])
    store.say([replace(LEE, withdrawn=True)])
    assert store.all() == [LAKE, replace(LEE, withdrawn=True)]
    assert LEE.key == replace(LEE, withdrawn=True).key
    store.forget(before=15.0)
    assert store.all() == [LAKE]
