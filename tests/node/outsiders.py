"""A holder that gives out passes, and machines that fetch with them."""

from __future__ import annotations

from idas_p2p.access.invitation import PassCode
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.node.guest import Seen
from idas_p2p.node.node import Node
from tests.node.nodes import STUDY


def nobody_looks(report: DeliveryReport, seen: Seen) -> None:
    """How far it has come is told to nobody."""


async def share(node: Node, *, level: str = "full", lifetime: float = 3_600, uses: int = 1) -> PassCode:
    """A pass for the study that `fill` makes."""
    made = await node.outsiders.desk.share(STUDY, level, lifetime=lifetime, uses=uses)
    return PassCode.from_code(made.code)
