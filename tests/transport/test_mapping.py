"""Finding the router in what the kernel says."""

from __future__ import annotations

from pathlib import Path

from idas_p2p.transport.mapping import Router, default_gateway, find_router

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LAN = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"


def default(gateway: str, *, metric: int = 0) -> str:
    return f"eth0\t00000000\t{gateway}\t0003\t0\t0\t{metric}\t00000000\t0\t0\t0\n"


def test_the_gateway_of_the_best_default_route_is_the_router() -> None:
    table = HEAD + LAN + default("FE01A8C0", metric=600) + default("0101A8C0", metric=100)
    assert default_gateway(table) == "192.168.1.1"


def test_without_a_default_route_through_a_gateway_there_is_no_router() -> None:
    assert default_gateway(HEAD + LAN) is None
    assert default_gateway(HEAD + default("00000000")) is None
    assert default_gateway("") is None


def test_our_own_address_is_the_one_on_the_side_of_the_router(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(HEAD + default("0100007F"))
    assert find_router(tmp_path / "route") == Router("127.0.0.1", "127.0.0.1")
    assert find_router(tmp_path / "missing") is None
