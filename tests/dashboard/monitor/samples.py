"""A node in the middle of its work, as `overview` tells it; names are hostile, studies are canaries."""

from __future__ import annotations

from typing import Any

from idas_p2p.dashboard.monitor.snapshot import Snapshot

NOW = 1_800_000_000.0
CANARY = "1.2.826.0.1.canary"
RUNNING: dict[str, Any] = {
    "number": 7,
    "direction": "in",
    "state": "running",
    "peer": "Lake\x1b[2J",
    "user": "dr-canary",
    "study_uid": CANARY,
    "instances": 30,
    "failed": 1,
    "total": 140,
    "bytes": 16_000_000,
    "wire_bytes": 4_000_000,
    "ratio": 4.0,
    "rate": 8_000_000,
    "left_seconds": 7.0,
    "path": "relay",
}
ENDED = {**RUNNING, "number": 6, "direction": "out", "state": "done", "seconds": 3.0}
WHOLE: dict[str, Any] = {
    "status": {
        "institution": "City\x1b]0;x\x07",
        "aet": "IDAS",
        "uptime_seconds": 600.0,
        "memory_bytes": 80_000_000,
        "directory": {"joined": True, "server": True, "contacts": 9, "lookups": 4, "refused": {"expired": 2}},
        "archives": [{"name": "pacs", "kind": "dicom", "state": "ok", "studies": 12, "instances": 99, "last_ok": NOW}],
        "sign_ins_wanted": [{"aet": "WS1", "address": "192.0.2.5"}],
        "federations": [{"name": "Lake Region", "members": 2, "epoch": 3, "asking": ["Carl\x1bClinic"]}],
    },
    "peers": [{"institution": "Lake\x1b[2J", "state": "connected", "path": "direct", "rtt_ms": 81.0, "last_seen": NOW}],
    "transfers": [RUNNING, ENDED],
    "alerts": [
        {"part": "disk", "said": "0.2 GB free", "name": "disk_full", "verdict": "fault", "next_step": "free space"}
    ],
    "log": [
        {"time": NOW, "level": "info", "event": "link_opened", "fields": {"path": "direct"}},
        {"time": NOW, "level": "warning", "event": "ticket_refused", "fields": {"reason": "expired\x1b"}},
    ],
}
SNAPSHOT = Snapshot().with_pulse(WHOLE, now=NOW)
