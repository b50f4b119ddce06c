from __future__ import annotations

import json

import pytest

from idas_p2p.access.policy import Level
from idas_p2p.errors import BadConfiguration
from idas_p2p.node.rules import as_rule
from idas_p2p.store.settings import Grant


def test_a_grant_becomes_a_rule() -> None:
    rule = as_rule(Grant(number=1, subject="node:Berg", level="full", expires=5.0))
    assert (rule.level, rule.expires, str(rule.subject)) == (Level.FULL, 5.0, "node:Berg")


@pytest.mark.parametrize(
    "grant",
    [
        Grant(number=1, subject="everyone", level="obscured"),
        Grant(number=1, subject="group:radiology", level="full"),
        Grant(number=1, subject="everyone", level="full", conditions=json.dumps({"modality": "CT"})),
    ],
)
def test_a_grant_this_version_does_not_understand_shares_nothing(grant: Grant) -> None:
    with pytest.raises(BadConfiguration):
        as_rule(grant)
