"""Which channel is opened by which key, and who may try codes."""

from __future__ import annotations

from idas_p2p.access.admission import psk_id
from idas_p2p.access.audit.events import NODE_AUTHENTICATION
from idas_p2p.access.lockout import FREE_AT_ADDRESS
from idas_p2p.access.passes import pass_psk
from idas_p2p.crypto.handshake import Refusal
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.node.doors import PROVED_NOTHING, Doors, sign_in_psk
from idas_p2p.node.node import Node
from idas_p2p.wire.audit import Event, Kind
from idas_p2p.wire.handshake import Purpose
from tests.node.nodes import STUDY, fill

STRANGER = SigningKey.generate().node_id


async def test_a_key_opens_the_kind_of_channel_it_is_for_and_no_other(lone: Node) -> None:
    await fill(lone)
    await lone.outsiders.desk.share(STUDY, "full", lifetime=60, uses=1)
    doors, one = lone.outsiders.doors, lone.outsiders.passes.all()[0]
    keys = {Purpose.PASS: pass_psk(one.code_secret), Purpose.SIGN_IN: sign_in_psk(lone.identity.node_id)}
    for purpose in Purpose:
        for mine, key in keys.items():
            assert doors.find_psk(purpose, psk_id(key)) == (key if purpose is mine else None)
    for purpose in keys:
        assert doors.admits(STRANGER, purpose, psk_id(keys[purpose]))
    for purpose in (Purpose.CONTROL, Purpose.IMAGE):
        assert not doors.admits(STRANGER, purpose, psk_id(keys[Purpose.PASS]))


async def test_only_those_who_try_codes_are_counted_and_shut_out(lone: Node) -> None:
    doors = lone.outsiders.doors
    for _ in range(FREE_AT_ADDRESS):
        for purpose in (Purpose.PASS, Purpose.CONTROL, Purpose.JOIN):
            doors.tried("192.0.2.1", purpose, is_right=False)
    assert not doors.may_try("192.0.2.1", Purpose.PASS)
    assert doors.may_try("192.0.2.1", Purpose.CONTROL)
    assert doors.may_try("192.0.2.2", Purpose.PASS)
    assert doors.guesses.count == FREE_AT_ADDRESS
    doors.tried("192.0.2.1", Purpose.PASS, is_right=True)
    assert doors.may_try("192.0.2.1", Purpose.PASS)


def test_the_key_for_signing_in_is_of_one_node() -> None:
    assert sign_in_psk(STRANGER) != sign_in_psk(SigningKey.generate().node_id)


async def test_whoever_comes_as_a_node_and_proves_nothing_is_on_record_and_scanners_are_not(lone: Node) -> None:
    noted: list[Event] = []
    doors = Doors(STRANGER, lone.memberships, lone.outsiders.passes, note=noted.append, clock=lone.clock)
    for refusal in Refusal:
        doors.refused("192.0.2.7", refusal, Purpose.CONTROL)
        doors.refused("192.0.2.8", refusal, Purpose.PASS)
    assert {(one.address, one.reason) for one in noted} == {("192.0.2.7", str(one)) for one in PROVED_NOTHING}
    assert all(one.kind == Kind.ALERT and one.code == NODE_AUTHENTICATION for one in noted)
