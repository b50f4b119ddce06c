from __future__ import annotations

from idas_p2p.node.groupings import Groupings
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Group, Settings
from idas_p2p.wire.ids import NodeId

OURS = NodeId(b"a" * 32)


def test_a_user_of_our_own_is_in_the_groups_that_the_operator_put_it_into(database: Database) -> None:
    settings = Settings(database)
    settings.add_group(Group(name="Radiology", members=("dr-lee",)))
    groupings = Groupings(OURS, "Anna", settings)
    lee = groupings.own("dr-lee")
    assert (lee.client_groups, lee.is_own, lee.institution) == ({"radiology"}, True, "Anna")
    assert groupings.own("").client_groups == frozenset()
