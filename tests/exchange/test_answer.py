"""The answering side of a control link: who may ask what, within bounds, whatever the peer does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from typing import Any

import pytest

from idas_p2p.errors import (
    AccessDenied,
    ArchiveUnreachable,
    Busy,
    ChannelClosed,
    LocalError,
    RemoteError,
    WireError,
)
from idas_p2p.exchange.answer import (
    MAX_ANSWERS_AT_ONCE,
)
from idas_p2p.exchange.batches import HITS_IN_MESSAGE
from idas_p2p.limits import MAX_HITS, MAX_MESSAGE_SIZE
from idas_p2p.wire.fetching import FetchEnd, Ticket
from idas_p2p.wire.messages import (
    CancelRequest,
    Hit,
    Hits,
    JoinRequest,
    ManifestOffer,
    ManifestWanted,
    Ping,
    Pong,
    RequestEnd,
    encode_message,
)
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study
from tests.directory.virtual import in_virtual_time
from tests.exchange.asked import HELLO, answer_to, ask, ended_by, server
from tests.exchange.ends import BEFORE, Roster, hit, turns

# -- finds


async def test_a_member_gets_the_hits_and_an_end() -> None:
    async with server() as (peer, _, catalog):
        assert await answer_to(peer, ask()) == (["1.2.0", "1.2.1", "1.2.2"], "")
        assert [(r.institution, r.user) for r in catalog.asked] == [("One", "dr.a")]


async def test_the_limit_is_passed_on_and_never_over_that_of_the_protocol() -> None:
    limits = list[int]()

    async def noting(_query: StudyQuery, limit: int) -> AsyncIterator[Hit]:
        limits.append(limit)
        return
        yield

    async with server(answer=noting) as (peer, _, _):
        await answer_to(peer, ask(1, limit=2))
        await answer_to(peer, ask(2, limit=65_536))
    assert limits == [2, MAX_HITS]


async def test_the_first_hit_does_not_wait_for_the_second() -> None:
    more = asyncio.Event()

    async def slow(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        yield hit(1)
        await more.wait()
        yield hit(2)

    async with server(answer=slow) as (peer, _, _):
        await peer.say(ask())
        assert await peer.hear() == Hits(number=1, hits=(hit(1),))
        more.set()


async def test_many_hits_travel_in_batches() -> None:
    async def many(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        for number in range(1_000):
            yield hit(number)

    async with server(answer=many) as (peer, _, _):
        uids, code = await answer_to(peer, ask())
        assert (len(uids), code) == (1_000, "")
        assert peer.channel.messages_received < 300


def test_the_largest_hits_of_a_batch_fit_into_a_message() -> None:
    texts = {field.name: "\U0001f3e5" * 1_024 for field in fields(Study) if field.type == "Text"}
    assert len(texts) == 11
    study = replace(
        Study(study_uid="1" * 64, modalities=("\U0001f3e5" * 16,) * 64, series_count=2**31, instance_count=2**31),
        **texts,
    )
    largest = Hit(study=study, ticket=Ticket(level="x" * 32, expires=2**64 - 1, mac=bytes(16)))
    assert len(encode_message(Hits(number=2**32 - 1, hits=(largest,) * HITS_IN_MESSAGE))) <= MAX_MESSAGE_SIZE


@pytest.mark.parametrize(
    ("failure", "code"),
    [(ArchiveUnreachable(), ArchiveUnreachable.code), (TimeoutError(), Busy.code), (KeyError("bug"), LocalError.code)],
)
async def test_an_answer_that_fails_ends_with_its_code_after_its_hits_and_the_link_goes_on(
    failure: Exception, code: str
) -> None:
    async def failing(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        yield hit(1)
        raise failure

    async with server(answer=failing) as (peer, _, _):
        assert await answer_to(peer, ask(1)) == (["1.2.1"], code)
        assert await answer_to(peer, ask(2)) == (["1.2.1"], code)


class Endless:
    """A source that waits after its first hit, and says when it was closed."""

    def __init__(self) -> None:
        self.running = 0

    async def __call__(self, _query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        self.running += 1
        try:
            yield hit(1)
            await asyncio.Event().wait()
        finally:
            self.running -= 1


async def test_a_cancelled_answer_stops_at_its_source_and_leaves_the_others() -> None:
    source = Endless()
    async with server(answer=source) as (peer, _, _):
        await peer.say(ask(1), ask(2))
        assert {(await peer.hear()).number, (await peer.hear()).number} == {1, 2}
        await peer.say(CancelRequest(number=1), CancelRequest(number=99), Ping(number=5))
        assert await peer.hear() == Pong(number=5)
        await turns()
        assert source.running == 1


async def test_an_answer_cancelled_while_it_is_sent_stops_at_its_source() -> None:
    source_closed = asyncio.Event()

    async def flood(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        try:
            while True:
                yield hit(1, description="x" * 1_000)
        finally:
            source_closed.set()

    async with server(answer=flood) as (peer, _, _):
        await peer.say(ask(1))
        await turns(500)
        await peer.say(CancelRequest(number=1))
        await source_closed.wait()


async def test_a_flood_of_questions_is_answered_with_busy_beyond_the_bound() -> None:
    source = Endless()
    async with server(answer=source) as (peer, _, _):
        await peer.say(*(ask(number) for number in range(MAX_ANSWERS_AT_ONCE + 5)))
        messages = [await peer.hear() for _ in range(MAX_ANSWERS_AT_ONCE + 5)]
        assert [m.number for m in messages if isinstance(m, RequestEnd) and m.code == Busy.code] == list(range(16, 21))
        assert source.running == MAX_ANSWERS_AT_ONCE
    assert source.running == 0


async def test_a_peer_that_takes_no_answers_makes_the_sources_wait() -> None:
    given = [0]

    async def flood(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        while True:
            given[0] += 1
            yield hit(1, description="x" * 1_000)

    async with server(answer=flood) as (peer, _, _):
        await peer.say(ask(1), ask(2))
        await turns(3_000)
        before = given[0]
        await turns(3_000)
        assert given[0] == before


async def test_the_number_of_a_question_under_way_cannot_be_used_again() -> None:
    source = Endless()
    async with server(answer=source) as (peer, serving, _):
        await peer.say(ask(1), ask(1))
        assert isinstance(await ended_by(serving, peer), WireError)
    assert source.running == 0


async def test_a_peer_that_hangs_up_stops_every_source() -> None:
    source = Endless()
    async with server(answer=source) as (peer, serving, _):
        await peer.say(ask(1), ask(2))
        await peer.hear()
        await peer.channel.close()
        assert isinstance(await ended_by(serving, peer), ChannelClosed)
        assert source.running == 0


# -- membership


async def test_a_node_that_is_not_on_the_roster_can_show_a_newer_manifest_and_nothing_else() -> None:
    roster = Roster(members=set())
    async with server(roster=roster) as (peer, _, catalog):
        await peer.say(
            ManifestWanted(number=1, known=()), ask(2), Ping(number=3), ManifestOffer(number=4, manifest=b"newer")
        )
        assert await peer.hear() == RequestEnd(number=1, code=AccessDenied.code)
        assert await peer.hear() == RequestEnd(number=2, code=AccessDenied.code)
        assert await peer.hear() == Pong(number=3)
        assert await peer.hear() == RequestEnd(number=4, code="")
        assert (roster.taken, catalog.asked) == ([b"newer"], [])


async def test_the_key_of_the_epoch_before_gets_the_manifest_and_no_studies() -> None:
    async with server(psk_id=BEFORE) as (peer, _, catalog):
        await peer.say(ManifestWanted(number=1, known=()), ask(2))
        assert await peer.hear() == ManifestOffer(number=1, manifest=b"the manifest")
        assert await peer.hear() == RequestEnd(number=2, code=AccessDenied.code)
        assert catalog.asked == []


async def test_a_member_removed_while_its_link_is_open_is_shut_out_at_once() -> None:
    roster = Roster()
    async with server(roster=roster) as (peer, _, _):
        assert (await answer_to(peer, ask(1)))[1] == ""
        roster.members.clear()
        assert await answer_to(peer, ask(2)) == ([], AccessDenied.code)
        await peer.say(ManifestWanted(number=3, known=()))
        assert await peer.hear() == RequestEnd(number=3, code=AccessDenied.code)


async def test_a_member_removed_in_the_middle_of_an_answer_gets_no_more_of_it() -> None:
    roster, go_on = Roster(), asyncio.Event()

    async def two_batches(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        yield hit(1)
        await go_on.wait()
        for number in range(2, 100):
            yield hit(number)

    async with server(roster=roster, answer=two_batches) as (peer, _, _):
        await peer.say(ask())
        await peer.hear()
        roster.members.clear()
        go_on.set()
        assert await peer.hear() == RequestEnd(number=1, code=AccessDenied.code)


async def test_a_node_without_manifest_says_so() -> None:
    async with server(roster=Roster(manifest=None, epoch=0)) as (peer, _, _):
        await peer.say(ManifestWanted(number=1, known=()))
        assert await peer.hear() == RequestEnd(number=1, code="")


async def test_a_manifest_that_is_refused_is_answered_with_the_code_and_the_link_goes_on() -> None:
    async with server(roster=Roster(refuses=RemoteError("not_newer"))) as (peer, _, _):
        await peer.say(ManifestOffer(number=1, manifest=b"old"), Ping(number=2))
        assert await peer.hear() == RequestEnd(number=1, code=RemoteError.code)
        assert await peer.hear() == Pong(number=2)


# -- broken protocol


@pytest.mark.parametrize("first", [Ping(number=1), ask(), FetchEnd(code=""), b"", b"\xff", b"\x01\x92\x01\x00"])
async def test_a_link_that_does_not_begin_with_our_hello_is_closed(first: Any) -> None:
    async with server(greet=False) as (peer, serving, _):
        await peer.say(first)
        assert isinstance(await ended_by(serving, peer), WireError)


async def test_a_peer_that_never_says_hello_is_not_waited_for() -> None:
    async with server(greet=False, hello_timeout=0.0) as (peer, serving, _):
        assert isinstance(await ended_by(serving, peer), WireError)


@pytest.mark.parametrize(
    "message",
    [HELLO, Pong(number=1), RequestEnd(number=1, code=""), JoinRequest(institution="x"), FetchEnd(code=""), b"?"],
)
async def test_a_message_that_is_no_question_ends_the_link_and_its_answers(message: Any) -> None:
    source = Endless()
    async with server(answer=source) as (peer, serving, _):
        await peer.say(ask(), message)
        assert isinstance(await ended_by(serving, peer), WireError)
    assert source.running == 0


@in_virtual_time
async def test_the_time_of_an_answer_does_not_tell_what_may_not_be_seen_from_what_is_not_there() -> None:
    """Two holders that need different times to find that there is nothing to show."""
    took = []
    for work in (0.000_1, 0.000_4):

        async def nothing(_query: StudyQuery, _limit: int, work: float = work) -> AsyncIterator[Hit]:
            await asyncio.sleep(work)
            for _ in ():
                yield hit(1)

        async with server(answer=nothing) as (peer, _, _):
            begun = asyncio.get_running_loop().time()
            assert await answer_to(peer, ask()) == ([], "")
            took.append(asyncio.get_running_loop().time() - begun)
    assert took[0] == pytest.approx(took[1])
