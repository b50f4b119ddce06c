from __future__ import annotations

from idas_p2p.node.node import Node


async def test_the_lan_meets_one_server_with_the_nodes_services(lone: Node) -> None:
    assert lone.lan.dicom is lone.dicom
    assert lone.lan.services is lone.services
    assert lone.lan.callers.waiting() == []
