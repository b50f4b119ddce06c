"""What the kinds of network let through, as rules that the kernel is given."""

from __future__ import annotations

import subprocess

import pytest

from tools.lab import Lab, why_not
from tools.natlab.kinds import MEANING, Kind, gateways, pairs, rules


def test_every_kind_says_what_it_means() -> None:
    assert set(MEANING) == set(Kind)


def test_pairs_are_all_of_them_and_one_local_network_is_a_pair_of_its_own() -> None:
    found = list(pairs())
    assert len(found) == len(set(found)) == (len(Kind) - 1) ** 2 + 1
    assert [pair for pair in found if Kind.LAN in pair] == [(Kind.LAN, Kind.LAN)]


def test_open_networks_have_no_gateway_and_double_ones_two() -> None:
    assert [gateways(kind) for kind in (Kind.OPEN, Kind.IPV6, Kind.NAT, Kind.DOUBLE)] == [0, 0, 1, 2]


@pytest.mark.nat
@pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}")
def test_the_kernel_takes_the_rules_of_every_kind() -> None:
    with Lab() as lab:
        for number, kind in enumerate(kind for kind in Kind if gateways(kind)):
            site = lab.site(f"k{number}")
            done = subprocess.run(
                site.command(["nft", "-f", "-"]), input=rules(kind), text=True, capture_output=True, check=False
            )
            assert done.stderr == ""
