from __future__ import annotations

import pytest

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.records import sign_record
from idas_p2p.directory.service import Directory
from idas_p2p.errors import BadCode, DirectoryUnreachable
from idas_p2p.node.invitations import Invitations
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from tests.directory.network import ManualClock
from tests.node.nodes import ANYWHERE

OURS = Address("192.0.2.1", 7400)


@pytest.fixture
def clock() -> ManualClock:
    """Starts at the machine's time, which the directory goes by."""
    return ManualClock(unix=SystemClock().now())


async def other_directory(tasks: TaskOwner) -> tuple[Directory, Contact]:
    identity = SigningKey.generate()
    made = Directory(identity, clock=SystemClock(), storage_path=None, tasks=tasks)
    return made, Contact(await made.start(ANYWHERE), identity.node_id)


def invitations(directory: Directory, contact: Contact, clock: ManualClock) -> Invitations:
    return Invitations(contact.node_id, directory, contact=lambda: contact, own_addresses=lambda: (OURS,), clock=clock)


async def test_who_holds_the_code_finds_the_inviting_node(
    directory: Directory, tasks: TaskOwner, clock: ManualClock
) -> None:
    other, contact = await other_directory(tasks)
    inviting, secret = invitations(other, contact, clock), random_bytes(16)
    await inviting.publish(secret, federation_name="Lake Region", expires=int(clock.now()) + 60)
    found = await invitations(directory, contact, clock).find(inviting.make(secret))
    assert (found.inviter, found.addresses, found.federation_name) == (contact.node_id, (OURS,), "Lake Region")
    await other.stop()


async def test_an_expired_or_unknown_invitation_is_not_found_and_noise_at_its_place_is_passed_over(
    directory: Directory, tasks: TaskOwner, clock: ManualClock
) -> None:
    other, contact = await other_directory(tasks)
    inviting, secret = invitations(other, contact, clock), random_bytes(16)
    joining = invitations(directory, contact, clock)
    with pytest.raises(BadCode):
        await joining.find(inviting.make(random_bytes(16)))
    place = inviting.make(secret).location
    await other.put([sign_record(place, SigningKey.generate(), b"noise", now=clock.now())])
    await inviting.publish(secret, federation_name="F", expires=int(clock.now()) + 60)
    assert (await joining.find(inviting.make(secret))).inviter == contact.node_id
    clock.advance(61)
    with pytest.raises(BadCode):
        await joining.find(inviting.make(secret))
    await other.stop()


async def test_a_contact_that_does_not_answer_is_named(
    directory: Directory, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idas_p2p.node.invitations.JOIN_DIRECTORY_TIMEOUT", 0.05)
    nobody = Contact(Address("127.0.0.1", 9), SigningKey.generate().node_id)
    joining = invitations(directory, nobody, clock)
    with pytest.raises(DirectoryUnreachable, match=r"127\.0\.0\.1:9"):
        await joining.find(joining.make(random_bytes(16)))
