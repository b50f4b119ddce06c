"""Addresses and contacts as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.ids import NodeId
from tests.wire.strategies import addresses, node_ids


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.1:104", "10.0.0.1", 104),
        ("pacs.example.org:0", "pacs.example.org", 0),
        ("[2001:db8::1]:11112", "2001:db8::1", 11_112),
        ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535),
        (" host:1\n", "host", 1),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    ["", "host", "host:", ":104", "host:-1", "host:65536", "host:999999", "host:x", "2001:db8::1:104", "a b:1", "a/b:1",
     "host:\u0661", "[]:1", "x" * 254 + ":1"],
)  # fmt: skip
def test_what_is_no_address_is_a_wire_error(text: str) -> None:
    with pytest.raises(WireError):
        Address.parse(text)


@given(addresses)
def test_the_text_of_an_address_reads_back(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_wire_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except WireError:
        return
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", True), ("::", True), ("10.0.0.1", False), ("h", False)])
def test_a_wildcard_means_every_interface(host: str, expected: bool) -> None:
    assert Address(host, 1).is_wildcard is expected


@pytest.mark.parametrize(("host", "expected"), [("10.0.0.1", True), ("::1", True), ("localhost", False)])
def test_an_ip_address_needs_no_name_lookup(host: str, expected: bool) -> None:
    assert Address(host, 1).is_ip is expected


@given(addresses, node_ids)
def test_the_text_of_a_contact_reads_back(address: Address, node_id: NodeId) -> None:
    contact = Contact(address, node_id)
    assert Contact.parse(str(contact)) == contact


@pytest.mark.parametrize("text", ["", "host:1", "host:1/", "host:1/abc", "/" + "a" * 52, "host/" + "a" * 52])
def test_what_is_no_contact_is_a_wire_error(text: str) -> None:
    with pytest.raises(WireError):
        Contact.parse(text)
