"""`idas find` and `idas get`: what a workstation does, from the command line."""

from __future__ import annotations

import argparse
from typing import Any

from idas_p2p.cli import arguments, client
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.progress import TransferProgress
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import joined
from idas_p2p.errors import BadConfiguration, BadQuery


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    find = add_command(
        commands,
        "find",
        run_find,
        summary="Find studies in the whole federation by DICOM keywords, with wildcards and ranges as in DICOM.",
        example="idas find /srv/idas PatientID=123 StudyDate=20240101-\n"
        "idas find /srv/idas 'PatientName=Miller^*' --json",
    )
    find.add_argument("keys", metavar="KEY=VALUE", nargs="*", type=arguments.query_key, help="what a study must match")
    find.add_argument("--user", metavar="NAME", type=arguments.name, help="the user in whose name to ask")
    get = add_command(
        commands,
        "get",
        run_get,
        summary="Retrieve a study into a folder, or to a workstation.",
        example="idas get /srv/idas 1.2.826.0.1.3680043.8.498.1 --out ./study\n"
        "idas get /srv/idas 1.2.826.0.1.3680043.8.498.1 --to VIEWER",
    )
    get.add_argument("study_uid", metavar="STUDY_UID", type=arguments.uid, help="the Study Instance UID")
    target = get.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", metavar="FOLDER", type=arguments.folder, help="write DICOM files into this folder")
    target.add_argument("--to", metavar="AET", type=arguments.aet, help="send to this configured workstation")
    get.add_argument("--user", metavar="NAME", type=arguments.name, help="the user in whose name to ask")
    get.add_argument(
        "--priority",
        choices=("low", "medium", "high"),
        default="medium",
        help="urgent studies leave their holder first",
    )


def run_find(args: argparse.Namespace, output: Output) -> int:
    """Print the studies found; status 1 when a node that should have been asked did not answer."""
    result = client.call(args.folder, "find", {"keys": _checked_keys(args.keys), "user": args.user})
    from idas_p2p.dashboard.studies import found_table

    output.answer(result, lambda: found_table(result))
    unanswered = result.get("unanswered") or []
    if unanswered:
        output.say(f"idas: the list may be incomplete; no answer from {joined(unanswered)}")
    return 1 if unanswered else 0


def run_get(args: argparse.Namespace, output: Output) -> int:
    """Retrieve a study; status 0 only when every instance arrived."""
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise BadConfiguration(f"{args.out} is a file; give a folder to --out")
    request = {"study_uid": args.study_uid, "user": args.user, "priority": args.priority}
    request |= {"out": str(args.out)} if args.out is not None else {"to": args.to}
    with TransferProgress(output.stderr, is_shown=output.is_watched) as progress:
        result = client.call(args.folder, "get", request, on_progress=progress.update, timeout=None)
    from idas_p2p.dashboard.transfers import retrieved_text

    output.answer(result, lambda: retrieved_text(result))
    failed = result.get("failed") or []
    if failed:
        noun = "instance" if len(failed) == 1 else "instances"
        output.say(f"idas: {len(failed)} {noun} failed; ask for the study again to retrieve what is missing")
    return 1 if failed else 0


def _checked_keys(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The query's keys by keyword.

    Raises:
        UsageError: a keyword is not known or given twice, or a date is malformed.
    """
    from idas_p2p.wire.query import StudyQuery

    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise UsageError("a query key is given twice")
    try:
        StudyQuery.of(keys)
    except BadQuery as error:
        raise UsageError(error.detail) from None
    return keys
