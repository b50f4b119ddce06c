"""The vectors of docs/spec/audit.md have their outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.audit.chain import digest_of, start
from idas_p2p.access.audit.verify import Fault, verify_log
from idas_p2p.access.audit.witness import Doubt, PeerLog
from idas_p2p.errors import WireError
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditHead, AuditReceipt, AuditRecord
from idas_p2p.wire.audit_messages import AuditGrowth
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import decode, encode

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/audit.json").read_text())
NODE = NodeId.parse(VECTORS["node"])


def read(kind: Any, text: str) -> Any:
    return decode(kind, bytes.fromhex(text), max_size=MAX_RECORD_BYTES)


def test_each_record_has_its_digest_and_takes_the_chain_on() -> None:
    state = start(NODE)
    for vector in VECTORS["records"]:
        body = bytes.fromhex(vector["record"])
        assert encode(read(AuditRecord, vector["record"])) == body
        assert digest_of(body).hex() == vector["digest"]
        state = state.after(digest_of(body))
        assert state.chain.hex() == vector["chain"]


@pytest.mark.parametrize("vector", VECTORS["logs"], ids=lambda vector: vector["comment"])
def test_verifying_a_log_finds_what_is_wrong_with_it(vector: dict[str, Any]) -> None:
    segments = [bytes.fromhex(one) for one in vector["segments"]]
    heads = [read(AuditHead, one) for one in vector["heads"]]
    receipts = [read(AuditReceipt, one) for one in vector["receipts"]]
    found = verify_log(NODE, segments, heads, receipts).findings
    assert [str(one.fault) for one in found] == vector["findings"]


@pytest.mark.parametrize("vector", VECTORS["growths"], ids=lambda vector: vector["comment"])
def test_a_growth_is_believed_doubted_or_refused(vector: dict[str, Any]) -> None:
    known = PeerLog(theirs=read(AuditHead, vector["known"]) if vector["known"] else None)
    growth = read(AuditGrowth, vector["growth"])
    if vector["outcome"] == "refused":
        with pytest.raises(WireError):
            known.seen(growth, NODE)
        return
    _, doubt = known.seen(growth, NODE)
    assert (str(doubt) if doubt else "believed") == vector["outcome"]


def test_the_vectors_have_every_finding_and_every_doubt() -> None:
    assert {fault for vector in VECTORS["logs"] for fault in vector["findings"]} == set(Fault)
    assert {vector["outcome"] for vector in VECTORS["growths"]} == {*Doubt, "believed", "refused"}
