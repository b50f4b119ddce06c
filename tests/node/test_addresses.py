from __future__ import annotations

from idas_p2p.node.addresses import MAX_ADVERTISED, advertised, interface_addresses
from idas_p2p.wire.address import Address

ANY4, ANY6 = Address("0.0.0.0", 7000), Address("::", 7000)


def hosts(bound: Address, *interfaces: str, observed: str = "") -> list[str]:
    seen = Address(observed, 9) if observed else None
    return [a.host for a in advertised(configured=(), bound=bound, interfaces=interfaces, observed=seen)]


def test_what_the_operator_says_is_used_alone() -> None:
    said = (Address("gate.example", 1), Address("203.0.113.7", 2))
    assert advertised(configured=said, bound=ANY4, interfaces=["192.0.2.1"], observed=ANY4) == said


def test_a_bound_address_is_used_alone() -> None:
    bound = Address("192.0.2.5", 7000)
    assert advertised(configured=(), bound=bound, interfaces=["192.0.2.9"], observed=None) == (bound,)


def test_a_wildcard_gives_the_interfaces_global_ones_first_and_the_tcp_port() -> None:
    assert hosts(ANY4, "10.0.0.1", "8.8.8.8", "127.0.0.1") == ["8.8.8.8", "10.0.0.1"]
    assert {a.port for a in advertised(configured=(), bound=ANY4, interfaces=["10.0.0.1"], observed=None)} == {7000}


def test_loopback_is_offered_only_when_there_is_nothing_else() -> None:
    assert hosts(ANY4, "127.0.0.1") == ["127.0.0.1"]


def test_ipv6_is_offered_only_when_it_is_listened_on() -> None:
    assert hosts(ANY4, "2001:db8::1", "10.0.0.1") == ["10.0.0.1"]
    assert set(hosts(ANY6, "2001:db8::1", "10.0.0.1")) == {"2001:db8::1", "10.0.0.1"}


def test_link_local_addresses_and_names_of_hardware_are_left_out() -> None:
    assert hosts(ANY6, "fe80::1", "169.254.1.1", "00:11:22:33:44:55", "10.0.0.1") == ["10.0.0.1"]


def test_the_address_others_see_is_added_once() -> None:
    assert hosts(ANY4, "10.0.0.1", observed="203.0.113.9") == ["10.0.0.1", "203.0.113.9"]
    assert hosts(ANY4, "203.0.113.9", observed="203.0.113.9") == ["203.0.113.9"]


def test_a_record_never_names_too_many() -> None:
    assert len(hosts(ANY4, *(f"10.0.0.{n}" for n in range(1, 100)))) == MAX_ADVERTISED


def test_this_machine_has_a_loopback_interface() -> None:
    assert "127.0.0.1" in interface_addresses()
