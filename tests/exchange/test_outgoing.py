"""The holder's end of an image link: each message allowed, in order, and in the signed manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.blob import FileBlob
from idas_p2p.errors import AccessDenied, ArchiveFailed, MalformedInstance
from idas_p2p.exchange.outgoing import MAX_UID_SIZE, Outgoing, is_uid
from idas_p2p.limits import CHUNK_SIZE
from idas_p2p.wire.fetching import Chunk, FetchEnd, FetchStart, InstanceHead, InstanceLost
from idas_p2p.wire.instance import Instance
from tests.exchange.ends import HOLDER, Scripted, digest_of, image_pair, instance, no_layout, signed

DATA = bytes(range(256)) * 8_192


class Ends:
    """A holder's end, and what its requester hears."""

    def __init__(self, **options: Any) -> None:
        asking, holder = image_pair()
        self.asker = Scripted(asking)
        self.outgoing = Outgoing(
            holder,
            HOLDER,
            study_uid="1.2",
            still_allowed=options.pop("still_allowed", lambda: True),
            layout_of=no_layout,
            **options,
        )

    async def send(self, one: Instance, *, start: int = 0) -> None:
        if (measured := await self.outgoing.measure(one)) is not None:
            await self.outgoing.send_instance(one, measured, start=start)

    async def heard(self) -> list[Any]:
        """Everything up to the end, which is sent now."""
        await self.outgoing.outbox.settle()
        await self.outgoing.end("")
        messages = [await self.asker.hear()]
        while not isinstance(messages[-1], FetchEnd):
            messages.append(await self.asker.hear())
        return messages


@pytest.mark.parametrize("start", [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 7, len(DATA) - 1])
async def test_an_instance_goes_on_from_any_start_with_digests_over_all_of_it(start: int) -> None:
    ends = Ends()
    async with ends.outgoing.outbox:
        await ends.send(instance(1, DATA), start=start)
        head, *chunks, end = await ends.heard()
    assert isinstance(head, InstanceHead)
    assert (head.start, head.size, head.digest) == (start, len(DATA), digest_of(DATA))
    offset = start
    for chunk in chunks:
        assert isinstance(chunk, Chunk)
        offset += chunk.size
        assert chunk.digest == digest_of(DATA[:offset])[:16]
    assert offset == len(DATA)
    assert end == signed([head, *chunks])


async def test_nothing_is_sent_when_it_is_no_longer_allowed() -> None:
    ends = Ends(still_allowed=lambda: False)
    async with ends.outgoing.outbox as outbox:
        await ends.outgoing.send(FetchStart(total=1))
        await outbox.settle()
        assert isinstance(outbox.error, AccessDenied)
    await ends.outgoing.end(AccessDenied.code)
    assert await ends.asker.hear() == FetchEnd(code=AccessDenied.code)


@pytest.mark.parametrize("field", ["series_uid", "sop_class_uid", "transfer_syntax_uid"])
async def test_an_instance_that_no_message_can_carry_is_lost(field: str) -> None:
    ends = Ends()
    async with ends.outgoing.outbox:
        await ends.send(replace(instance(1), **{field: "1" * (MAX_UID_SIZE + 1)}))
        lost, _ = await ends.heard()
    assert lost == InstanceLost(sop_instance_uid="1.2.1.1", code=MalformedInstance.code)


async def test_an_instance_that_cannot_be_read_is_lost(tmp_path: Path) -> None:
    ends = Ends()
    async with ends.outgoing.outbox:
        await ends.send(instance(1, FileBlob(tmp_path / "gone", 0, 10)))
        lost, _ = await ends.heard()
    assert lost == InstanceLost(sop_instance_uid="1.2.1.1", code=ArchiveFailed.code)


def test_a_uid_has_1_to_64_characters() -> None:
    assert [is_uid("1" * size) for size in (0, 1, 64, 65)] == [False, True, True, False]
