"""`idas audit search|who-saw|verify|export`: who asked for, saw and was sent what.

They work whether or not the node runs, and reading the log is itself recorded in it.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments, client
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.configuration import load_config
from idas_p2p.cli.parser import Commands, Parser, add_command, add_family
from idas_p2p.cli.render import Output, sentence
from idas_p2p.clock import SystemClock
from idas_p2p.errors import IdasError, NodeNotRunning

if TYPE_CHECKING:
    from idas_p2p.access.audit.search import Wanted

LIMIT = 1_000  # records shown; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "audit", summary="The audit log: who asked for, saw and was sent what.")
    search = add_command(
        family,
        "search",
        run_search,
        summary="Show the records of the audit log that match.",
        example="idas audit search /srv/idas --user dr-lee --since 7d\n"
        "idas audit search /srv/idas --kind alert --since 2026-11-01 --json",
    )
    _add_conditions(search)
    search.add_argument(
        "--limit", type=arguments.count, default=LIMIT, metavar="N", help=f"show the latest N records ({LIMIT})"
    )
    who_saw = add_command(
        family,
        "who-saw",
        run_who_saw,
        summary="Show who saw, was sent or asked for studies of a patient, or one study.",
        example="idas audit who-saw /srv/idas --patient 123 --issuer 'City Hospital'\n"
        "idas audit who-saw /srv/idas --study 1.2.826.0.1.3680043.8.498.1 --json",
    )
    _add_subject(who_saw)
    _add_times(who_saw)
    verify = add_command(
        family,
        "verify",
        run_verify,
        summary="Check that no record was cut, edited or moved, and that peers have seen this very log.",
        example="idas audit verify /srv/idas\nidas audit verify /srv/idas --log /backup/audit",
    )
    verify.add_argument("--log", type=arguments.folder, metavar="FOLDER", help="a copy of the node's audit folder")
    export = add_command(
        family,
        "export",
        run_export,
        summary="Write the records that match to a file, as DICOM audit messages (XML) or JSON, one a line.",
        example="idas audit export /srv/idas --out october.xml --since 2026-10-01 --until 2026-11-01\n"
        "idas audit export /srv/idas --out lee.jsonl --format json --user dr-lee",
    )
    _add_conditions(export)
    export.add_argument("--out", required=True, type=arguments.folder, metavar="FILE", help="a new file")
    export.add_argument("--format", choices=("xml", "json"), default="xml", help="of each line (xml)")


def run_search(args: argparse.Namespace, output: Output) -> int:
    """Print the records that match."""
    from idas_p2p.dashboard.audit import records_table
    from idas_p2p.node.audit_questions import log_folder, search

    folder = log_folder(load_config(args.folder).folder)
    _note_use(args, output, "search")
    result = {"records": search(folder, _wanted(args), args.limit)}
    output.answer(result, lambda: records_table(result))
    return 0


def run_who_saw(args: argparse.Namespace, output: Output) -> int:
    """Print who saw a patient's studies."""
    from idas_p2p.dashboard.audit import accesses_table
    from idas_p2p.node.audit_questions import log_folder, who_saw

    if not args.patient and not args.study:
        raise UsageError("say whose studies: --patient ID, or --study UID")
    folder = log_folder(load_config(args.folder).folder)
    _note_use(args, output, "who-saw")
    result = {"accesses": who_saw(folder, _wanted(args))}
    output.answer(result, lambda: accesses_table(result))
    return 0


def run_verify(args: argparse.Namespace, output: Output) -> int:
    """Print whether the log is what it was; 1 when it is not, or when a peer's was not."""
    from idas_p2p.crypto.keys import SigningKey
    from idas_p2p.dashboard.audit import verdict_text
    from idas_p2p.node.audit_questions import log_folder, verify

    config = load_config(args.folder)
    verdict = verify(args.log or log_folder(config.folder), SigningKey.load(config.key_path).node_id)
    report = verdict.report
    result: dict[str, Any] = {
        "good": report.is_good,
        "first": report.first,
        "count": report.count,
        "let_go": report.let_go,
        "findings": [{"fault": str(f.fault), "record": f.record, "text": f.text} for f in report.findings],
        "witnesses": sorted(str(node) for node in report.witnesses),
        "doubted": [
            {"peer": str(peer), "doubt": log.doubt, "doubts": log.doubts} for peer, log in verdict.doubted.items()
        ],
    }
    output.answer(result, lambda: verdict_text(result))
    return 0 if report.is_good and not verdict.doubted else 1


def run_export(args: argparse.Namespace, output: Output) -> int:
    """Write the records that match to a file that only its owner can read."""
    from idas_p2p.access.audit.message import AuditSource
    from idas_p2p.access.audit.search import document
    from idas_p2p.crypto.keys import SigningKey
    from idas_p2p.node.audit_questions import exported, log_folder, matching

    config = load_config(args.folder)
    folder, wanted = log_folder(config.folder), _wanted(args)
    if args.out.exists():
        raise UsageError(f"{args.out} exists already")
    _note_use(args, output, f"export as {args.format}")
    source = AuditSource(SigningKey.load(config.key_path).node_id, config.institution, config.aet)
    lines = (
        exported(folder, wanted, source)
        if args.format == "xml"
        else (json.dumps(document(record)).encode() for record in matching(folder, wanted))
    )
    count = _write(args.out, lines)
    output.say(f"{count} lines written to {args.out}")
    if output.as_json:
        output.document({"out": str(args.out), "lines": count})
    return 0


def _write(path: Path, lines: Any) -> int:
    count = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for count, line in enumerate(lines, 1):  # noqa: B007  # the last number is what is returned
            file.write(line + b"\n")
    return count


def _note_use(args: argparse.Namespace, output: Output, what: str) -> None:
    """Have the log say that it was read, and for what; who reads it sees it even where that fails."""
    from idas_p2p.access.audit.events import log_used
    from idas_p2p.node.audit_questions import note_while_stopped, reader

    asked = ("study", "patient", "issuer", "user", "node", "kind", "since", "until")
    conditions = (f"{name}={getattr(args, name)}" for name in asked if getattr(args, name, None))
    user, text = reader(), " ".join((what, *conditions))[:1_000]
    try:
        try:
            client.call(args.folder, "audit_used", {"user": user, "text": text})
        except NodeNotRunning:
            note_while_stopped(load_config(args.folder), log_used(user, text), clock=SystemClock())
    except IdasError as error:
        output.say(f"idas: that the log was read could not be recorded: {sentence(error)}")


def _wanted(args: argparse.Namespace) -> Wanted:
    from idas_p2p.access.audit.search import Wanted
    from idas_p2p.wire.audit import Kind

    now = SystemClock().now()
    return Wanted(
        study_uid=args.study or "",
        patient_id=args.patient or "",
        issuer=args.issuer or "",
        user=getattr(args, "user", None) or "",
        node=getattr(args, "node", None) or "",
        kinds=frozenset(Kind[name.upper().replace("-", "_")] for name in getattr(args, "kind", None) or ()),
        since_ms=int(1_000 * arguments.moment(args.since, now=now)) if args.since else 0,
        until_ms=int(1_000 * arguments.moment(args.until, now=now)) if args.until else 2**63,
        only_failures=getattr(args, "failures", False),
    )


def _add_conditions(parser: Parser) -> None:
    from idas_p2p.wire.audit import Kind

    _add_subject(parser)
    parser.add_argument("--user", metavar="NAME", help="who asked, as the home node names the user")
    parser.add_argument("--node", metavar="NAME", help="another institution, or its NodeId")
    kinds = [kind.name.lower().replace("_", "-") for kind in Kind]
    parser.add_argument("--kind", action="append", choices=kinds, help="what happened; may be repeated")
    parser.add_argument("--failures", action="store_true", help="only what was refused or went wrong")
    _add_times(parser)


def _add_subject(parser: Parser) -> None:
    parser.add_argument("--study", metavar="UID", type=arguments.uid, help="a Study Instance UID")
    parser.add_argument("--patient", metavar="ID", help="a Patient ID, exactly as it was given")
    parser.add_argument("--issuer", metavar="NAME", help="who issued the Patient ID")


def _add_times(parser: Parser) -> None:
    how = "2026-11-01, 2026-11-01T14:30, or 7d for seven days ago; local time where it names no zone"
    parser.add_argument("--since", metavar="TIME", type=arguments.moment_text, help=f"not before: {how}")
    parser.add_argument("--until", metavar="TIME", type=arguments.moment_text, help="not after")
