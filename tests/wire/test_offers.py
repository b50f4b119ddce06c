from __future__ import annotations

from dataclasses import replace

import pytest

from idas_p2p.errors import WireError
from idas_p2p.wire.messages import decode_message, encode_message
from idas_p2p.wire.offers import MAX_NOTE, Fate, OfferFate
from tests.exchange.test_offers import OFFER


def test_an_offer_never_prints_whom_it_is_about() -> None:
    assert "Doe" not in repr(OFFER)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(OFFER, note="x" * (MAX_NOTE + 1)),
        replace(OFFER, offer=bytes(15)),
        OfferFate(number=1, offer=bytes(16), fate=0),
        OfferFate(number=1, offer=bytes(16), fate=Fate.EXPIRED + 1),
    ],
)
def test_what_is_out_of_bounds_is_refused(wrong: object) -> None:
    with pytest.raises(WireError):
        decode_message(encode_message(wrong))
