"""How whoever holds a code finds the holder and is refused: by name, and written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.access.invitation import PassCode
from idas_p2p.access.lockout import FREE_AT_ADDRESS
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import BadCode, DirectoryUnreachable, HandshakeFailed, IdasError, PassRevoked, PeerUnreachable
from idas_p2p.node.doors import UNKNOWN_PASS
from idas_p2p.node.guest import Seen
from idas_p2p.node.node import Node
from idas_p2p.node.visit import fetch, look
from idas_p2p.store.audit_log import segments
from idas_p2p.transport.dialer import dial
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, Event
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.schema import decode
from tests.node.nodes import fill, until
from tests.node.outsiders import nobody_looks, share

CLOCK = SystemClock()


def alerts(node: Node) -> list[Event]:
    bodies = [frame.body for one in segments(node.config.folder / "audit") for frame in one.frames()]
    return [decode(AuditRecord, body, max_size=MAX_RECORD_BYTES).event for body in bodies]


async def test_what_is_under_way_is_cut_when_the_pass_is_revoked_and_goes_on_for_nobody(
    holder: Node, tmp_path: Path
) -> None:
    await fill(holder, instances=60, size=2_000_000)  # more than is under way at once
    code, desk = await share(holder), holder.outsiders.desk

    def revoke(report: DeliveryReport, seen: Seen) -> None:
        if report.completed and desk.rows()[0]["state"] == "open":
            desk.revoke(desk.rows()[0]["label"])

    with pytest.raises(IdasError):
        await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=revoke)
    assert 0 < len(list((tmp_path / "out").glob("*.dcm"))) < 60
    with pytest.raises(PassRevoked):
        await fetch(code, tmp_path / "out", clock=CLOCK, on_progress=nobody_looks)
    with pytest.raises(PassRevoked):
        await look(code, clock=CLOCK)


async def test_a_code_that_nobody_gave_out_is_refused_counted_and_written_down(holder: Node) -> None:
    code = await share(holder)
    guessed = PassCode.of(holder.identity.node_id, b"g" * 16, code.contact)
    with pytest.raises(BadCode):  # there is no such place in the directory
        await look(guessed, clock=CLOCK)
    key = Psk(psk_id=psk_id(guessed.psk), key=guessed.psk)
    for _ in range(FREE_AT_ADDRESS + 2):
        with pytest.raises((HandshakeFailed, PeerUnreachable)):
            await dial(
                SigningKey.generate(), holder.identity.node_id, (holder.network_address,),
                purpose=Purpose.PASS, psk=key, timeout=10.0,
            )  # fmt: skip
    await until(lambda: holder.outsiders.doors.guesses.count == FREE_AT_ADDRESS)  # and then it was not looked at
    (noted,) = [one for one in alerts(holder) if one.reason == UNKNOWN_PASS]
    assert noted.address == "127.0.0.1"
    with pytest.raises(HandshakeFailed):  # nor is the right code, from an address that guesses
        await look(code, clock=CLOCK)


async def test_a_holder_that_is_away_is_said_to_be(holder: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    code = await share(holder)
    monkeypatch.setattr("idas_p2p.node.invitations.JOIN_DIRECTORY_TIMEOUT", 0.5)
    await holder.stop()
    with pytest.raises(DirectoryUnreachable):
        await look(code, clock=CLOCK)
