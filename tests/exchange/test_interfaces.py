"""What this room asks of others is what the tests' own ends give."""

from __future__ import annotations

from idas_p2p.exchange.interfaces import Channel, FindSource, PixelLayout, StudySource, TransferSpool
from idas_p2p.transport.channel import Channel as TransportChannel
from tests.exchange.ends import Catalog, Spool, Studies, image_pair, some_hits


def test_a_channel_of_the_transport_is_a_channel_here() -> None:
    asked = {name for name in vars(Channel) if not name.startswith("_")}
    assert asked <= {name for name in vars(TransportChannel) if not name.startswith("_")}
    assert all(hasattr(image_pair()[0], name) for name in asked)


def test_sources_and_spool_of_the_tests_have_every_method_asked_for() -> None:
    for protocol, end in ((FindSource, Catalog(some_hits)), (StudySource, Studies([])), (TransferSpool, Spool())):
        assert all(hasattr(end, name) for name in vars(protocol) if not name.startswith("_"))


def test_a_pixel_layout_is_a_place_and_a_length() -> None:
    assert PixelLayout(offset=3, length=4) == PixelLayout(3, 4)
