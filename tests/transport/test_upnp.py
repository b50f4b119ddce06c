"""UPnP: only the router itself is spoken to. The dialogue is tested with the real miniupnpd, in tests/tools/natlab."""

from __future__ import annotations

import pytest

from idas_p2p.transport.mapping import Router
from idas_p2p.transport.upnp import description

ROUTER = Router("192.168.1.1", "192.168.1.10")


def test_the_description_is_read_from_the_router() -> None:
    location = "http://192.168.1.1:5000/rootDesc.xml"
    assert description({"location": location}, ROUTER) == location


@pytest.mark.parametrize(
    "location",
    [
        "http://192.168.1.66:80/igd.xml",
        "http://169.254.169.254/",
        "http://192.168.1.1@evil.example/",
        "file://192.168.1.1/etc/passwd",
        "http://[",
        "",
    ],
)
def test_a_description_elsewhere_is_not_read_whoever_names_it(location: str) -> None:
    assert description({"location": location}, ROUTER) is None
