"""The audit log in a running node: its life, its changes, its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.access.audit import events
from idas_p2p.access.audit.verify import verify_log
from idas_p2p.errors import AuditUnavailable
from idas_p2p.node.node import Node
from idas_p2p.store.audit_log import segments
from idas_p2p.wire.audit import MAX_RECORD_BYTES, AuditRecord, Event, Kind
from idas_p2p.wire.schema import decode
from tests.node.nodes import make_config, running, until


def noted(folder: Path) -> list[Event]:
    bodies = [frame.body for one in segments(folder / "audit") for frame in one.frames()]
    return [decode(AuditRecord, body, max_size=MAX_RECORD_BYTES).event for body in bodies]


async def test_start_and_stop_are_recorded_and_the_log_verifies_over_restarts(tmp_path: Path) -> None:
    config = make_config(tmp_path, "lone")
    for _ in range(2):
        async with running(config) as node:
            identity = node.identity.node_id
    kinds = [(event.kind, event.code) for event in noted(config.folder)]
    life = [(Kind.APPLICATION, events.STARTED), (Kind.APPLICATION, events.STOPPED)]
    assert [kind for kind in kinds if kind[0] == Kind.APPLICATION] == life * 2
    assert verify_log(identity, [one.data() for one in segments(config.folder / "audit")]).is_good


async def test_a_rule_that_is_added_is_recorded_within_a_moment(lone: Node) -> None:
    lone.settings.add_grant(subject="everyone", level="full")
    lone.configure()
    await until(lambda: any("full to everyone" in event.text for event in noted(lone.config.folder)))


async def test_the_log_is_the_owners_alone(lone: Node) -> None:
    folder = lone.config.folder / "audit"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))


async def test_what_is_noted_reaches_the_disk_without_anybody_waiting_for_it(lone: Node) -> None:
    lone.audit.note(events.configured("something"))
    await until(lambda: lone.audit.log.on_disk.count == lone.audit.log.state.count)


async def test_a_node_that_stops_while_its_log_cannot_be_written_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(make_config(tmp_path, "lone")) as node:

        def full(*_: object) -> None:
            raise AuditUnavailable("ENOSPC")

        monkeypatch.setattr(node.audit.log, "_write", full)
