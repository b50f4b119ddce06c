from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from idas_p2p.access.subjects import Requester
from idas_p2p.exchange.batches import HITS_IN_MESSAGE, MAX_IN_MESSAGE, NO_PARTS, hit_batches, part_batches
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import Hit, encode_message
from idas_p2p.wire.parts import MAX_ATTRIBUTES, MAX_TEXT, Depth, Part, PartQuery, StudyPart
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

T = TypeVar("T")
ONE, OTHER = Study(study_uid="1.1"), Study(study_uid="1.2")


async def each(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item


def parts(study: Study, count: int) -> list[StudyPart]:
    return [StudyPart(study, Part.of({"SOPInstanceUID": f"{study.study_uid}.{number}"})) for number in range(count)]


async def test_the_first_part_goes_at_once_and_each_message_is_of_one_study() -> None:
    told = [*parts(ONE, 3), *parts(OTHER, 2)]
    messages = [message async for message in part_batches(7, each(told))]
    assert len(messages[0].parts) == 1
    assert [StudyPart(message.study, part) for message in messages for part in message.parts] == told
    assert all(len(message.parts) <= MAX_IN_MESSAGE and message.number == 7 for message in messages)


async def test_the_largest_parts_fit_into_a_message() -> None:
    largest = Part.of({f"{'k' * 120}{number}": "\N{GRINNING FACE}" * MAX_TEXT for number in range(MAX_ATTRIBUTES)})
    study = Study(study_uid="1.1", **{name: "\N{GRINNING FACE}" * 1_024 for name in ("patient_name", "description")})
    told = [StudyPart(study, largest)] * 20
    messages = [message async for message in part_batches(1, each(told))]
    assert sum(len(message.parts) for message in messages) == 20
    assert max(len(encode_message(message)) for message in messages) <= MAX_MESSAGE_SIZE


async def test_hits_go_in_messages_of_a_bounded_number() -> None:
    ticket = Ticket(level="full", expires=1, mac=bytes(16))
    hits = [Hit(study=Study(study_uid=f"1.{number}"), ticket=ticket) for number in range(40)]
    messages = [message async for message in hit_batches(1, each(hits))]
    assert len(messages[0].hits) == 1
    assert [hit for message in messages for hit in message.hits] == hits
    assert max(len(message.hits) for message in messages) <= HITS_IN_MESSAGE


async def test_a_node_that_knows_of_no_parts_tells_none() -> None:
    requester = Requester(node_id=NodeId(b"r" * 32), institution="R", user="")
    query = PartQuery(depth=Depth.SERIES, studies=StudyQuery())
    assert [part async for part in NO_PARTS.find_parts(requester, query, limit=5)] == []
