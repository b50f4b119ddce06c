"""The holder's side: sends what was asked for once, says what it cannot send, stops when it must."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.blob import BlobChanged, FileBlob
from idas_p2p.clock import SystemClock
from idas_p2p.errors import (
    AccessDenied,
    ArchiveFailed,
    ArchiveUnreachable,
    ChannelClosed,
    InstanceChanged,
    LocalError,
    MalformedInstance,
)
from idas_p2p.exchange.send import refuse, send_study
from idas_p2p.exchange.turns import Uplink
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.transport.memory import MemoryChannel
from idas_p2p.wire.fetching import (
    MAX_ANNOUNCED,
    Chunk,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceLost,
    Priority,
)
from idas_p2p.wire.instance import InstanceFailed, RetrieveEvent, Total
from idas_p2p.wire.messages import decode_message
from tests.exchange.ends import (
    ASKER,
    HOLDER,
    Studies,
    digest_of,
    fetch_request,
    image_pair,
    instance,
    no_layout,
    signed,
    turns,
)


async def send(holder: MemoryChannel, request: FetchRequest, source: Studies, **options: Any) -> None:
    await send_study(
        holder,
        request,
        identity=HOLDER,
        requester=ASKER,
        source=source,
        still_allowed=options.pop("still_allowed", lambda: True),
        layout_of=no_layout,
        **options,
    )


async def sent(
    events: Sequence[RetrieveEvent | Exception], request: FetchRequest | None = None, **options: Any
) -> list[Any]:
    """Every message the requester gets."""
    asking, holder = image_pair()
    source = Studies(events)
    messages = list[Any]()
    sending = asyncio.gather(send(holder, request or fetch_request(), source, **options))
    async with asyncio.timeout(60):
        while not messages or not isinstance(messages[-1], FetchEnd):
            messages.append(decode_message(await asking.receive()))
        await sending
    assert source.closed
    return messages


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


async def test_a_study_is_announced_sent_and_ended() -> None:
    messages = await sent([Total(2), instance(1), instance(2)])
    assert kinds(messages) == ["FetchStart", *["InstanceHead", "Chunk"] * 2, "FetchEnd"]
    assert messages[0].total == 2
    assert messages[-1].code == ""


async def test_the_end_is_signed_and_the_chunks_have_their_digests() -> None:
    data = bytes(CHUNK_SIZE + 5)
    messages = await sent([Total(2), instance(1, data), instance(2)])
    assert messages[-1] == signed(messages[:-1])
    ends = [CHUNK_SIZE, CHUNK_SIZE + 5]
    assert [m.digest for m in messages if isinstance(m, Chunk)][:2] == [digest_of(data[:end])[:16] for end in ends]


async def test_an_urgent_study_leaves_before_a_routine_one_that_began_earlier() -> None:
    uplink, order = Uplink(clock=SystemClock()), list[str]()
    study = [Total(60), *(instance(number, bytes(1_000)) for number in range(60))]

    async def one(name: str, priority: Priority) -> None:
        asking, holder = image_pair()
        with uplink.transfer(priority) as turn:
            sending = asyncio.gather(send(holder, fetch_request(), Studies(study), turn=turn))
            while not isinstance(decode_message(await asking.receive()), FetchEnd):
                order.append(name)
            await sending

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(one("routine", Priority.LOW))
        group.create_task(one("urgent", Priority.HIGH))
    while_urgent = order[: len(order) - order[::-1].index("urgent")]
    assert order.count("routine") == order.count("urgent")
    assert while_urgent.count("routine") < order.count("routine") / 2


async def test_a_transfer_that_fails_is_signed_too() -> None:
    messages = await sent([Total(2), instance(1), ArchiveFailed()])
    assert messages[-1] == signed(messages[:-1], code=ArchiveFailed.code)


async def test_a_refusal_before_anything_was_said_is_not_signed() -> None:
    assert await sent([ArchiveFailed()]) == [FetchEnd(code=ArchiveFailed.code)]


async def test_an_instance_the_archive_cannot_give_is_named_with_the_reason() -> None:
    failed = InstanceFailed(sop_instance_uid="1.2.1.9", reason=ArchiveFailed())
    messages = await sent([Total(2), failed, instance(2)])
    assert messages[1] == InstanceLost(sop_instance_uid="1.2.1.9", code=ArchiveFailed.code)
    assert messages[-1].code == ""


async def test_an_instance_given_twice_is_sent_once_and_the_total_corrected() -> None:
    messages = await sent([Total(3), instance(1), instance(1), instance(2)])
    assert kinds(messages).count("InstanceHead") == 2
    assert [m.total for m in messages if isinstance(m, FetchStart)] == [3, 2]
    assert messages[-1].code == ""


async def test_more_than_the_archive_promised_is_announced_before_it_is_sent() -> None:
    messages = await sent([Total(1), instance(1), instance(2)])
    assert [m.total for m in messages if isinstance(m, FetchStart)] == [1, 2]
    assert kinds(messages)[3] == "FetchStart"


async def test_a_study_without_total_or_instances_still_says_so() -> None:
    assert kinds(await sent([])) == ["FetchStart", "FetchEnd"]
    assert kinds(await sent([instance(1)])) == ["FetchStart", "InstanceHead", "Chunk", "FetchEnd"]


async def test_an_archive_that_gives_fewer_than_it_promised_has_failed() -> None:
    assert (await sent([Total(3), instance(1)]))[-1].code == ArchiveFailed.code


async def test_an_instance_of_another_study_or_not_asked_for_is_never_sent() -> None:
    foreign, unasked = instance(1, study="9.9"), instance(2)
    messages = await sent([Total(2), foreign, unasked], fetch_request(sop_instance_uids=("1.2.1.7",)))
    assert "InstanceHead" not in kinds(messages)


@pytest.mark.parametrize("field", ["series_uid", "sop_class_uid", "transfer_syntax_uid"])
@pytest.mark.parametrize("uid", ["", "1" * 65])
async def test_an_instance_with_a_uid_no_message_can_carry_costs_only_itself(field: str, uid: str) -> None:
    broken = replace(instance(1), **{field: uid})
    messages = await sent([Total(2), broken, instance(2)])
    assert messages[1] == InstanceLost(sop_instance_uid=broken.sop_instance_uid, code=MalformedInstance.code)
    assert (kinds(messages)[2], messages[-1].code) == ("InstanceHead", "")


async def test_an_instance_that_cannot_be_named_is_said_at_the_end() -> None:
    messages = await sent([Total(2), replace(instance(1), sop_instance_uid=""), instance(2)])
    assert kinds(messages) == ["FetchStart", "InstanceHead", "Chunk", "FetchEnd"]
    assert messages[-1].code == MalformedInstance.code


async def test_a_file_that_is_gone_or_became_shorter_costs_only_itself(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(bytes(CHUNK_SIZE + 5))
    gone = instance(1, FileBlob(tmp_path / "gone", 0, 10))
    cut = instance(2, FileBlob(short, 0, CHUNK_SIZE + 99))
    messages = await sent([Total(3), gone, cut, instance(3)])
    losses = [m.sop_instance_uid for m in messages if isinstance(m, InstanceLost)]
    assert losses == ["1.2.1.1", "1.2.1.2"]
    assert kinds(messages)[-3:] == ["InstanceHead", "Chunk", "FetchEnd"]
    assert messages[-1].code == ""


@dataclass
class Replaced:
    """A file that another takes the place of after so many reads."""

    data: bytes
    reads_left: int

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise BlobChanged
        return self.data[offset:] if length is None else self.data[offset : offset + length]


@pytest.mark.parametrize("reads", range(6))
async def test_an_instance_that_is_replaced_while_it_is_sent_is_taken_back_by_name(reads: int) -> None:
    replaced = instance(1, Replaced(bytes(3 * CHUNK_SIZE), reads))
    messages = await sent([Total(2), replaced, instance(2)])
    losses = [m for m in messages if isinstance(m, InstanceLost)]
    assert losses == [InstanceLost(sop_instance_uid="1.2.1.1", code=InstanceChanged.code)]
    assert kinds(messages)[-3:] == ["InstanceHead", "Chunk", "FetchEnd"]
    assert messages[-1].code == ""


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ArchiveUnreachable(), ArchiveUnreachable.code),
        (ArchiveFailed(), ArchiveFailed.code),
        (RuntimeError("a bug"), LocalError.code),
        (OSError("a disk"), LocalError.code),
    ],
)
async def test_a_source_that_fails_ends_the_transfer_with_its_code(failure: Exception, code: str) -> None:
    messages = await sent([Total(2), instance(1), failure])
    assert kinds(messages)[-3:] == ["InstanceHead", "Chunk", "FetchEnd"]
    assert messages[-1].code == code


async def test_more_instances_than_one_transfer_can_bring_are_refused() -> None:
    assert (await sent([Total(MAX_ANNOUNCED + 1)]))[-1].code == ArchiveFailed.code


def allowed_times(count: int) -> Callable[[], bool]:
    left = iter([True] * count)
    return lambda: next(left, False)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
async def test_a_grant_that_ends_stops_the_transfer_at_the_next_message(count: int) -> None:
    events = [Total(1), instance(1, bytes(range(256)) * 3 * 4_096)]
    messages = await sent(events, still_allowed=allowed_times(count))
    assert len(messages) == count + 1
    assert messages[-1].code == AccessDenied.code


async def test_a_large_instance_travels_in_chunks() -> None:
    messages = await sent([Total(1), instance(1, bytes(3 * CHUNK_SIZE + 1))])
    assert [m.size for m in messages if isinstance(m, Chunk)] == [CHUNK_SIZE] * 3 + [1]
    assert isinstance(messages[1], InstanceHead)
    assert messages[1].size == 3 * CHUNK_SIZE + 1


async def test_the_archive_waits_while_the_requester_takes_nothing() -> None:
    asking, holder = image_pair()
    given = list[int]()

    class Counted(Studies):
        async def open_study(self, *names: Any) -> Any:
            for number in range(100):
                given.append(number)
                yield instance(number, bytes(number % 256 for number in range(100_000)))

    with_noise = Counted([])
    sending = asyncio.gather(send(holder, fetch_request(), with_noise), return_exceptions=True)
    await turns(2_000)
    waiting = len(given)
    await turns(2_000)
    assert len(given) == waiting
    await asking.close()
    (error,) = await sending
    assert isinstance(error, ChannelClosed) or waiting == 100


async def test_a_requester_that_takes_nothing_for_too_long_is_given_up() -> None:
    asking, holder = image_pair()
    source = Studies([Total(9), *(instance(n, random_like(CHUNK_SIZE)) for n in range(9))])
    with pytest.raises(ChannelClosed):
        await send(holder, fetch_request(), source, patience=0.0)
    assert source.closed
    await asking.close()


def random_like(size: int) -> bytes:
    import hashlib

    return b"".join(hashlib.blake2b(n.to_bytes(8, "big")).digest() for n in range(size // 64))


async def test_a_requester_that_goes_away_ends_the_sending_and_the_source() -> None:
    asking, holder = image_pair()
    source = Studies([Total(9), *(instance(n, random_like(CHUNK_SIZE)) for n in range(9))])
    sending = asyncio.gather(send(holder, fetch_request(), source), return_exceptions=True)
    await asking.receive()
    await asking.close()
    (error,) = await sending
    assert isinstance(error, ChannelClosed)
    assert source.closed


async def test_a_refusal_is_one_message_with_the_code() -> None:
    asking, holder = image_pair()
    await refuse(holder, "remote.ticket")
    assert decode_message(await asking.receive()) == FetchEnd(code="remote.ticket")
