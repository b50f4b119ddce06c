"""One of several connections: its next piece, and how soon it would bring one more."""

from __future__ import annotations

import pytest

from idas_p2p.errors import WireError
from idas_p2p.transport.moving import MovingChannel
from idas_p2p.transport.secure import SecureChannel
from idas_p2p.transport.strand import MORE, NUMBER_SIZE, UNNUMBERED, Strand
from tests.transport.pairs import direct_pair, until


async def test_a_further_connection_gives_numbered_pieces_once_the_other_side_has_agreed() -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        assert isinstance(accepted, MovingChannel)
        strand, other = Strand(dialling, is_main=False, has_agreed=False), accepted.braid
        assert other is not None
        other.put(b"")
        other.put((3 | MORE).to_bytes(NUMBER_SIZE) + b"piece")
        await until(lambda: strand.fill() or strand.head is not None)
        assert strand.has_agreed
        assert strand.head == (3 | MORE, b"piece")
        other.put((4).to_bytes(NUMBER_SIZE))
        strand.fill()
        assert strand.head == (3 | MORE, b"piece")  # one at a time
        strand.head = None
        await until(lambda: strand.fill() or strand.head is not None)
        assert strand.head == (4, b"")


async def test_any_other_answer_than_agreed_breaks_the_protocol() -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        strand = Strand(dialling, is_main=False, has_agreed=False)
        await accepted.send(b"no")
        with pytest.raises(WireError):
            await until(lambda: strand.fill() or strand.is_over)


async def test_the_first_connection_says_when_its_pieces_become_numbered_and_when_it_ends() -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        strand = Strand(dialling, is_main=True, has_agreed=True)
        await accepted.send(b"whole")
        await until(lambda: strand.fill() or strand.head is not None)
        assert strand.head == (UNNUMBERED, b"whole")
        strand.head = None
        assert isinstance(accepted, MovingChannel)
        await accepted.close()
        await until(lambda: strand.fill() or strand.is_over)
        assert not strand.was_cut


async def test_what_waits_on_a_connection_is_due_the_sooner_the_faster_it_is() -> None:
    async with direct_pair() as (dialling, accepted):
        assert isinstance(dialling, SecureChannel)
        strand = Strand(dialling, is_main=True, has_agreed=True)
        await dialling.send(b"x")
        await accepted.receive()
        await until(lambda: dialling.unacknowledged == 0)
        assert strand.due() == 0.0
        assert strand.rate >= 100_000.0
