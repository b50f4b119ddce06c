"""What the node says about itself: plain JSON values for the command line and the dashboard.

Belongs here: gathering. Not here: how it looks (dashboard/). Holds patient data only where the operator asks for
studies. Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psutil

from idas_p2p import __version__
from idas_p2p.node import federation_views
from idas_p2p.node.emergency_commands import at_a_glance
from idas_p2p.node.node import Node
from idas_p2p.node.sources import EMBEDDED
from idas_p2p.store.totals import Count
from idas_p2p.store.transfers import Counters, Direction
from idas_p2p.store.transfers import Transfer as Logged
from idas_p2p.transport.proxied import Proxied
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import KEYWORDS, Study

MAX_TRANSFERS: Final = 200  # shown; ours
MAX_STUDIES: Final = 10_000  # shown; ours


def status(node: Node) -> Mapping[str, Any]:
    """Answer of `status`."""
    counts = {count.archive: count for count in node.catalog.counts()}
    federations = federation_views.federations(node)
    return {
        "institution": node.config.institution,
        "aet": node.config.aet,
        "node_id": str(node.identity.node_id),
        "version": __version__,
        "dicom": str(node.dicom_address),
        "network": str(node.network_address),
        "reachability": _reachability(node),
        "connections": _connections(node),
        "proxy": _proxy(node),
        "uptime_seconds": round(node.clock.monotonic() - node.started_at, 1),
        "memory_bytes": psutil.Process().memory_info().rss,
        "spool_bytes": node.spool.used_bytes,
        "spool_limit_bytes": node.config.spool_bytes,
        "spool_encrypted": node.config.encrypt_spool,
        "federation": next(iter(federations), None),
        "federations": federations,
        "joining": federation_views.joining(node),
        "directory": _directory(node),
        "catalog": {
            "studies": sum(count.studies for count in counts.values()),
            "instances": sum(count.instances for count in counts.values()),
        },
        "transfers": {"active": len(node.transfers.running)},
        "archives": _archives(node, counts),
        "audit": node.audit.figures(),
        "policy": {"rules": len(node.rules.policy), "refusal": node.rules.refusal},
        "emergencies": [at_a_glance(one, now=node.clock.now()) for one in node.outsiders.emergencies.open_now()],
        "passes": {
            "open": sum(1 for one in node.outsiders.desk.rows() if one["state"] == "open"),
            "guesses": node.outsiders.doors.guesses.count,
        },
        "sign_ins_wanted": [
            {"aet": one.aet, "address": one.address, "asked_at": one.asked_at} for one in node.lan.callers.waiting()
        ],
    }


def _reachability(node: Node) -> Mapping[str, Any]:
    """What others found when they dialled us, and what the router opened."""
    whereabouts = node.whereabouts
    return {
        "reachable": whereabouts.reachability.is_reachable,
        "addresses": {str(address): reached for address, reached in whereabouts.reachability.verdicts.items()},
        "published": [str(address) for address in node.whereabouts.addresses()],
        "mapped": [
            {"way": one.way, "transport": str(one.transport), "port": one.port, "external": str(one.external)}
            for one in whereabouts.port_mapping.mappings.values()
        ],
    }


def _connections(node: Node) -> Mapping[str, Any]:
    """Channels that others have opened here, and connections that were turned away, by the reason's name."""
    listener = node.listener
    refused = {str(refusal): count for refusal, count in sorted(listener.refusals.items())}
    return {"channels": listener.gate.channels, "handshakes": listener.gate.half_open, "refused": refused}


def _proxy(node: Node) -> Mapping[str, str] | None:
    """The HTTP proxy that connections go through, and what it last said instead of opening one."""
    way = node.way
    return {"address": str(way.proxy.address), "refusal": way.refusal} if isinstance(way, Proxied) else None


def _directory(node: Node) -> Mapping[str, Any]:
    directory, progress = node.directory.status(), node.publisher.progress()
    return {
        "joined": directory.joined,
        "server": directory.is_server,
        "carried": directory.is_carried,
        "contacts": directory.contacts,
        "records_stored": directory.records_stored,
        "lookups": directory.lookups,
        "lookup_ms_p50": directory.lookup_ms_p50,
        "unpublished": progress.unpublished,
        "renewals_due": progress.renewals_due,
        "records_published": progress.records,
        "records_sending": progress.sending - progress.sent,
        "refused": dict(directory.refused),
        "dropped": dict(directory.dropped),
    }


def _archives(node: Node, counts: Mapping[str, Count]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for archive in node.sources.archives():
        state = node.catalog.harvest_state(archive.name)
        rows.append(
            {
                "name": archive.name,
                "kind": archive.kind,
                "state": "unreachable" if state.failures else "ok" if state.last_ok else "new",
                "last_ok": state.last_ok or None,
                "error": state.last_error,
                **_counted(counts.get(archive.name)),
            }
        )
    if EMBEDDED in counts:
        rows.append({"name": EMBEDDED, "kind": EMBEDDED, "state": "ok", "error": "", **_counted(counts[EMBEDDED])})
    return rows


def _counted(count: Count | None) -> Mapping[str, int]:
    return {"studies": count.studies if count else 0, "instances": count.instances if count else 0}


def peers(node: Node) -> Mapping[str, Any]:
    """Answer of `peers`: every other member, linked or not."""
    return {"peers": [_peer(node, node_id) for node_id in node.federations.others()]}


def _peer(node: Node, node_id: NodeId) -> Mapping[str, Any]:
    peer = node.links.peers.get(node_id)
    link = peer.link if peer and peer.link and peer.link.is_open else None
    address = str(link.remote) if link else ""
    if peer and not address and peer.info and peer.info.addresses:
        address = str(peer.info.addresses[0])
    return {
        "node_id": str(node_id),
        "institution": node.federations.institution(node_id) or "",
        "aet": peer.info.aet if peer and peer.info else "",
        "address": address,
        "state": "connected" if link else (peer.last_error if peer else "") or "idle",
        "path": link.path if link else "",
        "image_path": peer.image_path if peer else "",
        "detours": dict(peer.detours) if peer else {},
        "rtt_ms": round(peer.round_trip * 1000, 1) if peer and peer.round_trip is not None else None,
        "last_seen": peer.last_seen if peer else None,
    }


def transfers(node: Node) -> Mapping[str, Any]:
    """Answer of `transfers`: newest first, running ones with the counters of this moment."""
    return {"transfers": [_transfer(node, one) for one in node.transfer_log.recent(MAX_TRANSFERS)]}


def _transfer(node: Node, one: Logged) -> Mapping[str, Any]:
    live = node.transfers.running.get(one.number)
    counters = live.counters if live else one.counters
    seconds = (one.ended_at or node.clock.now()) - one.started_at
    partners = list(live.partners) if live else [name for name in one.partner.split(", ") if name]
    return {
        "number": one.number,
        "direction": str(one.direction),
        "study_uid": one.study_uid,
        "peer": ", ".join(partners),
        "holders": partners if one.direction is Direction.IN else [node.config.institution],
        "differing": list(live.differing) if live else [],
        "user": one.user,
        "state": str(one.state),
        "reason": one.reason,
        "instances": counters.instances,
        "total": counters.total,
        "failed": counters.failed,
        "bytes": counters.bytes,
        "wire_bytes": counters.wire_bytes,
        **pace(counters, seconds, is_running=live is not None),
        "path": counters.path,
        "seconds": round(seconds, 3),
    }


def pace(counters: Counters, seconds: float, *, is_running: bool) -> Mapping[str, float | None]:
    """How well a transfer goes: `ratio` of bytes to bytes on the wire, `rate` in bytes a second, `left_seconds`.

    None where that is not known: no bytes yet, nothing on the wire, or the transfer has ended.
    """
    done, rate = counters.instances + counters.failed, counters.bytes / seconds if seconds > 0 else 0.0
    is_known = is_running and counters.instances > 0
    return {
        "ratio": round(counters.bytes / counters.wire_bytes, 2) if counters.wire_bytes and counters.bytes else None,
        "rate": round(rate) if rate else None,
        "left_seconds": round(seconds * max(0, counters.total - done) / done, 1) if is_known else None,
    }


def studies(node: Node) -> Mapping[str, Any]:
    """Answer of `studies`: what this node's own archives hold."""
    by_uid: dict[str, dict[str, Any]] = {}
    for entry in node.catalog.search(StudyQuery(), limit=MAX_STUDIES):
        row = by_uid.setdefault(entry.study.study_uid, {**as_keywords(entry.study), "Archives": []})
        row["Archives"].append(entry.archive)
    return {"studies": list(by_uid.values())}


def as_keywords(study: Study) -> dict[str, Any]:
    """A study by DICOM keyword, as text."""
    return {keyword: study.value(keyword) for keyword in KEYWORDS}
