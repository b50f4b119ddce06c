"""The asking side of a control link: many questions at once, each its own answer, whatever the other node says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from idas_p2p.errors import (
    AccessDenied,
    ArchiveUnreachable,
    Busy,
    ChannelClosed,
    PeerUnreachable,
    RemoteError,
    UnsupportedVersion,
    WireError,
)
from idas_p2p.exchange import control
from idas_p2p.exchange.control import MAX_OPEN_REQUESTS, ControlLink
from idas_p2p.exchange.inbox import MAX_WAITING
from idas_p2p.exchange.places import MAX_FINDS
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.memory import make_pair
from idas_p2p.wire.fetching import FetchStart
from idas_p2p.wire.messages import (
    CancelRequest,
    FindRequest,
    Hello,
    Hit,
    Hits,
    ManifestOffer,
    Ping,
    Pong,
    RequestEnd,
    encode_message,
)
from idas_p2p.wire.query import StudyQuery
from tests.exchange.ends import BEFORE, KNOWN, Roster, Scripted, control_link, hit, turns

QUERY = StudyQuery()


async def hits_of(link: ControlLink, *, limit: int = 100) -> list[str]:
    return [one.study.study_uid async for one in link.find(QUERY, user="dr.a", limit=limit)]


async def rest_of(hits: AsyncIterator[Hit]) -> None:
    async for _ in hits:
        pass


@asynccontextmanager
async def scripted(*, answer_timeout: float = 5.0) -> AsyncIterator[tuple[ControlLink, Scripted]]:
    """A link to a node that says what the test tells it; leaves no task behind."""
    asking, answering = make_pair()
    peer, owner = Scripted(answering), TaskOwner(limit=1_000)
    link = ControlLink(asking, tasks=owner, answer_timeout=answer_timeout)
    await peer.say(Hello(version=4, epoch=7, state=b""))
    try:
        async with asyncio.timeout(60):
            await link.open(3, b"")
            assert await peer.hear() == Hello(version=4, epoch=3, state=b"")
            yield link, peer
            await link.close()
            await turns()
            assert len(owner) == 0
    finally:
        await owner.stop()


# -- two real ends


async def test_both_sides_learn_the_others_epoch_and_the_path() -> None:
    async with control_link(roster=Roster(epoch=9)) as link:
        assert (link.remote_epoch, link.path, link.remote, link.is_open) == (9, "memory", "127.0.0.1:0", True)


async def test_a_find_brings_the_hits_of_the_other_node() -> None:
    async with control_link() as link:
        assert await hits_of(link) == ["1.2.0", "1.2.1", "1.2.2"]
        assert await hits_of(link, limit=2) == ["1.2.0", "1.2.1"]


async def test_many_questions_at_once_get_each_its_own_answer() -> None:
    async def by_limit(_query: StudyQuery, limit: int) -> AsyncIterator[Hit]:
        for number in range(limit):
            await asyncio.sleep(0)
            yield hit(100 * limit + number)

    async with control_link(answer=by_limit) as link:
        answers = await asyncio.gather(*(hits_of(link, limit=limit) for limit in range(1, 11)), link.ping())
        assert answers[:-1] == [[f"1.2.{100 * n + i}" for i in range(n)] for n in range(1, 11)]


async def test_the_manifest_is_fetched_with_the_key_of_the_epoch_before_and_studies_are_not() -> None:
    async with control_link(psk_id=BEFORE) as link:
        assert await link.manifest(()) == b"the manifest"
        with pytest.raises(AccessDenied):
            await hits_of(link)


async def test_whoever_knows_the_manifest_in_force_is_given_none() -> None:
    async with control_link() as link:
        assert await link.manifest((b"?" * 32,)) == b"the manifest"
        assert await link.manifest((KNOWN,)) is None


async def test_a_manifest_is_offered_and_a_refusal_is_told() -> None:
    roster = Roster()
    async with control_link(roster=roster) as link:
        await link.offer_manifest(b"newer")
        assert roster.taken == [b"newer"]
        roster.refuses = RemoteError("not_newer")
        with pytest.raises(RemoteError):
            await link.offer_manifest(b"older")


async def test_a_find_that_fails_there_is_that_error_here_after_its_hits() -> None:
    async def failing(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        yield hit(1)
        raise ArchiveUnreachable

    async with control_link(answer=failing) as link:
        found = link.find(QUERY, user="", limit=9)
        assert (await anext(found)).study.study_uid == "1.2.1"
        with pytest.raises(ArchiveUnreachable):
            await anext(found)


async def test_a_reader_that_leaves_stops_the_source_at_the_other_node() -> None:
    stopped = asyncio.Event()

    async def endless(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        try:
            yield hit(1)
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with control_link(answer=endless) as link:
        async with aclosing(link.find(QUERY, user="", limit=9)) as found:  # type: ignore[type-var]
            async for _ in found:
                break
        await stopped.wait()
        await link.ping()


async def test_a_lost_link_ends_every_open_question() -> None:
    async def endless(_query: StudyQuery, _limit: int) -> AsyncIterator[Hit]:
        await asyncio.Event().wait()
        yield hit(1)

    async with control_link(answer=endless) as link:
        asking = asyncio.gather(*(hits_of(link) for _ in range(200)), return_exceptions=True)
        await turns()
        await link.close()
        ends = [type(error) for error in await asking]
        assert set(ends) <= {ChannelClosed, Busy}
        assert ends.count(ChannelClosed) >= 16
        assert not link.is_open
        with pytest.raises(ChannelClosed):
            await link.ping()


# -- a hostile node


async def test_a_node_of_another_version_is_refused_as_such() -> None:
    asking, answering = make_pair()
    link = ControlLink(asking, tasks=TaskOwner(limit=1))
    await Scripted(answering).say(b"\x01\x92\x01\x00")
    with pytest.raises(UnsupportedVersion):
        await link.open(1, b"")
    await link.close()


async def test_a_node_that_does_not_say_hello_is_refused() -> None:
    asking, answering = make_pair()
    link = ControlLink(asking, tasks=TaskOwner(limit=1))
    await Scripted(answering).say(Ping(number=1))
    with pytest.raises(WireError, match="begins with Hello"):
        await link.open(1, b"")
    await link.close()


@pytest.mark.parametrize(
    "message",
    [b"", b"\xff", Ping(number=1), Hello(version=4, epoch=1, state=b""), FetchStart(total=1), CancelRequest(number=1)],
)
async def test_what_is_no_answer_ends_the_link_and_every_question(message: Any) -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(link.ping(), hits_of(link), return_exceptions=True)
        await turns()
        await peer.say(message)
        assert [type(error) for error in await asking] == [ChannelClosed, ChannelClosed]
        assert not link.is_open


@pytest.mark.parametrize("answer", [RequestEnd(number=1, code=""), ManifestOffer(number=1, manifest=b"x")])
async def test_an_answer_of_the_wrong_kind_costs_the_question_only(answer: Any) -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(link.ping(), return_exceptions=True)
        await peer.hear()
        await peer.say(answer)
        (error,) = await asking
        assert isinstance(error, WireError)
        assert link.is_open


async def test_more_hits_than_asked_for_end_the_question() -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(hits_of(link, limit=2), return_exceptions=True)
        number = (await peer.hear()).number
        await peer.say(Hits(number=number, hits=(hit(1), hit(2))), Hits(number=number, hits=(hit(3),)))
        (error,) = await asking
        assert isinstance(error, WireError)
        assert await peer.hear() == CancelRequest(number=number)


async def test_answers_to_nothing_are_thrown_away() -> None:
    async with scripted() as (link, peer):
        await peer.say(*(Hits(number=n, hits=(hit(1),)) for n in range(500)), RequestEnd(number=3, code="x"))
        asking = asyncio.gather(link.ping())
        await peer.say(Pong(number=(await peer.hear()).number))
        await asking


async def test_a_node_that_answers_pings_only_is_not_waited_for() -> None:
    async with scripted(answer_timeout=0.0) as (link, _):
        for ask in (link.manifest(()), link.offer_manifest(b"newer"), link.ping()):
            with pytest.raises(PeerUnreachable):
                await ask


async def test_a_reader_that_takes_nothing_loses_its_answer_while_others_get_theirs() -> None:
    big = Hits(number=1, hits=(hit(1, description="x" * 1_000),) * 64)
    async with scripted() as (link, peer):
        slow = link.find(QUERY, user="", limit=65_536)
        first = asyncio.gather(anext(slow))
        number = (await peer.hear()).number
        assert number == big.number
        for _ in range(MAX_WAITING // len(encode_message(big)) + 3):
            await peer.say(big)
        await first
        asking = asyncio.gather(link.ping())
        await peer.say(Pong(number=(await peer.hear()).number))
        await asking
        taken = asyncio.gather(rest_of(slow), return_exceptions=True)
        assert isinstance((await taken)[0], Busy)
        assert await peer.hear() == CancelRequest(number=number)


async def test_leaving_does_not_wait_for_a_node_that_reads_nothing() -> None:
    async with scripted() as (link, peer):
        await peer.say(Hits(number=1, hits=(hit(1),)))
        found = link.find(QUERY, user="", limit=9)
        await anext(found)
        stuffing = asyncio.gather(
            link.offer_manifest(bytes(500_000)), link.offer_manifest(bytes(500_000)), return_exceptions=True
        )
        more = asyncio.gather(link.offer_manifest(bytes(500_000)), return_exceptions=True)
        await turns()
        await found.aclose()  # type: ignore[attr-defined]
        await link.close()
        await asyncio.gather(stuffing, more)


async def test_there_is_a_bound_on_open_questions_and_room_again_below_it() -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(*(link.ping() for _ in range(MAX_OPEN_REQUESTS)))
        await turns()
        with pytest.raises(Busy):
            await link.ping()
        for _ in range(MAX_OPEN_REQUESTS):
            await peer.say(Pong(number=(await peer.hear()).number))
        await asking
        again = asyncio.gather(link.ping())
        await peer.say(Pong(number=(await peer.hear()).number))
        await again


async def test_numbers_of_questions_are_not_repeated() -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(*(hits_of(link) for _ in range(2 * MAX_FINDS)))
        numbers = set[int]()
        for _ in range(2):  # as many as the other side answers at once, and the rest when those are answered
            heard = [await peer.hear() for _ in range(MAX_FINDS)]
            assert all(isinstance(message, FindRequest) for message in heard)
            numbers |= {message.number for message in heard}
            await peer.say(*(RequestEnd(number=message.number, code="") for message in reversed(heard)))
        assert len(numbers) == 2 * MAX_FINDS
        assert await asking == [[]] * (2 * MAX_FINDS)


# -- a way that vanishes


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "QUIET", 0.01)
    monkeypatch.setattr(control, "QUIET_PING_TIMEOUT", 0.05)


async def test_a_node_that_takes_its_time_is_asked_whether_it_is_there_and_waited_for(soon: None) -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(hits_of(link))
        request = await peer.hear()
        for _ in range(3):
            ping = await peer.hear()
            assert isinstance(ping, Ping)
            await peer.say(Pong(number=ping.number))
        await peer.say(Hits(number=request.number, hits=(hit(1),)), RequestEnd(number=request.number, code=""))
        assert await asking == [[hit(1).study.study_uid]]


async def test_a_way_that_carries_nothing_any_more_ends_the_questions_on_it(soon: None) -> None:
    async with scripted() as (link, _):
        with pytest.raises(ChannelClosed):
            await hits_of(link)
        assert not link.is_open


async def test_a_link_on_which_nothing_is_asked_is_left_alone(soon: None) -> None:
    async with scripted() as (link, peer):
        asking = asyncio.gather(hits_of(link))
        request = await peer.hear()
        await peer.say(RequestEnd(number=request.number, code=""))
        await asking
        assert link._watching is not None
        await link._watching
        assert link.is_open
