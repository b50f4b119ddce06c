"""Write tests/vectors/audit.json: python -m tools.make_audit_vectors.

As in make_vectors.py, whose keys these are; every run writes the same bytes. Source: docs/spec/audit.md.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from idas_p2p.access.audit.chain import State, digest_of, sign_head, sign_receipt, sign_segment, start
from idas_p2p.access.audit.events import Actor, Device, let_go, queried, shown, started, subject, transfer_begun
from idas_p2p.wire.audit import AuditHead, AuditReceipt, AuditRecord, By, Event, Side
from idas_p2p.wire.audit_file import frame, segment_start
from idas_p2p.wire.audit_messages import AuditGrowth
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import encode
from tools.make_vectors import ADMIN, MEMBER, NOW, STRANGER, VECTORS, Vector, counted

HEAD = sign_head(ADMIN, start(ADMIN.node_id), now=NOW)
GROWTH = AuditGrowth(since=0, digests=b"", head=HEAD)
RECEIPT = sign_receipt(MEMBER, HEAD, now=NOW)


def bodies() -> list[bytes]:
    """Five records of one log."""
    device = Device("VIEWER", "192.0.2.20")
    actor = Actor(side=Side.REQUESTER, user="dr-lee", by=By.PASSWORD, device=device, nodes=(MEMBER.node_id,))
    one = subject("1.2.3", "P1", "CITY")
    events: list[Event] = [
        started("idas 1"),
        queried(actor, StudyQuery.of({"PatientID": "P1"})),
        *shown(actor, [one], level="full"),
        transfer_begun(actor, one, number=7, level="full"),
        let_go(3, "records up to 3 let go"),
    ]
    return [
        encode(AuditRecord(number=number, at_ms=int(NOW * 1_000) + number, nonce=counted(40 + number, 16), event=event))
        for number, event in enumerate(events, 1)
    ]


def states(records: list[bytes]) -> list[State]:
    """The state before and after each record."""
    found = [start(ADMIN.node_id)]
    for body in records:
        found.append(found[-1].after(digest_of(body)))
    return found


def segment(before: State, records: list[bytes], *, key: Any = ADMIN) -> bytes:
    """A segment of these records, its chain made right."""
    data, state = segment_start(sign_segment(key, before, now=NOW)), before
    for body in records:
        state = state.after(digest_of(body))
        data += frame(body, state.chain)
    return data


def records() -> list[Vector]:
    """Each record's bytes, its digest, and the chain with it; section 2.1."""
    made = bodies()
    chained = zip(made, states(made)[1:], strict=True)
    return [{"record": b.hex(), "digest": digest_of(b).hex(), "chain": s.chain.hex()} for b, s in chained]


def logs() -> list[Vector]:
    """Segments, heads and receipts, and what verifying finds; section 4."""
    made = bodies()
    after = states(made)
    first, second = segment(after[0], made[:3]), segment(after[3], made[3:])
    other = segment(after[0], [made[0], made[2], made[1]])
    head = sign_head(ADMIN, after[5], now=NOW)
    seen = sign_receipt(MEMBER, sign_head(ADMIN, after[3], now=NOW), now=NOW)
    forged = replace(sign_head(STRANGER, after[5], now=NOW), node=ADMIN.node_id)
    edited = first.replace(b"dr-lee", b"dr-moe", 1)

    def vector(
        why: str, parts: list[bytes], heads: list[AuditHead], receipts: list[AuditReceipt], *found: str
    ) -> Vector:
        return {
            "comment": why,
            "segments": [part.hex() for part in parts],
            "heads": [encode(one).hex() for one in heads],
            "receipts": [encode(one).hex() for one in receipts],
            "findings": list(found),
        }

    return [
        vector("whole", [first, second], [head], [seen]),
        vector("its oldest segment let go, as a record says", [second], [head], []),
        vector("its oldest segment cut off", [segment(after[3], made[3:4])], [], [], "cut"),
        vector("cut at its end", [first], [head], [], "cut"),
        vector("cut at its end, as a peer has seen", [segment(after[0], made[:2])], [], [seen], "cut"),
        vector("a segment missing", [segment(after[0], made[:2]), second], [], [], "cut"),
        vector("a record edited", [edited, second], [], [], "edited"),
        vector("records reordered, the chain made anew", [other], [], [], "reordered", "reordered"),
        vector("rewritten, as a peer has seen", [other], [], [seen], "reordered", "reordered", "contradicted"),
        vector("a forged head", [first, second], [forged], [], "forged_head"),
        vector("a segment of another node", [segment(after[0], made[:1], key=STRANGER)], [], [], "forged_head"),
        vector("bytes behind the end", [first, second + b"\0\0"], [], [], "malformed"),
    ]


def growths() -> list[Vector]:
    """A head that was seen, a growth, and what is made of it; section 5.4."""
    made = bodies()
    after, digests = states(made), [digest_of(body) for body in made]
    rewritten = states([made[0], *made[2:], made[1]])
    known = sign_head(ADMIN, after[2], now=NOW)

    def growth(since: int, shown: list[bytes], state: State) -> AuditGrowth:
        return AuditGrowth(since=since, digests=b"".join(shown), head=sign_head(ADMIN, state, now=NOW))

    good = growth(2, digests[2:], after[5])
    cases: list[tuple[str, AuditHead | None, AuditGrowth, str]] = [
        ("a first head", None, growth(5, [], after[5]), "believed"),
        ("after a head of no records", sign_head(ADMIN, after[0], now=NOW), growth(5, [], after[5]), "believed"),
        ("three records more", known, good, "believed"),
        ("nothing more", known, growth(2, [], after[2]), "believed"),
        ("fewer records", known, growth(1, [], after[1]), "cut"),
        ("how it grew is not shown", known, growth(5, [], after[5]), "unproved"),
        ("other records before", known, growth(2, digests[2:], rewritten[5]), "rewritten"),
        ("a digest too few", known, replace(good, digests=good.digests[32:]), "refused"),
        ("half a digest", known, replace(good, digests=good.digests[16:]), "refused"),
        ("a head of another node", known, replace(good, head=sign_head(STRANGER, after[5], now=NOW)), "refused"),
        ("a forged head", known, replace(good, head=replace(good.head, at_ms=0)), "refused"),
    ]
    return [
        {"comment": why, "known": head and encode(head).hex(), "growth": encode(grown).hex(), "outcome": outcome}
        for why, head, grown, outcome in cases
    ]


def main() -> None:
    """Write the file."""
    suites = {"node": str(ADMIN.node_id), "records": records(), "logs": logs(), "growths": growths()}
    (VECTORS / "audit.json").write_text(json.dumps(suites, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
