"""The commands of the control socket, one function each: arguments in, JSON result out.

Belongs here: reading arguments, naming results. Not here: the socket (control.py), the work.
Source: docs/operations/commands.md section 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from idas_p2p.access.audit.events import configured, log_used
from idas_p2p.dicom.commitment import Reference
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.fastest import FastestArchive
from idas_p2p.dicom.retrieve import DeliveryReport
from idas_p2p.errors import NoSuchThing, PeerUnreachable
from idas_p2p.node import views
from idas_p2p.node.audited_users import operator
from idas_p2p.node.control import Command, Progress
from idas_p2p.node.destinations import destination
from idas_p2p.node.doctor.examination import examine_running
from idas_p2p.node.emergency_commands import emergency_commands
from idas_p2p.node.exam_commands import exam_commands
from idas_p2p.node.export import export
from idas_p2p.node.federation_commands import federation_commands
from idas_p2p.node.find import Search
from idas_p2p.node.group_commands import group_commands
from idas_p2p.node.node import Node
from idas_p2p.node.overview import overview, pulse
from idas_p2p.node.pass_desk import pass_commands
from idas_p2p.node.pseudonym_commands import pseudonym_commands
from idas_p2p.node.recent import RecentEvents
from idas_p2p.node.sign_in_commands import sign_in_commands
from idas_p2p.node.transfers import Transfer
from idas_p2p.store.transfers import Counters, Direction
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Selection
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

PROGRESS_INTERVAL: Final = 0.2  # seconds between two progress lines; ours

Arguments = Mapping[str, Any]


def commands(node: Node, recent: RecentEvents | None = None) -> dict[str, Command]:
    """Every command by name; `recent` keeps the events that a dashboard shows."""
    recent = recent or RecentEvents()

    def with_node(function: Callable[[Node, Arguments], Awaitable[Arguments]]) -> Command:
        return lambda arguments, progress: function(node, arguments)

    def view(function: Callable[[Node], Arguments]) -> Command:
        async def command(arguments: Arguments, progress: Progress) -> Arguments:
            return function(node)

        return command

    return {
        "status": view(views.status),
        "peers": view(views.peers),
        "transfers": view(views.transfers),
        "studies": view(views.studies),
        "overview": view(lambda node: overview(node, recent)),
        "pulse": view(lambda node: pulse(node, recent)),
        "transfer_stop": with_node(_transfer_stop),
        **federation_commands(node),
        **pseudonym_commands(node),
        **exam_commands(node),
        **pass_commands(node.outsiders.desk),
        **emergency_commands(node.outsiders.emergencies),
        **sign_in_commands(node.lan.desk),
        **group_commands(
            node.sharing.tokens, node.sharing.groupings, node.federation, clock=node.clock, note=node.audit.note
        ),
        "find": with_node(_find),
        "get": lambda arguments, progress: _get(node, arguments, progress),
        "reload": with_node(_reload),
        "audit_used": with_node(_audit_used),
        "archive_echo": with_node(_archive_echo),
        "archive_commit": with_node(_archive_commit),
        "examine": with_node(_examine),
    }


async def _reload(node: Node, arguments: Arguments) -> Arguments:
    if text := arguments.get("text"):
        node.audit.note(configured(str(text), user=str(arguments.get("user") or "")))
    node.configure()
    return {}


async def _audit_used(node: Node, arguments: Arguments) -> Arguments:
    node.audit.note(log_used(str(arguments["user"]), str(arguments["text"])))
    return {}


async def _archive_echo(node: Node, arguments: Arguments) -> Arguments:
    source = node.sources.get(str(arguments["name"]))
    if source is None:
        raise NoSuchThing("no archive has this name")
    if isinstance(source, FastestArchive):
        await source.echo()
    return {}


async def _transfer_stop(node: Node, arguments: Arguments) -> Arguments:
    node.transfers.stop(int(arguments["number"]))
    return {}


async def _examine(node: Node, arguments: Arguments) -> Arguments:
    return {"findings": [finding.document() for finding in await examine_running(node)]}


async def _archive_commit(node: Node, arguments: Arguments) -> Arguments:
    archive = node.sources.remote(str(arguments["name"]))
    stored = node.objects.instances(Selection(study_uid=str(arguments["study_uid"])))
    if not stored:
        raise NoSuchThing("the embedded archive has nothing of this study")
    references = tuple(Reference(one.sop_class_uid, one.sop_instance_uid) for one in stored)
    answered = await node.lan.commitment.ask(archive, references)
    failed = [{"instance": one.sop_instance_uid, "reason": f"{reason:04x}"} for one, reason in answered.failed]
    return {"committed": len(answered.committed), "failed": failed}


async def _find(node: Node, arguments: Arguments) -> Arguments:
    search = Search(user=arguments.get("user") or "", query=StudyQuery.of(dict(arguments["keys"])))
    studies: dict[str, Study] = {}
    await node.embedded.update_catalog()
    try:
        async with aclosing(node.users.find(operator(search.user), search)) as found:
            async for one in found:
                studies.setdefault(one.study.study_uid, one.study)
    except PeerUnreachable:
        if not search.asked.unanswered:
            raise
    return {
        "studies": [
            {**views.as_keywords(study), "Holders": [_name(node, holder) for holder in search.holders.get(uid, [None])]}
            for uid, study in studies.items()
        ],
        "unanswered": sorted(_name(node, node_id) for node_id in search.asked.unanswered),
    }


def _name(node: Node, holder: NodeId | None) -> str:
    return node.config.institution if holder is None else node.federations.institution(holder) or holder.short


async def _get(node: Node, arguments: Arguments, progress: Progress) -> Arguments:
    study_uid, user = str(arguments["study_uid"]), arguments.get("user") or ""
    reporter = _Reporter(node, study_uid, user, progress)
    await node.embedded.update_catalog()
    priority = Priority[str(arguments.get("priority") or Priority.MEDIUM.name).upper()]
    to = str(arguments.get("out") or arguments.get("to") or "")
    events = node.users.retrieve(operator(user), [Selection(study_uid=study_uid)], priority=priority, to=to)
    watching = TaskOwner(limit=1)
    watching.start("progress", reporter.watch())
    try:
        if arguments.get("out"):
            report = await export(node.bridge, Path(arguments["out"]), events, on_progress=reporter.report)
        else:
            workstation = destination(
                node.settings, str(arguments["to"]), calling_aet=node.config.aet, tls=node.tls.client
            )
            report = await deliver(node.bridge, workstation, events, on_progress=reporter.report)
    finally:
        await watching.stop()
    return reporter.result(report)


class _Reporter:
    """Turns counters into progress lines, not too many, and into the result of `get`."""

    def __init__(self, node: Node, study_uid: str, user: str, progress: Progress) -> None:
        self._node, self._asked, self._progress = node, (study_uid, user), progress
        self._last = DeliveryReport()
        self._begun = node.clock.monotonic()
        self._told = -PROGRESS_INTERVAL
        self._transfer: Transfer | None = None

    async def watch(self) -> None:
        """Tell how far it has come, also while a large image is on its way."""
        while True:
            await asyncio.sleep(PROGRESS_INTERVAL)
            self.report(self._last)

    def report(self, report: DeliveryReport) -> None:
        """Tell how far it has come, at most every PROGRESS_INTERVAL."""
        self._last = report
        self._transfer = self._transfer or next(
            (
                transfer
                for transfer in self._node.transfers.running.values()
                if (transfer.direction, transfer.study_uid, transfer.user) == (Direction.IN, *self._asked)
            ),
            None,
        )
        if self._node.clock.monotonic() - self._told >= PROGRESS_INTERVAL:
            self._told = self._node.clock.monotonic()
            told = {"total": report.total, "failed": report.failed, "holders": self._holders()}
            self._progress({**self._counters(report, is_running=True), **told})

    def result(self, report: DeliveryReport) -> Arguments:
        """What was done in the end."""
        seconds = self._node.clock.monotonic() - self._begun
        unnamed = report.failed - len(report.failed_uids)
        return {
            "study_uid": self._asked[0],
            **self._counters(report, is_running=False),
            "failed": [*report.failed_uids, *[""] * unnamed],
            "seconds": round(seconds, 3),
            "holders": self._holders(),
            "differing": list(self._transfer.differing) if self._transfer else [],
        }

    def _holders(self) -> list[str]:
        if self._transfer is None:
            return []
        return list(self._transfer.partners) or [self._node.config.institution]

    def _counters(self, report: DeliveryReport, *, is_running: bool) -> dict[str, Any]:
        wire_bytes = self._transfer.wire_bytes if self._transfer else 0
        counters = Counters(
            instances=report.completed + report.warning,
            total=report.total,
            failed=report.failed,
            bytes=report.bytes,
            wire_bytes=wire_bytes,
        )
        return {
            "instances": counters.instances,
            "bytes": counters.bytes,
            "wire_bytes": wire_bytes,
            **views.pace(counters, self._node.clock.monotonic() - self._begun, is_running=is_running),
            "path": self._transfer.path if self._transfer else "",
        }
