from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.access.federation import Federation
from idas_p2p.access.invitation import Invitation
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.errors import BadCode, ChannelClosed, PeerUnreachable, WireError
from idas_p2p.node.joining import answer_join, ask_to_join
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.transport.memory import MemoryChannel, make_pair
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.messages import Ping, encode_message

NOW = 1_800_000_000.0
ADMIN, JOINER = SigningKey.generate(), SigningKey.generate()


@pytest.fixture
def federation(database: Database, tmp_path: Path) -> Federation:
    made = Federation(ADMIN, Settings(database), random_bytes=random_bytes)
    made.create("Anna Hospital", "Lake Region", now=NOW)
    return made


def channels(federation: Federation, *, uses: int = 1) -> tuple[MemoryChannel, MemoryChannel]:
    """A channel on which an open invitation was proved; the joining node's end first."""
    secret = random_bytes(16)
    invitation = Invitation.of(ADMIN.node_id, secret, Contact(Address("h", 1), ADMIN.node_id))
    federation.invite(invitation, expires=NOW + 60, uses=uses, now=NOW)
    return make_pair(one=JOINER.node_id, other=ADMIN.node_id, purpose=Purpose.JOIN, psk_id=psk_id(invitation.psk))


async def test_a_node_with_an_invitation_gets_a_manifest_that_names_it(federation: Federation) -> None:
    ours, theirs = channels(federation)
    got, given = await asyncio.gather(ask_to_join(ours, "Berg Clinic"), answer_join(theirs, federation, now=NOW))
    assert got == given == federation.manifest
    assert federation.institution(JOINER.node_id) == "Berg Clinic"


async def test_a_name_that_is_taken_is_refused_and_the_invitation_stays_open(federation: Federation) -> None:
    ours, theirs = channels(federation)
    answering = asyncio.get_running_loop().create_task(answer_join(theirs, federation, now=NOW))
    with pytest.raises(BadCode):
        await ask_to_join(ours, "Anna Hospital")
    assert await answering is None
    assert [one.uses_left for one in federation.invitations(now=NOW)] == [1]


async def test_a_member_must_not_call_itself_by_anothers_node_id(federation: Federation) -> None:
    ours, theirs = channels(federation)
    answering = asyncio.get_running_loop().create_task(answer_join(theirs, federation, now=NOW))
    with pytest.raises(BadCode):
        await ask_to_join(ours, str(ADMIN.node_id))
    assert await answering is None


async def test_an_inviting_node_that_says_nothing_is_unreachable(federation: Federation) -> None:
    ours, _ = channels(federation)
    with pytest.raises(PeerUnreachable):
        await ask_to_join(ours, "Berg Clinic", timeout=0.0)


async def test_a_joining_node_that_says_nothing_costs_one_channel(federation: Federation) -> None:
    _, theirs = channels(federation)
    with pytest.raises(ChannelClosed):
        await answer_join(theirs, federation, now=NOW, timeout=0.0)


@pytest.mark.parametrize("end", ["joining", "inviting"])
async def test_another_message_breaks_the_protocol(federation: Federation, end: str) -> None:
    ours, theirs = channels(federation)
    if end == "joining":
        await ours.send(encode_message(Ping(number=1)))
        with pytest.raises(WireError):
            await answer_join(theirs, federation, now=NOW)
    else:
        await theirs.send(encode_message(Ping(number=1)))
        with pytest.raises(WireError):
            await ask_to_join(ours, "Berg Clinic")


async def test_a_node_that_hangs_up_before_the_answer_is_a_member_all_the_same(federation: Federation) -> None:
    ours, theirs = channels(federation)
    with pytest.raises(PeerUnreachable):
        await ask_to_join(ours, "Berg Clinic", timeout=0.0)
    assert await answer_join(theirs, federation, now=NOW) == federation.manifest
    again, theirs = channels(federation)
    got, _ = await asyncio.gather(ask_to_join(again, "Berg Clinic"), answer_join(theirs, federation, now=NOW))
    assert got.epoch == 2
