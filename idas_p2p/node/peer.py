"""What this node knows of another one that it speaks with.

Belongs here: the values. Not here: how they come about (links.py), how they look (views.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from idas_p2p.errors import IdasError
from idas_p2p.exchange.control import ControlLink
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import NodeInfo


@dataclass(slots=True)
class Peer:
    """What is known of one other node."""

    info: NodeInfo | None = None
    resolved_at: float = -1e9  # monotonic seconds
    link: ControlLink | None = None
    round_trip: float | None = None  # seconds
    last_seen: float | None = None  # Unix seconds
    last_error: str = ""
    failed_at: float = -1e9  # monotonic seconds; of the last failure to open a control link
    failure: IdasError | None = None
    image_path: str = ""  # that the last image channel took, or takes
    lost_relay: Address | None = None  # where a channel was cut last: others are tried first
    lost_at: float = -1e9  # monotonic seconds; when that was
    braids_cut: int = 0  # braided channels cut in a row
    braid_cut_at: float = -1e9  # monotonic seconds; the last of them
    single_until: float = -1e9  # monotonic seconds; until then channels get no further connections
    detours: dict[str, str] = field(default_factory=dict)  # paths that did not lead there at the last dial, and why

    @property
    def open_link(self) -> ControlLink | None:
        """Its control link, while that is open."""
        return self.link if self.link is not None and self.link.is_open else None
