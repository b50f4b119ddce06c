"""Records of other nodes, and in which order the relays they name are tried."""

from __future__ import annotations

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.node.locating import in_order
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.relay import RelayOffer

NEAR, FAR, ELSEWHERE = (SigningKey(bytes([n]) * 32).node_id for n in (1, 2, 3))
NAMED, SIXTH, OTHER = Address("192.0.2.1", 443), Address("2001:db8::1", 443), Address("192.0.2.2", 443)
OFFERS = tuple(
    RelayOffer(address=address, relay=relay, expires=1, signature=bytes(64))
    for address, relay in ((NAMED, NEAR), (OTHER, FAR))
)


def addresses(known: list[Contact], lost: Address | None) -> list[Address]:
    return [offer.address for offer in in_order(OFFERS, known=known, lost=lost)]


def test_a_relay_is_tried_also_at_addresses_that_only_we_know() -> None:
    assert addresses([Contact(SIXTH, NEAR), Contact(SIXTH, ELSEWHERE)], None) == [NAMED, OTHER, SIXTH]


def test_a_relay_on_which_a_channel_was_cut_is_tried_after_the_others_at_all_its_addresses() -> None:
    assert addresses([], NAMED) == [OTHER, NAMED]
    assert addresses([Contact(SIXTH, NEAR)], SIXTH) == [OTHER, NAMED, SIXTH]
