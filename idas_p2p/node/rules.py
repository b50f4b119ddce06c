"""Grants as an operator wrote them, as rules of the policy.

Belongs here: the translation, and refusing what this version does not know. Not here: what a rule means
(access/policy.py).
"""

from __future__ import annotations

import json

from idas_p2p.access.policy import Level, Rule, parse_subject
from idas_p2p.errors import BadConfiguration
from idas_p2p.store.settings import Grant


def as_rule(grant: Grant) -> Rule:
    """A grant as the policy understands it.

    Raises:
        BadConfiguration: it says something this version does not know; to leave that out would share too much.
    """
    if json.loads(grant.conditions or "{}"):
        raise BadConfiguration(f"grant {grant.number} has conditions this version does not know; revoke it")
    return Rule(subject=parse_subject(grant.subject), level=Level.parse(grant.level), expires=grant.expires)
