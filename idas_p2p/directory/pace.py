"""How often a directory node does what nobody asks for. All in seconds; ours, not protocol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Intervals of housekeeping."""

    first_retry: float = 0.5  # until the second try to join; doubles
    last_retry: float = 30.0  # the longest such wait
    rejoin: float = 15.0  # between two calls at the configured contacts, who may have restarted
    sweep: float = 2.0  # between two looks at what has expired and two writes of the journal
    check: float = 60.0  # between two checks of contacts not heard for `unheard`
    unheard: float = 300.0
    fill: float = 0.25  # between two of the lookups by which a node that joined fills its buckets
    welcome: float = 2.0  # between two passes over the store for newcomers and leavers
    replicate: float = 21_600.0  # between two offers of what owners are late with to the nodes that should hold it
    carry: float = 10.0  # without any contact until UDP counts as blocked, and a carrier as useless
    retry_udp: float = 60.0  # while carried, until UDP is tried again; doubles each time it did not last
    last_retry_udp: float = 3_600.0  # the longest such wait
    bridge: float = 60.0  # between two looks at what came lately and is needed by the other IP family
