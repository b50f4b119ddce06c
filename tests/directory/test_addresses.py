from __future__ import annotations

import pytest

from idas_p2p.directory.addresses import AddressPolicy, normalise
from idas_p2p.limits import MAX_SESSIONS_PER_BLOCK, MAX_SESSIONS_PER_HOST

OPEN = AddressPolicy(allow_private=False)
LABORATORY = AddressPolicy(allow_private=True)


def test_limit_20_ipv4_in_ipv6_becomes_ipv4() -> None:
    assert normalise(("::ffff:192.0.2.7", 7000, 0, 0)) == ("192.0.2.7", 7000)
    assert normalise(("fe80::1%eth0", 7000, 0, 2)) == ("fe80::1", 7000)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "100.64.0.1", "::1", "fe80::1", "fd00::1"]
)
def test_limit_31_private_contacts_are_refused_unless_allowed(host: str) -> None:
    assert not OPEN.accepts((host, 7000))
    assert LABORATORY.accepts((host, 7000))


@pytest.mark.parametrize(
    "endpoint",
    [
        ("224.0.0.1", 7000),
        ("255.255.255.255", 7000),
        ("0.0.0.0", 7000),
        ("::", 7000),
        ("ff02::1", 7000),
        ("::ffff:8.8.8.8", 7000),
        ("8.8.8.8", 0),
        ("example.org", 7000),
    ],
    ids=str,
)
def test_limit_31_bogon_contacts_are_refused_everywhere(endpoint: tuple[str, int]) -> None:
    assert not OPEN.accepts(endpoint)
    assert not LABORATORY.accepts(endpoint)


def test_public_contacts_are_accepted_in_the_families_that_can_be_sent_to() -> None:
    assert OPEN.accepts(("8.8.8.8", 7000))
    assert OPEN.accepts(("2001:4860:4860::8888", 7000))
    assert not AddressPolicy(allow_private=False, families=frozenset({4})).accepts(("2001:4860:4860::8888", 7000))


def test_neighbours_share_a_block_and_laboratory_nodes_do_not() -> None:
    assert OPEN.block("8.8.8.8") == OPEN.block("8.8.8.200") != OPEN.block("8.8.9.8")
    assert OPEN.block("2001:4860:4860::1") == OPEN.block("2001:4860:4860:ffff::1")
    assert LABORATORY.block("10.0.0.1") == ""
    assert OPEN.block("10.0.0.1") == "10.0.0.0/24"


def test_a_public_site_pays_as_a_whole_and_a_private_socket_alone() -> None:
    policy = AddressPolicy(allow_private=True)
    assert policy.payer(("8.8.8.8", 5)) == policy.payer(("8.8.8.9", 6)) == "8.8.8.0/24"
    assert policy.payer(("10.0.0.1", 5)) != policy.payer(("10.0.0.1", 6))
    assert policy.share(("8.8.8.8", 5)) == ("8.8.8.0/24", MAX_SESSIONS_PER_BLOCK)
    assert policy.share(("10.0.0.1", 5)) == policy.share(("10.0.0.1", 6)) == ("10.0.0.1", MAX_SESSIONS_PER_HOST)
