"""`idas break-glass` and `idas emergency list|end`: a patient's studies at once, where a rule permits it.

All of them need the running node.
"""

from __future__ import annotations

import argparse

from idas_p2p.cli import arguments, client
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import joined


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    glass = add_command(
        commands,
        "break-glass",
        run_break_glass,
        summary="In an emergency, see a patient's studies for an hour wherever a rule permits it; everybody is told.",
        example="idas break-glass /srv/idas 4711 --issuer 'City Hospital' --reason 'unconscious' --user dr-lee",
    )
    glass.add_argument("patient_id", metavar="PATIENT", help="the patient's id, without wildcards")
    glass.add_argument("--issuer", default="", metavar="I", help="who issued the id; left out: whoever did")
    glass.add_argument("--reason", required=True, metavar="TEXT", help="why; kept and shown at both sides")
    glass.add_argument("--user", metavar="NAME", type=arguments.name, help="the user who needs the studies")
    family = add_family(commands, "emergency", summary="Emergencies in which the glass was broken.")
    add_command(
        family,
        "list",
        run_list,
        summary="List emergencies, those of others here and ours elsewhere, of the last month.",
        example="idas emergency list /srv/idas",
    )
    end = add_command(
        family,
        "end",
        run_end,
        summary="End one before its hour is over; what is under way by it ends within a second.",
        example="idas emergency end /srv/idas 3",
    )
    end.add_argument("number", metavar="NUMBER", type=arguments.count, help="as `idas emergency list` shows it")


def run_break_glass(args: argparse.Namespace, output: Output) -> int:
    """Break the glass; status 0 when somebody opened, and everybody answered."""
    request = {"patient_id": args.patient_id, "issuer": args.issuer, "reason": args.reason, "user": args.user}
    result = client.call(args.folder, "break_glass", request)
    from idas_p2p.dashboard.outsiders import emergencies_table

    output.answer(result, lambda: emergencies_table(result, key="opened"))
    output.say("this was recorded at both sides and is shown there; query and retrieve as always now")
    if unanswered := result.get("unanswered"):
        output.say(f"idas: no answer from {joined(unanswered)}")
    return 1 if unanswered else 0


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every emergency."""
    result = client.call(args.folder, "emergencies", {})
    from idas_p2p.dashboard.outsiders import emergencies_table

    output.answer(result, lambda: emergencies_table(result))
    return 0


def run_end(args: argparse.Namespace, output: Output) -> int:
    """End one."""
    result = client.call(args.folder, "emergency_end", {"number": args.number})
    output.say(f"emergency {args.number} has ended")
    if output.as_json:
        output.document(result)
    return 0
