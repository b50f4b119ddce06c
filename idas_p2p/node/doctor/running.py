"""What a running node knows of itself, judged: directory, ways in, federations, peers, harvest, audit.

Belongs here: pure judgement of the documents that `idas status` and `idas peers` show. Not here: gathering them
(node/views.py), asking others (lan.py, outside.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.node.doctor.findings import Finding, found, good

SETTLED: Final = 60.0  # seconds a node runs until what is not yet so is told as a fault; ours
SOON: Final = 7 * 86_400.0  # seconds before an expiry that is worth a note; ours
BEHIND: Final = 10_000  # studies waiting to be published; ours: more than an hour's work
FOREIGN: Final = 3  # records of others refused for their time; ours: one may be theirs

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expiry:
    """Something signed that has an end; Unix seconds."""

    part: str
    issued: float
    expires: float
    when_soon: str = "federation_expires"  # the name of what is found then
    when_over: str = "federation_expired"


def judge_running(status: Document, peers: Document, expiries: Sequence[Expiry], *, now: float) -> list[Finding]:
    """Everything a running node knows of itself.

    Args:
        status: the answer of `status`.
        peers: the answer of `peers`.
        expiries: of manifests and tokens.
        now: Unix seconds.
    """
    return [
        *_directory(status),
        *_ways_in(status),
        *_federations(status),
        *(finding for one in expiries for finding in judge_expiry(one, now=now)),
        *_peers(peers, own_version=str(status.get("version", ""))),
        *_archives(status),
        *_audit(status),
    ]


def _directory(status: Document) -> Iterator[Finding]:
    directory = _part(status, "directory")
    if not directory.get("joined"):
        seconds = float(status.get("uptime_seconds") or 0.0)
        yield found("directory", "directory_not_joined", f"nobody of the directory has answered for {seconds:.0f} s")
        return
    contacts, lookup = directory.get("contacts", 0), directory.get("lookup_ms_p50")
    speed = f", lookups take {lookup:.0f} ms" if isinstance(lookup, int | float) and lookup else ""
    yield good("directory", f"{contacts} contacts{speed}")
    waiting = int(directory.get("unpublished") or 0)
    if waiting > BEHIND:
        yield found("publishing", "publishing_behind", f"{waiting:,} studies wait to be published")
    refused = _part(directory, "refused")
    for reason, words in (("too_long_lived", "behind"), ("expired", "ahead of")):
        if int(refused.get(reason) or 0) >= FOREIGN:
            yield found("clock", "clock_wrong", f"records of others say that it is {words} theirs")


def _ways_in(status: Document) -> Iterator[Finding]:
    reachability, relays = _part(status, "reachability"), status.get("relays")
    is_reachable = reachability.get("reachable")
    if is_reachable:
        yield good("reachability", "others can dial this node")
    elif is_reachable is None and float(status.get("uptime_seconds") or 0.0) < SETTLED:
        yield good("reachability", "not yet tested")
    elif relays:
        yield found("reachability", "only_by_relay", f"others cannot dial this node; it waits at {relays} relays")
    elif _part(status, "directory").get("contacts"):
        yield found("reachability", "nobody_can_dial", "others cannot dial this node, and it waits at no relay")
    if refusal := _part(status, "proxy").get("refusal"):
        yield found("proxy", "proxy_refuses", str(refusal))


def _federations(status: Document) -> Iterator[Finding]:
    federations = [one for one in status.get("federations") or () if isinstance(one, Mapping)]
    if not federations:
        joining = _part(status, "joining")
        waits = "waits for an administrator's approval" if joining.get("state") == "waiting" else "member of none"
        yield found("federation", "no_federation", waits)
    for one in federations:
        part = f"federation {one.get('name')}"
        yield good(part, f"{one.get('members')} members, epoch {one.get('epoch')}")
        if one.get("admin") and one.get("admins") == 1 and one.get("members") != 1:
            yield found(part, "one_admin", "this node is its only administrator")
        if one.get("asking"):
            yield found(part, "approval_waiting", f"{len(one['asking'])} nodes ask to be admitted")


def judge_expiry(one: Expiry, *, now: float) -> Iterator[Finding]:
    """Whether something signed is still good for a while, and not from the future."""
    left = one.expires - now
    if one.issued > now + MAX_CLOCK_SKEW:
        yield found("clock", "clock_wrong", f"{one.part} was signed {one.issued - now:,.0f} s in the future")
    elif left <= 0:
        yield found(one.part, one.when_over, f"ended {-left / 86_400:.1f} days ago")
    elif left < SOON:
        yield found(one.part, one.when_soon, f"ends in {left / 86_400:.1f} days")


def _peers(peers: Document, *, own_version: str) -> Iterator[Finding]:
    for one in peers.get("peers") or ():
        part = f"peer {one.get('institution')}"
        if one.get("state") == "connected":
            path, trip = one.get("path"), one.get("rtt_ms")
            yield good(part, f"connected: {path}{f', {trip} ms' if trip is not None else ''}")
            theirs = one.get("version")
            if theirs and theirs != own_version:
                yield found(part, "version_differs", f"it runs version {theirs}, this node {own_version}")
        elif one.get("state") not in ("idle", None):
            yield found(part, "peer_unreachable", str(one["state"]))


def _archives(status: Document) -> Iterator[Finding]:
    for one in status.get("archives") or ():
        if one.get("state") == "unreachable":
            said = str(one.get("error") or "it could not be asked")
            yield found(f"harvest of {one.get('name')}", "harvest_failed", said)


def _audit(status: Document) -> Iterator[Finding]:
    audit, policy = _part(status, "audit"), _part(status, "policy")
    if audit.get("refused"):
        yield found("audit", "audit_unwritable", "the log cannot be written")
    elif (collector := _part(audit, "collector")) and not collector.get("connected"):
        yield found("audit", "collector_unreachable", str(collector.get("error") or "no connection"))
    else:
        yield good("audit", f"{audit.get('records')} records")
    if policy.get("refusal"):
        yield found("policy in force", "policy_refused", str(policy["refusal"]))


def _part(document: Document, key: str) -> Document:
    part = document.get(key)
    return part if isinstance(part, Mapping) else {}
