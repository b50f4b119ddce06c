"""`idas workstation add|list|remove`: who on the local network may ask, and where images may be sent."""

from __future__ import annotations

import argparse
import hashlib
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments
from idas_p2p.cli.configuration import changed, open_settings
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.errors import BadConfiguration

if TYPE_CHECKING:
    from idas_p2p.store.settings import Workstation


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "workstation", summary="The DICOM workstations this node serves.")
    add = add_command(
        family,
        "add",
        run_add,
        summary="Let a workstation query this node and receive images from it.",
        example="idas workstation add /srv/idas --aet VIEWER --address 192.0.2.20:11112 --user dr-lee\n"
        "idas workstation add /srv/idas --aet CLINIC7 --address viewer.clinic7.example:2762 --tls \\\n"
        "    --certificate /srv/idas/clinic7.pem",
    )
    add.add_argument("--aet", required=True, type=arguments.aet, help="the workstation's AE title")
    add.add_argument("--address", required=True, metavar="HOST:PORT", type=arguments.address, help="where it listens")
    add.add_argument("--tls", action="store_true", help="send images to it over TLS (see [dicom] in node.toml)")
    add.add_argument(
        "--certificate",
        metavar="FILE",
        default=None,
        type=Path,
        help="its certificate in PEM: it is then known by this, over TLS, wherever it connects from",
    )
    add.add_argument("--user", metavar="NAME", type=arguments.name, help="who asks when the workstation names nobody")
    add_command(
        family,
        "list",
        run_list,
        summary="List the workstations of this node.",
        example="idas workstation list /srv/idas",
    )
    remove = add_command(
        family,
        "remove",
        run_remove,
        summary="Stop serving a workstation.",
        example="idas workstation remove /srv/idas VIEWER",
    )
    remove.add_argument("aet", metavar="AET", type=arguments.aet, help="its AE title, see `idas workstation list`")


def run_add(args: argparse.Namespace, output: Output) -> int:
    """Add one workstation."""
    from idas_p2p.store.settings import Workstation

    certificate = _fingerprint(args.certificate) if args.certificate else ""
    workstation = Workstation(aet=args.aet, address=args.address, user=args.user, tls=args.tls, certificate=certificate)
    with open_settings(args.folder) as settings:
        settings.add_workstation(workstation)
        if args.user and args.user not in {user.name for user in settings.users()}:
            output.say(f"note: user {args.user} has no account yet; add it with: idas user add DIR {args.user}")
    document = {"workstation": _document(workstation)}
    return changed(args.folder, output, f"workstation {args.aet} added", document)


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every workstation."""
    with open_settings(args.folder) as settings:
        documents = [_document(workstation) for workstation in settings.workstations()]
    from idas_p2p.dashboard.configuration import workstations_table

    output.answer({"workstations": documents}, lambda: workstations_table(documents))
    return 0


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Remove one workstation."""
    with open_settings(args.folder) as settings:
        settings.remove_workstation(args.aet)
    return changed(args.folder, output, f"workstation {args.aet} removed", {"removed": args.aet})


def _document(workstation: Workstation) -> dict[str, Any]:
    document: dict[str, Any] = {"aet": workstation.aet, "address": str(workstation.address), "user": workstation.user}
    if workstation.tls or workstation.certificate:
        document |= {"tls": workstation.tls, "certificate": workstation.certificate}
    return document


def _fingerprint(path: Path) -> str:
    """SHA-256 of the first certificate in a PEM file.

    Raises:
        BadConfiguration: there is none.
    """
    try:
        found = re.search(f"{ssl.PEM_HEADER}.+?{ssl.PEM_FOOTER}", path.read_text("ascii"), re.DOTALL)
        if found is not None:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest()
    except (OSError, ValueError):
        pass
    raise BadConfiguration(f"--certificate: {path} holds no certificate in PEM")
