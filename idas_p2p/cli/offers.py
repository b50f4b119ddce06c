"""`idas send`, `idas sent`, `idas inbox`, `idas kept`: a study for another institution, and what others sent here.

All of them need the running node. Belongs here: reading arguments, printing. Not here: consent and fetching (node/).
"""

from __future__ import annotations

import argparse
from typing import Final

from idas_p2p.cli import arguments, client
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import printable

DEFAULT_EXPIRY: Final = 7 * 86_400.0  # seconds an offer is open; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    send = add_command(
        commands,
        "send",
        run_send,
        summary="Offer a study to another institution, for a consultation or a second opinion; it decides.",
        example="idas send /srv/idas 1.2.826.0.1.3680043.8.498.1 --to 'Lake Clinic' --note 'Second opinion, please'\n"
        "idas send /srv/idas 1.2.826.0.1.3680043.8.498.1 --to 'Lake Clinic' --level deidentified --expires 2d",
    )
    send.add_argument("study_uid", metavar="STUDY_UID", type=arguments.uid, help="a study of this node's archives")
    send.add_argument("--to", required=True, metavar="NODE", type=arguments.name, help="the institution, or its NodeId")
    send.add_argument("--note", default="", help="why, in at most 500 characters")
    send.add_argument("--user", metavar="NAME", type=arguments.name, help="who sends it")
    send.add_argument("--level", help="grant this level of the study until the offer ends; else what the rules give")
    send.add_argument(
        "--expires", metavar="TIME", type=arguments.duration, default=DEFAULT_EXPIRY, help="how long it is open (7d)"
    )
    add_command(
        commands, "sent", run_sent, summary="List studies offered to others, and their fate.", example="idas sent DIR"
    )
    family = add_family(commands, "inbox", summary="Studies that other institutions offer to this one.")
    add_command(family, "list", run_inbox, summary="List what was offered here.", example="idas inbox list /srv/idas")
    accept = add_command(
        family,
        "accept",
        run_accept,
        summary="Have an offered study fetched: to this node, where its users find it, or to a workstation.",
        example="idas inbox accept /srv/idas 3\nidas inbox accept /srv/idas 3 --to VIEWER",
    )
    accept.add_argument(
        "--to", metavar="AET", type=arguments.aet, help="send it to this configured workstation instead"
    )
    refuse = add_command(
        family, "refuse", run_refuse, summary="Say no; its sender learns it.", example="idas inbox refuse /srv/idas 3"
    )
    for one in (accept, refuse):
        one.add_argument("number", metavar="N", type=arguments.count, help="its number, see `idas inbox list`")
    kept = add_family(commands, "kept", summary="Exams of other institutions that are kept at this node for a while.")
    add_command(kept, "list", run_kept, summary="List them, and until when.", example="idas kept list /srv/idas")
    remove = add_command(
        kept, "remove", run_remove, summary="Remove one now.", example="idas kept remove /srv/idas 1.2.3"
    )
    remove.add_argument("study_uid", metavar="STUDY_UID", type=arguments.uid, help="its Study Instance UID")


def run_send(args: argparse.Namespace, output: Output) -> int:
    """Offer a study."""
    from idas_p2p.node.audit_questions import reader

    request = {
        "study_uid": args.study_uid,
        "to": args.to,
        "note": args.note,
        "user": args.user or reader(),
        "level": args.level or "",
        "expires_seconds": args.expires,
    }
    result = client.call(args.folder, "send", request)
    whom = printable(str(result.get("institution", "")), limit=100)
    if result.get("state") == "waiting":
        output.say(f"{whom} did not answer yet; the offer is told as soon as it does. See: idas sent DIR")
    else:
        output.say(f"offered to {whom} at level {result.get('level', '')}; it decides. See: idas sent DIR")
    if output.as_json:
        output.document(result)
    return 0


def run_sent(args: argparse.Namespace, output: Output) -> int:
    """Print what was offered to others."""
    return _list(args, output, "sent")


def run_inbox(args: argparse.Namespace, output: Output) -> int:
    """Print what others offer."""
    return _list(args, output, "inbox")


def run_accept(args: argparse.Namespace, output: Output) -> int:
    """Accept an offer."""
    return _decide(args, output, "inbox_accept", {"to": args.to})


def run_refuse(args: argparse.Namespace, output: Output) -> int:
    """Refuse an offer."""
    return _decide(args, output, "inbox_refuse", {})


def run_kept(args: argparse.Namespace, output: Output) -> int:
    """Print what is kept of others."""
    result = client.call(args.folder, "kept", {})
    from idas_p2p.dashboard.exams import kept_table

    output.answer(result, lambda: kept_table(result))
    return 0


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Remove one of them."""
    result = client.call(args.folder, "kept_remove", {"study_uid": args.study_uid})
    output.say("it is not kept here any more")
    if output.as_json:
        output.document(result)
    return 0


def _list(args: argparse.Namespace, output: Output, command: str) -> int:
    result = client.call(args.folder, command, {})
    from idas_p2p.dashboard.exams import offers_table

    output.answer(result, lambda: offers_table(result))
    return 0


def _decide(args: argparse.Namespace, output: Output, command: str, more: dict[str, object]) -> int:
    from idas_p2p.node.audit_questions import reader

    result = client.call(args.folder, command, {"number": args.number, "user": reader(), **more})
    output.say(f"offer {result.get('number', '')}: {result.get('state', '')}")
    if output.as_json:
        output.document(result)
    return 0
