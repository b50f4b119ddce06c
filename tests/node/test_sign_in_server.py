"""Signing in from the workstation: a real node, and a machine that knows its address and key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from idas_p2p.access.lockout import FREE_AT_ADDRESS
from idas_p2p.access.passwords import hash_password
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import HandshakeFailed, PeerUnreachable, SignInNeeded, SignInRefused, UnknownCaller
from idas_p2p.node.callers import Identity
from idas_p2p.node.node import Node
from idas_p2p.node.sign_in_server import SignInServer, sign_in
from idas_p2p.store.audit_log import segments
from idas_p2p.store.settings import User, Workstation
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, By, Event, Kind, Outcome
from idas_p2p.wire.outside import SignInWanted
from idas_p2p.wire.schema import decode
from tests.node.nodes import make_config, running

HASH = hash_password("correct horse")
VIEWER = Caller(aet="VIEWER", called_aet="ANNA", address="127.0.0.1", local_address="127.0.0.1")


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Node]:
    """A node with one account, one workstation on this machine, and one elsewhere."""
    async with running(make_config(tmp_path, "anna")) as node:
        node.settings.add_workstation(Workstation(aet="VIEWER", address=Address("127.0.0.1", 104)))
        node.settings.add_workstation(Workstation(aet="OTHER", address=Address("192.0.2.7", 104)))
        node.settings.add_user(User(name="dr-lee", password_hash=HASH))
        yield node


def contact(node: Node) -> Contact:
    return Contact(node.network_address, node.identity.node_id)


def sign_ins(node: Node) -> list[Event]:
    bodies = [frame.body for one in segments(node.config.folder / "audit") for frame in one.frames()]
    events = [decode(AuditRecord, body, max_size=MAX_RECORD_BYTES).event for body in bodies]
    return [one for one in events if one.kind == Kind.SIGN_IN]


async def test_whoever_waited_is_served_after_signing_in_at_the_workstation_until_signing_out(hospital: Node) -> None:
    callers = hospital.lan.callers
    with pytest.raises(SignInNeeded):
        callers.user(VIEWER)
    assert [one.aet for one in callers.waiting()] == ["VIEWER"]
    until = await sign_in(contact(hospital), "VIEWER", "dr-lee", "correct horse", seconds=60)
    assert abs(until - hospital.clock.now() - 60) < 30
    assert callers.identity(VIEWER) == Identity("dr-lee", By.SESSION)
    assert callers.waiting() == []
    with pytest.raises(SignInRefused):
        await sign_in(contact(hospital), "VIEWER", "dr-lee", "wrong horse", seconds=0)
    assert await sign_in(contact(hospital), "VIEWER", "dr-lee", "correct horse", seconds=0) == 0.0
    with pytest.raises(SignInNeeded):
        callers.user(VIEWER)
    first = sign_ins(hospital)[0]
    assert (first.user, first.aet, first.outcome) == ("dr-lee", "VIEWER", Outcome.SUCCESS)


async def test_wrong_passwords_are_refused_alike_counted_and_shut_out(hospital: Node) -> None:
    for _ in range(FREE_AT_ADDRESS):
        with pytest.raises(SignInRefused):
            await sign_in(contact(hospital), "VIEWER", "dr-lee", "wrong horse", seconds=60)
    with pytest.raises(SignInRefused):
        await sign_in(contact(hospital), "VIEWER", "dr-lee", "correct horse", seconds=60)
    assert [one.outcome for one in sign_ins(hospital)] == [Outcome.MINOR_FAILURE] * (FREE_AT_ADDRESS + 1)


async def test_nobody_signs_in_at_a_workstation_that_is_elsewhere_whatever_the_password(hospital: Node) -> None:
    with pytest.raises(SignInRefused):
        await sign_in(contact(hospital), "NOBODY", "dr-lee", "correct horse", seconds=60)
    noted = list[Event]()
    server = SignInServer(hospital.lan.desk, note=noted.append, clock=hospital.clock)
    wanted = SignInWanted(aet="OTHER", user="dr-lee", password="correct horse", seconds=60)
    for _ in range(3):
        with pytest.raises(SignInRefused):
            await server._until(wanted, "192.0.2.9")
    assert [(one.aet, one.address, one.reason) for one in noted] == [("OTHER", "192.0.2.9", UnknownCaller.code)]
    assert sign_ins(hospital) == []  # the password was not looked at
    assert await server._until(wanted, "192.0.2.7") > hospital.clock.now()


async def test_a_password_goes_to_nobody_but_the_node_that_was_named(hospital: Node) -> None:
    other = Contact(hospital.network_address, SigningKey.generate().node_id)
    with pytest.raises((HandshakeFailed, PeerUnreachable)):
        await sign_in(other, "VIEWER", "dr-lee", "correct horse", seconds=60)
    assert sign_ins(hospital) == []
