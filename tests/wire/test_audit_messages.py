"""What nodes tell one another about their logs; vectors and round trips are in test_messages.py."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.audit_messages import DIGEST_SIZE, MAX_DIGESTS, AuditGrown, AuditGrowth
from idas_p2p.wire.schema import decode, encode
from tests.access.audit.test_witness import DIGESTS, growth


def test_a_growth_of_as_many_records_as_one_step_may_show_fits_a_message() -> None:
    most = AuditGrowth(since=0, digests=bytes(DIGEST_SIZE * MAX_DIGESTS), head=growth(DIGESTS, 10).head)
    grown = AuditGrown(number=1, known=0, growth=most)
    assert decode(AuditGrown, encode(grown), max_size=1_048_576) == grown


def test_a_growth_of_more_is_refused() -> None:
    more = AuditGrowth(since=0, digests=bytes(DIGEST_SIZE * MAX_DIGESTS + 1), head=growth(DIGESTS, 10).head)
    with pytest.raises(WireError, match="digests"):
        decode(AuditGrown, encode(AuditGrown(number=1, known=0, growth=more)), max_size=1_048_576)
