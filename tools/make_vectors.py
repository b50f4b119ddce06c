"""Write tests/vectors/{manifests,invitations,passes,claims,tokens,tickets,chunks}.json: python -m tools.make_vectors.

Each vector says what goes in, what comes out, and its outcome, from a closed set: "success", or the refusal's name. All
keys are counted, not random. Where sealing draws a nonce, a run writes other bytes with the same meaning: run it when a
format changes, and not otherwise. Refused vectors are successful ones with one thing wrong. The messages of the
exchange: make_exchange_vectors.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from idas_p2p.access.blinding import Blinder
from idas_p2p.access.charter import charter_of
from idas_p2p.access.federation import psk_id
from idas_p2p.access.heads import Known
from idas_p2p.access.invitation import Invitation, PassCode
from idas_p2p.access.levels import FULL
from idas_p2p.access.manifest import ManifestRefusal, digest, found, open_membership, sign_manifest
from idas_p2p.access.roster import roster_of
from idas_p2p.access.subjects import Requester
from idas_p2p.access.tickets import TicketOffice, TicketRefusal
from idas_p2p.access.tokens import Belonging, token_places, token_record
from idas_p2p.blob import MemoryBlob
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.exchange.codec.choice import Effort
from idas_p2p.exchange.coding import Coding, Encoder
from idas_p2p.exchange.interfaces import PixelLayout
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import ADD, Manifest, Secrets
from idas_p2p.wire.fetching import (
    Chunk,
)
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import encode
from idas_p2p.wire.terms import Field, Term

VECTORS = Path(__file__).parents[1] / "tests/vectors"
NOW = 1_750_000_000.0  # Unix seconds
Vector = dict[str, Any]


def counted(number: int, size: int = 32) -> bytes:
    """Bytes that nobody could have chosen to fit."""
    return hashlib.blake2b(b"idas_p2p vector %d" % number, digest_size=size).digest()


ADMIN, MEMBER, STRANGER = (SigningKey(counted(number)) for number in (1, 2, 3))
SECRETS = Secrets(read=counted(4), write=counted(5), psk=counted(6))


def manifests() -> list[Vector]:
    """Manifests that are known, another, and whether it may be put in force beside them; federation.md section 2.

    With the outcome "success" also who is then a member, who an admin, and the secrets of the second admin.
    """
    first = found(ADMIN, "Anna Hospital", "Region", now=NOW, random_bytes=lambda size: counted(7, size))
    charter = charter_of(first)
    add = charter.vote(ADMIN, ADD, MEMBER.node_id)
    two_admins = replace(charter, changes=(add,))
    roster = roster_of(first).admitted(MEMBER.node_id, "Bert Clinic", epoch=2)

    def after(*known: Manifest, by: SigningKey = ADMIN, **said: Any) -> Manifest:
        all_known = Known.of(known)
        counts, previous = all_known.counts, [held.digest for held in all_known.heads]
        what: dict[str, Any] = {"charter": all_known.charter, "roster": all_known.roster, "era": 1, **said}
        return sign_manifest(by, name="Region", now=NOW, secrets=SECRETS, counts=counts, previous=previous, **what)

    def signed(manifest: Manifest, key: SigningKey = ADMIN) -> Manifest:
        return replace(manifest, signature=key.sign(manifest.signed_bytes()))

    def vector(comment: str, known: list[Manifest], new: Manifest, outcome: str, *, now: float = NOW) -> Vector:
        told = Known.of([*known, new]) if outcome == "success" else None
        return {
            "comment": comment,
            "known": [one.to_bytes().hex() for one in known],
            "manifest": new.to_bytes().hex(),
            "digest": digest(new).hex(),
            "now": now,
            "outcome": outcome,
            "members": {str(one): seat.institution for one, seat in told.members.items()} if told else {},
            "admins": [str(one) for one in told.charter.admins] if told else [],
            "heads": len(told.heads) if told else 0,
            "member_seed": counted(2).hex(),
            "secrets": encode(SECRETS).hex() if told else "",
            "membership": encode(open_membership(told.first, MEMBER)).hex() if told else "",
        }

    second = after(first, charter=two_admins, roster=roster)
    admits = after(second, roster=roster.admitted(STRANGER.node_id, "Carl Practice", epoch=3))
    removes = after(admits, roster=roster_of(admits).without(STRANGER.node_id, until=int(NOW) + 100), era=2)
    renames = after(admits, by=MEMBER, roster=roster_of(admits).admitted(STRANGER.node_id, "Carl Clinic", epoch=4))
    alone = replace(charter, changes=(replace(add, votes=(replace(add.votes[0], signature=bytes(64)),)),))
    unsorted = signed(replace(second, members=second.members[::-1]))
    taken_off = tuple(one for one in admits.members if one.node_id != MEMBER.node_id)
    third = after(second, by=MEMBER)
    return [
        vector("a member becomes an admin", [first], second, "success"),
        vector("an admin removes whom another renames at once: the removal wins", [removes], renames, "success"),
        vector("the same again", [first], first, ManifestRefusal.NOT_NEWER),
        vector("rolled back", [second], first, ManifestRefusal.NOT_NEWER),
        vector("of another federation", [first], signed(replace(second, federation=counted(8))), "other_federation"),
        vector("of another founder", [first], signed(replace(second, founder=MEMBER.node_id)), "other_federation"),
        vector("by who is no admin", [first], after(first, by=STRANGER), ManifestRefusal.NOT_ADMIN),
        vector("a vote nobody gave", [first], after(first, charter=alone, roster=roster), ManifestRefusal.BAD_CHARTER),
        vector("an admin off the roster", [second], signed(replace(third, members=taken_off), MEMBER), "admin_missing"),
        vector("signed by another", [first], signed(second, STRANGER), ManifestRefusal.BAD_SIGNATURE),
        vector("changed after signing", [first], replace(second, era=7), ManifestRefusal.BAD_SIGNATURE),
        vector("another before it", [first], signed(replace(second, previous=(counted(9),))), "broken_chain"),
        vector("members in another order", [first], unsorted, ManifestRefusal.UNSORTED),
        vector("after its time", [first], second, ManifestRefusal.EXPIRED, now=second.expires + 120.0),
    ]


def invitations() -> list[Vector]:
    """A code, what it says and what follows from it; docs/spec/federation.md section 3."""
    return codes(Invitation, {"a pass": "IDASP1", "the first version": "IDAS1"})


def passes() -> list[Vector]:
    """The same of a pass for one study; docs/spec/federation.md section 6."""
    return codes(PassCode, {"an invitation": "IDAS2"})


def codes(kind: type[Invitation], others: dict[str, str]) -> list[Vector]:
    """Codes of one kind, and texts that are none."""
    vectors = []
    for number, host in enumerate(("192.0.2.7", "2001:db8::7", "node.example.org"), start=20):
        contact = Contact(Address(host, 4_000), STRANGER.node_id)
        invitation = kind.of(ADMIN.node_id, counted(number, 16), contact)
        vectors.append(
            {
                "comment": host,
                "code": invitation.to_code(),
                "secret": invitation.secret.hex(),
                "inviter": str(ADMIN.node_id),
                "inviter_seal": invitation.inviter_seal.hex(),
                "contact": str(invitation.contact),
                "location": invitation.location.public.hex(),
                "psk": invitation.psk.hex(),
                "psk_id": psk_id(invitation.psk).hex(),
                "outcome": "success",
            }
        )
    code: str = vectors[0]["code"]
    digits = code[len(kind.prefix) :]
    typed = {**vectors[0], "comment": "typed in lower case with spaces", "code": code.lower().replace("-", " ")}
    wrong = {
        "one digit wrong": code[:-1] + ("0" if code[-1] != "0" else "1"),
        "cut short": code[:-4],
        "a digit added": code + "0",
        "another kind of code": "IDAS9" + digits,
        **{comment: prefix + digits for comment, prefix in others.items()},
        "a character no code has": code[:10] + "U" + code[11:],
        "nothing": "",
    }
    return [*vectors, typed, *({"comment": why, "code": text, "outcome": "refused"} for why, text in wrong.items())]


def tokens() -> list[Vector]:
    """A token at the place of what it says; docs/spec/directory.md section 5.7."""
    until = NOW + 86_400
    about = Belonging(member=MEMBER.node_id, group="Radiology")
    vouches, user = replace(about, vouches=True), replace(about, user="dr.b")
    other = replace(about, member=ADMIN.node_id)

    def made(issuer: SigningKey, said: Belonging, **how: Any) -> Record:
        return token_record(issuer, Blinder(SECRETS), said, **{"expires": until, "now": NOW, **how})

    cases = [
        ("success", about, "success", made(ADMIN, about)),
        ("withdrawn", about, "withdrawn", made(ADMIN, about, withdrawn=True)),
        ("expired", about, "expired", made(ADMIN, about, expires=NOW - 121)),
        ("by a member that is no admin", about, "not_admin", made(MEMBER, about)),
        ("of another member", about, "forged", made(ADMIN, other)),
        ("leave to vouch", vouches, "success", made(ADMIN, vouches)),
        ("leave to vouch that a member gave itself", vouches, "not_admin", made(MEMBER, vouches)),
        ("membership in place of leave to vouch", vouches, "forged", made(ADMIN, about)),
        ("a member's word about its user", user, "success", made(MEMBER, user)),
        ("an admin's word about a member's user", user, "not_admin", made(ADMIN, user)),
        ("a member's word about another user", user, "forged", made(MEMBER, replace(about, user="dr.c"))),
    ]
    return [
        {
            "comment": comment,
            "secrets": encode(SECRETS).hex(),
            "admin": str(ADMIN.node_id),
            "member": str(MEMBER.node_id),
            "group": said.group,
            "user": said.user,
            "vouches": said.vouches,
            "now": NOW,
            "location": token_places(Blinder(SECRETS), said, now=NOW)[0].public.hex(),
            "record": record.to_bytes().hex(),
            "outcome": outcome,
        }
        for comment, said, outcome, record in cases
    ]


def claims() -> list[Vector]:
    """A claim at a blind place; docs/spec/directory.md section 5."""
    blinder, vectors = Blinder(SECRETS), []
    for number, field in enumerate(Field):
        term = Term(field, f"value {number}")
        place = blinder.place(term, now=NOW)
        record = blinder.claim_record(MEMBER, place, count=number, withdrawn=bool(number % 2), now=NOW)
        vectors.append(
            {
                "comment": f"field {field}",
                "secrets": encode(SECRETS).hex(),
                "field": str(field),
                "value": term.value,
                "now": NOW,
                "location": place.public.hex(),
                "key": record.key.hex(),
                "record": record.to_bytes().hex(),
                "holder": str(MEMBER.node_id),
                "count": number,
                "withdrawn": bool(number % 2),
                "outcome": "success",
            }
        )
    other = replace(SECRETS, read=counted(10))
    prolonged = replace(record, expires=record.expires + 1)
    stolen = replace(record, writer=STRANGER.public)
    return [
        *vectors,
        {
            **vectors[0],
            "comment": "read with other secrets",
            "secrets": encode(other).hex(),
            "outcome": "bad_signature",
        },
        {**vectors[-1], "comment": "prolonged", "record": prolonged.to_bytes().hex(), "outcome": "bad_signature"},
        {**vectors[-1], "comment": "in another's slot", "record": stolen.to_bytes().hex(), "outcome": "bad_signature"},
    ]


def tickets() -> list[Vector]:
    """A ticket, who shows it for what, and whether it is honoured; docs/spec/exchange.md section 4."""
    requester = Requester(node_id=MEMBER.node_id, institution="Bert Clinic", user="dr.b")
    ticket = TicketOffice(counted(11)).issue(requester, "1.2.3", FULL, now=NOW)
    good: Vector = {
        "comment": "as issued",
        "key": counted(11).hex(),
        "requester": str(MEMBER.node_id),
        "user": "dr.b",
        "study_uid": "1.2.3",
        "level": "full",
        "expires": ticket.expires,
        "mac": ticket.mac.hex(),
        "now": NOW,
        "outcome": "success",
    }
    changes: dict[str, Vector] = {
        "another requester": {"requester": str(STRANGER.node_id)},
        "another user": {"user": "dr.c"},
        "no user": {"user": ""},
        "another study": {"study_uid": "1.2.4"},
        "another level": {"level": "none"},
        "prolonged": {"expires": ticket.expires + 1},
        "forged": {"mac": bytes(16).hex()},
        "of another holder": {"key": counted(12).hex()},
    }
    refused = [{**good, "comment": why, **change, "outcome": TicketRefusal.NOT_OURS} for why, change in changes.items()]
    return [good, *refused, {**good, "comment": "late", "now": ticket.expires, "outcome": TicketRefusal.EXPIRED}]


def chunks() -> list[Vector]:
    """The chunks of one data set after another of one series, and what they decode to; section 5."""
    head = bytes(range(128))
    noise = b"".join(counted(number, 64) for number in range(30, 38))
    pixels = b"".join((1_000 + n // 2 + noise[n] % 64).to_bytes(2, "little") for n in range(512))
    flipped = b"".join(pixels[place : place + 2][::-1] for place in range(0, 1_024, 2))
    colours = b"".join(bytes((n // 3 + 5 + noise[n] % 16, n // 3 + noise[n] % 16, n // 4)) for n in range(192))
    sets = {
        "head, 16-bit pixels, tail": (
            head + pixels + b"tail",
            PixelLayout(128, 1_024, rows=16, columns=32, bits_allocated=16),
        ),
        "big-endian pixels": (
            head + flipped,
            PixelLayout(128, 1_024, rows=16, columns=32, bits_allocated=16, is_big_endian=True),
        ),
        "32-bit pixels": (head + pixels, PixelLayout(128, 1_024, rows=8, columns=32, bits_allocated=32)),
        "RGB": (head + colours, PixelLayout(128, 576, rows=12, columns=16, samples=3, bits_allocated=8)),
        "RGB in planes": (
            head + b"".join(colours[place::3] for place in range(3)),
            PixelLayout(128, 576, rows=12, columns=16, samples=3, bits_allocated=8, is_planar=True),
        ),
        "noise": (counted(14, 64) + counted(15, 64), None),
        "one byte": (b"\0", None),
    }

    def vector(comment: str, coded: list[Chunk], data: bytes, outcome: str = "success") -> Vector:
        plain = [{"coding": int(c.coding), "size": c.size, "data": c.data.hex()} for c in coded]
        return {"comment": comment, "chunks": plain, "data": data.hex(), "outcome": outcome}

    def coded(data: bytes, layout: PixelLayout | None, encoder: Encoder, effort: Effort = Effort.DENSE) -> list[Chunk]:
        return list(encoder.chunks("1", MemoryBlob(data), layout, packed=False, effort=effort))

    vectors = [
        vector(f"{why}, {effort.name.lower()}", coded(data, layout, Encoder(), effort), data)
        for why, (data, layout) in sets.items()
        for effort in (Effort.LIGHT, Effort.DENSE)
    ]
    encoder = Encoder()
    again = head[:-1] + b"x"
    two = [*coded(head, None, encoder), *coded(again, None, encoder)]
    light = coded(*sets["head, 16-bit pixels, tail"], Encoder(), Effort.LIGHT)[1]
    dense = coded(*sets["head, 16-bit pixels, tail"], Encoder())[1]
    rgb = coded(*sets["RGB"], Encoder())[1]
    scan = b"\xff\xda\x00\x08\x01\x01\x00"
    refused = {
        "unknown coding": replace(light, coding=99),
        "a dictionary that has not come": replace(light, coding=int(Coding.ZSTD_SERIES)),
        "raw, of another size": Chunk(coding=0, size=3, data=b"four"),
        "differences to something unknown": replace(light, data=b"\x04" + bytes(light.data[1:])),
        "a lossy scan": replace(dense, data=bytes(dense.data).replace(scan + b"\0", scan + b"\1")),
        "a scan that is cut short": replace(dense, data=bytes(dense.data[:-9]) + bytes(dense.data[-2:])),
        "an image larger than its chunk": replace(
            dense, data=bytes(dense.data).replace(b"\0\x10\0\x20", b"\xff\xff\xff\xff")
        ),
    }
    for name, good in (("differences", light), ("JPEG-LS", dense), ("colours", rgb)):
        refused |= {
            f"{name}, larger than announced": replace(good, size=good.size // 2),
            f"{name}, smaller than announced": replace(good, size=good.size * 2),
            f"{name}, cut short": replace(good, data=good.data[:-1]),
            f"{name}, something behind": replace(good, data=bytes(good.data) + b"\0"),
        }
    head_chunk = Chunk(coding=0, size=4, data=b"head")
    return [
        *vectors,
        vector("the second head of a series", two, head + again),
        vector("a first chunk of pixels", [dense], b"", "refused"),
        *(vector(why, [head_chunk, chunk], b"", "refused") for why, chunk in refused.items()),
    ]


SUITES: dict[str, Callable[[], list[Vector]]] = {
    "manifests": manifests,
    "invitations": invitations,
    "passes": passes,
    "claims": claims,
    "tokens": tokens,
    "tickets": tickets,
    "chunks": chunks,
}


def main() -> None:
    """Write the files."""
    for name, make in SUITES.items():
        text = json.dumps({"vectors": make()}, indent=1, ensure_ascii=False)
        (VECTORS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
