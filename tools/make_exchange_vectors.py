"""Write tests/vectors/{messages,transfers}.json: python -m tools.make_exchange_vectors.

As in make_vectors.py, whose keys these are; every run writes the same bytes. Source: docs/spec/exchange.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from idas_p2p.crypto.digest import data_digest
from idas_p2p.exchange.signed_manifest import TransferManifest
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit_messages import AuditGrown, AuditReceived, AuditSeen, AuditWanted
from idas_p2p.wire.emergency import EmergencyOpened, EmergencyWanted
from idas_p2p.wire.fetching import (
    PREFIX_SIZE,
    Chunk,
    Done,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceListed,
    InstanceLost,
    ListEnd,
    Mode,
    Priority,
    Taken,
    Ticket,
    Want,
    Wanted,
)
from idas_p2p.wire.ice import OF_HOST, REFLEXIVE, IceCandidate, IceTerms
from idas_p2p.wire.messages import (
    CancelRequest,
    FindRequest,
    Hello,
    Hit,
    Hits,
    IceAnswer,
    IceRequest,
    JoinRequest,
    ManifestOffer,
    ManifestWanted,
    MeetOffer,
    MeetRequest,
    Ping,
    Pong,
    RequestEnd,
    encode_message,
)
from idas_p2p.wire.offers import Fate, OfferFate, StudyOffer
from idas_p2p.wire.outside import PassOffer, PassReceived, PassWanted, SignedIn, SignInWanted
from idas_p2p.wire.parts import Part, PartQuery, Parts, PartsRequest
from idas_p2p.wire.query import QueryKey, StudyQuery
from idas_p2p.wire.study import Study
from tools.make_audit_vectors import GROWTH, RECEIPT
from tools.make_vectors import ADMIN, MEMBER, NOW, STRANGER, VECTORS, Vector, counted


def said_of(data: bytes) -> tuple[InstanceHead, Chunk]:
    """How an instance of these bytes is sent."""
    whole = data_digest(data)
    head = InstanceHead(
        series_uid="1.2.3.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.1.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=len(data),
        digest=whole,
        start=0,
    )
    return head, Chunk(coding=0, size=len(data), data=data, digest=whole[:PREFIX_SIZE])


def listed_as(head: InstanceHead) -> InstanceListed:
    """How the same instance is listed."""
    return InstanceListed(
        series_uid=head.series_uid,
        sop_class_uid=head.sop_class_uid,
        sop_instance_uid=head.sop_instance_uid,
        transfer_syntax_uid=head.transfer_syntax_uid,
        size=head.size,
        digest=head.digest,
    )


def manifest_of(said: Sequence[Any]) -> TransferManifest:
    """The sum of what the admin's node said to the member's about one study."""
    manifest = TransferManifest(holder=ADMIN.node_id, requester=MEMBER.node_id, study_uid="1.2.3")
    for message in said:
        manifest.take(message)
    return manifest


def transfers() -> list[Vector]:
    """What a holder said on an image link, and its signature over the sum; docs/spec/exchange.md section 4.7."""
    head, chunk = said_of(b"data")
    lost = InstanceLost(sop_instance_uid="1.2.3.1.2", code="remote.malformed")
    said = [FetchStart(total=2), head, chunk, lost]
    listed = [FetchStart(total=1), listed_as(head), ListEnd(count=1, code=""), head, chunk]

    def vector(comment: str, messages: Sequence[Any], signature: bytes, outcome: str = "success") -> Vector:
        manifest = manifest_of(messages)
        return {
            "comment": comment,
            "holder": str(ADMIN.node_id),
            "requester": str(MEMBER.node_id),
            "study_uid": "1.2.3",
            "messages": [encode_message(message).hex() for message in messages],
            "digest": manifest.digest.hex(),
            "signed_bytes": manifest.signed_bytes().hex(),
            "signature": signature.hex(),
            "outcome": outcome,
        }

    good = ADMIN.sign(manifest_of(said).signed_bytes())
    return [
        vector("every instance", said, good),
        vector("a list and what was wanted of it", listed, ADMIN.sign(manifest_of(listed).signed_bytes())),
        vector("nothing", [FetchStart(total=0)], ADMIN.sign(manifest_of([]).signed_bytes())),
        vector("signed by another", said, STRANGER.sign(manifest_of(said).signed_bytes()), "bad_signature"),
        vector("of something else", said[:-1], good, "bad_signature"),
        vector("in another order", [said[0], lost, head, chunk], good, "bad_signature"),
        vector("of another chunk", [*said[:2], replace(chunk, digest=bytes(16)), lost], good, "bad_signature"),
    ]


def messages() -> list[Vector]:
    """One message of each type, and bytes that are none; docs/spec/exchange.md sections 2 to 4."""
    ticket = Ticket(level="full", expires=int(NOW), mac=counted(13, 16))
    study = Study(study_uid="1.2.3", patient_id="P1", patient_name="Äon^Zoë", modalities=("CT", "SR"), instance_count=2)
    part_query = PartQuery(
        depth=1,
        studies=StudyQuery.of({"StudyInstanceUID": "1.2.3"}),
        keys=(QueryKey(keyword="Modality", pattern="CT"),),
        wanted=("Modality", "RequestAttributesSequence.RequestedProcedureID", "SeriesDescription"),
    )
    series = Part.of({"SeriesInstanceUID": "1.2.3.1", "Modality": "CT", "SeriesDescription": "Thorax – Übersicht"})
    image = Part.of({"SeriesInstanceUID": "1.2.3.1", "SOPInstanceUID": "1.2.3.1.1", "InstanceNumber": "1"})
    query = StudyQuery.of({"PatientName": "ÄON*", "StudyDate": "20250101-"})
    fetch = FetchRequest(
        user="dr.b",
        ticket=ticket,
        study_uid="1.2.3",
        series_uids=(),
        sop_instance_uids=(),
        mode=Mode.ALL,
        priority=Priority.MEDIUM,
    )
    terms = IceTerms(
        user="q8Vb",
        password="correctHorse/battery+staple",  # noqa: S106
        fingerprint=counted(14, 32),
        candidates=(
            IceCandidate(OF_HOST, Address("2001:db8::7", 40_000)),
            IceCandidate(REFLEXIVE, Address("203.0.113.7", 40_001)),
        ),
    )
    head, chunk = said_of(b"data")
    lost = InstanceLost(sop_instance_uid="1.2.3.1.2", code="remote.malformed")
    good = [
        Hello(version=4, epoch=2, state=counted(15, 8)),
        Hello(version=4, epoch=0, state=b""),
        ManifestWanted(number=1, known=()),
        ManifestWanted(number=2, known=(counted(16, 32),)),
        ManifestOffer(number=1, manifest=b"a manifest"),
        JoinRequest(institution="Bert Clinic"),
        Ping(number=2**32 - 1),
        Pong(number=0),
        MeetRequest(
            number=1, places=(Address("203.0.113.7", 40_000), Address("192.168.1.10", 40_000)), round_trip_ms=85
        ),
        MeetOffer(number=1, places=()),
        IceRequest(number=1, terms=terms),
        IceAnswer(number=1, terms=replace(terms, candidates=())),
        FindRequest(number=3, user="", query=query, limit=10_000),
        Hits(number=3, hits=(Hit(study=study, ticket=ticket),)),
        PartsRequest(number=4, user="anna", query=part_query, limit=50_000),
        Parts(number=4, study=study, parts=(series, image)),
        RequestEnd(number=3, code=""),
        CancelRequest(number=3),
        AuditWanted(number=4, known=17),
        AuditGrown(number=4, known=0, growth=GROWTH),
        AuditSeen(number=5, receipt=RECEIPT, growth=replace(GROWTH, digests=counted(17, 64))),
        AuditSeen(number=5, receipt=None, growth=GROWTH),
        AuditReceived(number=5, receipt=None),
        StudyOffer(
            number=6,
            offer=bytes(range(16)),
            study=study,
            ticket=ticket,
            note="Second opinion, please",
            user="anna",
            expires=int(NOW) + 86_400,
        ),
        OfferFate(number=7, offer=bytes(range(16)), fate=Fate.DONE),
        fetch,
        FetchStart(total=2),
        head,
        chunk,
        lost,
        FetchEnd(code="", signature=ADMIN.sign(manifest_of([head, chunk, lost]).signed_bytes())),
        listed_as(head),
        ListEnd(count=1, code=""),
        Want(instances=(Wanted(sop_instance_uid="1.2.3.1.1", start=2),)),
        Taken(sop_instance_uids=("1.2.3.1.1",)),
        Done(),
        EmergencyWanted(number=6, user="dr.b", patient_id="P1", issuer="St. Anna", reason="unconscious, no relatives"),
        EmergencyOpened(number=6, until=int(NOW) + 3_600, studies=2),
        PassWanted(),
        PassOffer(
            institution="Anna Hospital",
            study=study,
            ticket=replace(ticket, mac=bytes(16)),
            expires=int(NOW) + 604_800,
        ),
        PassReceived(instances=2),
        SignInWanted(aet="VIEWER", user="dr.b", password="correct horse", seconds=28_800),  # noqa: S106
        SignedIn(until=int(NOW) + 28_800),
    ]
    vectors: list[Vector] = [
        {"comment": type(message).__name__, "message": encode_message(message).hex(), "outcome": "success"}
        for message in good
    ]
    ice = encode_message(IceAnswer(number=1, terms=terms))
    wrong = {
        "nothing": (b"", "refused"),
        "an unknown type": (b"\x63\x90", "refused"),
        "a field missing": (b"\x01\x91\x01", "refused"),
        "a field too many": (b"\x05\x92\x01\x01", "refused"),
        "another version, another form": (b"\x01\x93\x01\x00\xc0", "unsupported_version"),
        "a number written longer than needed": (b"\x05\x91\xcc\x01", "refused"),
        "text where bytes belong": (encode_message(fetch).replace(b"\xc4\x10", b"\xd9\x10"), "refused"),
        "bytes left over": (b"\x05\x91\x01\x00", "refused"),
        "more instances than allowed": (b"\x21\x91\xce\x00\x02\x00\x01", "refused"),
        "a negative number": (b"\x05\x91\xff", "refused"),
        "a candidate that is a name": (ice.replace(b"203.0.113.7", b"abcdef.test"), "refused"),
        "a candidate of an unknown kind": (ice.replace(b"\x92\x01\x92\xab", b"\x92\x02\x92\xab"), "refused"),
        "a password with another character": (ice.replace(b"/battery", b":battery"), "refused"),
    }
    return [
        *vectors,
        *({"comment": why, "message": m.hex(), "outcome": outcome} for why, (m, outcome) in wrong.items()),
    ]


SUITES = {"messages": messages, "transfers": transfers}


def main() -> None:
    """Write the files."""
    for name, make in SUITES.items():
        text = json.dumps({"vectors": make()}, indent=1, ensure_ascii=False)
        (VECTORS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
