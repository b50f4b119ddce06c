from __future__ import annotations

import pytest

from idas_p2p.crypto import challenges
from idas_p2p.crypto.challenges import EPOCH, ChallengeIssuer, shared_secret
from idas_p2p.crypto.keys import random_bytes
from idas_p2p.errors import BadSignature

HERE = ("192.0.2.1", 7000)
ELSEWHERE = ("192.0.2.2", 7000)


def test_a_cookie_is_recognised_at_the_address_it_was_sent_to_and_nowhere_else() -> None:
    issuer = ChallengeIssuer(random_bytes=random_bytes)
    challenge = issuer.issue(bytes(16), HERE, now=0.0)
    found = issuer.check(challenge.cookie, HERE, now=1.0)
    assert found is not None
    assert found[1] == challenge.ephemeral
    assert issuer.check(challenge.cookie, ELSEWHERE, now=1.0) is None
    assert issuer.check(challenge.cookie, (HERE[0], 7001), now=1.0) is None


def test_a_cookie_of_the_last_epoch_still_counts_and_an_older_one_does_not() -> None:
    issuer = ChallengeIssuer(random_bytes=random_bytes)
    challenge = issuer.issue(bytes(16), HERE, now=0.0)
    found = issuer.check(challenge.cookie, HERE, now=EPOCH + 1)
    assert found is not None
    assert found[1] == challenge.ephemeral
    assert issuer.check(challenge.cookie, HERE, now=2 * EPOCH + 2) is None


def test_a_node_that_restarted_does_not_know_its_old_cookies() -> None:
    cookie = ChallengeIssuer(random_bytes=random_bytes).issue(bytes(16), HERE, now=0.0).cookie
    assert ChallengeIssuer(random_bytes=random_bytes).check(cookie, HERE, now=0.0) is None


def test_used_cookies_are_remembered_until_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "MAX_USED", 2)
    issuer = ChallengeIssuer(random_bytes=random_bytes)
    first = issuer.issue(bytes(16), HERE, now=0.0).cookie
    second = issuer.issue(bytes(16), HERE, now=0.0).cookie
    issuer.mark_used(first, now=0.0)
    assert issuer.is_used(first)
    issuer.mark_used(second, now=0.0)
    assert issuer.check(first, HERE, now=0.0) is None  # worthless now, so it needs no memory


def test_a_public_key_of_low_order_is_refused() -> None:
    with pytest.raises(BadSignature):
        shared_secret(b"s" * 32, bytes(32))
