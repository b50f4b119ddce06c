"""`idas share` and `idas pass list|revoke`: one study for somebody who belongs to no federation.

All of them need the running node. What the other person types: fetching.py.
"""

from __future__ import annotations

import argparse

from idas_p2p.cli import arguments, client
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import printable

DEFAULT_EXPIRY = 7 * 86_400.0  # seconds a pass is valid; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    share = add_command(
        commands,
        "share",
        run_share,
        summary="Print a code with which somebody who belongs to no federation fetches one study: idas fetch CODE.",
        example="idas share /srv/idas 1.2.826.0.1.3680043.8.498.1 --level obscured --expires 7d\n"
        "idas share /srv/idas 1.2.826.0.1.3680043.8.498.1 --level full --uses 2",
    )
    share.add_argument("study_uid", metavar="STUDY_UID", type=arguments.uid, help="a study of this node's archives")
    share.add_argument("--level", required=True, help="full, obscured, deidentified, or one that policy.toml defines")
    share.add_argument(
        "--expires", metavar="TIME", type=arguments.duration, default=DEFAULT_EXPIRY, help="how long it serves (7d)"
    )
    share.add_argument(
        "--uses", metavar="N", type=arguments.count, default=1, help="how many machines may fetch with it (1)"
    )
    family = add_family(commands, "pass", summary="The passes that `idas share` gave out.")
    add_command(family, "list", run_list, summary="List passes, never their codes.", example="idas pass list /srv/idas")
    revoke = add_command(
        family,
        "revoke",
        run_revoke,
        summary="Take a pass back; what is under way with it ends within a second.",
        example="idas pass revoke /srv/idas 3fa9c21b",
    )
    revoke.add_argument("label", metavar="LABEL", help="as `idas share` and `idas pass list` show it")


def run_share(args: argparse.Namespace, output: Output) -> int:
    """Print the code of a new pass, alone on stdout."""
    request = {
        "study_uid": args.study_uid,
        "level": args.level,
        "expires_seconds": args.expires,
        "uses": args.uses,
    }
    result = client.call(args.folder, "share", request)
    from idas_p2p.dashboard.configuration import until

    label = printable(str(result.get("label", "")), limit=100)
    output.say(f"pass {label}, until {until(result.get('expires'))}; to take it back: idas pass revoke DIR {label}")
    if result.get("kept_by") == 0:
        output.say(
            "no other node keeps this pass: it serves only while this node can be reached at its address; with a "
            "bootstrap node in node.toml others would find it"
        )
    output.say("whoever has this code has the study: hand it over as you would hand over the images")
    output.say("on the other machine: idas fetch CODE --out FOLDER, with this code:")
    if output.as_json:
        output.document(result)
    else:
        output.line(printable(result.get("code", ""), limit=1_000))
    return 0


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every pass."""
    result = client.call(args.folder, "passes", {})
    from idas_p2p.dashboard.outsiders import passes_table

    output.answer(result, lambda: passes_table(result))
    return 0


def run_revoke(args: argparse.Namespace, output: Output) -> int:
    """Take a pass back."""
    result = client.call(args.folder, "pass_revoke", {"label": args.label})
    output.say(f"pass {result.get('label', '')} serves nobody any more")
    if output.as_json:
        output.document(result)
    return 0
