"""`idas archive add|list|remove|check|commit`: where this node's studies come from."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments, client
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.configuration import changed, load_config, open_settings
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.cli.users import read_password
from idas_p2p.errors import BadConfiguration

if TYPE_CHECKING:
    from idas_p2p.store.settings import Archive

DEFAULT_POLL = 60.0  # seconds between two looks at an archive; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "archive", summary="The archives whose studies this node offers.")
    add = add_command(
        family,
        "add",
        run_add,
        summary="Offer the studies of a DICOM or DICOMweb archive, or of the DICOM files in a folder.",
        example="idas archive add /srv/idas pacs --aet ORTHANC --address 192.0.2.10:4242 --poll 60s\n"
        "idas archive add /srv/idas pacs --aet ORTHANC --address 192.0.2.10:4242 \\\n"
        "    --dicomweb https://192.0.2.10:8042/dicom-web --dicomweb-user idas\n"
        "idas archive add /srv/idas shelf --folder /srv/images",
    )
    add.add_argument("name", metavar="NAME", type=arguments.name, help="what this archive is called here")
    add.add_argument("--aet", type=arguments.aet, help="the archive's AE title")
    add.add_argument("--address", metavar="HOST:PORT", type=arguments.address, help="where the archive listens")
    add.add_argument(
        "--dicomweb", metavar="URL", default="", help="its DICOMweb service: the fastest way where there is one"
    )
    add.add_argument("--dicomweb-user", metavar="NAME", default="", help="who asks there; the password is asked for")
    add.add_argument(
        "--dicomweb-password-stdin", action="store_true", help="read that password from the first line of stdin"
    )
    add.add_argument("--tls", action="store_true", help="speak DICOM over TLS with it (see [dicom] in node.toml)")
    add.add_argument(
        "--associations", metavar="N", type=arguments.count, default=0, help="retrievals from it at once, at most"
    )
    add.add_argument("--hours", metavar="HH:MM-HH:MM", default="", help="search it only then, by this machine's clock")
    add.add_argument(
        "--bandwidth", metavar="MB/S", type=float, default=0.0, help="megabytes a second taken from it, at most"
    )
    add.add_argument("--folder", dest="path", metavar="PATH", type=arguments.folder, help="a folder of DICOM files")
    add.add_argument(
        "--poll", metavar="TIME", type=arguments.duration, default=DEFAULT_POLL, help="time between looks (60s)"
    )
    add.add_argument(
        "--prefer",
        choices=("fastest", "dicomweb", "move", "get"),
        default="fastest",
        help="how images are asked for first: as measured (default), or always by DICOMweb, C-MOVE or C-GET",
    )
    add_command(
        family,
        "list",
        run_list,
        summary="List the archives of this node.",
        example="idas archive list /srv/idas",
    )
    remove = add_command(
        family,
        "remove",
        run_remove,
        summary="Stop offering the studies of an archive.",
        example="idas archive remove /srv/idas pacs",
    )
    remove.add_argument("name", metavar="NAME", type=arguments.name, help="an archive's name, see `idas archive list`")
    check = add_command(
        family,
        "check",
        run_check,
        summary="Let the running node ask an archive whether it answers (C-ECHO, and DICOMweb where configured).",
        example="idas archive check /srv/idas pacs",
    )
    check.add_argument("name", metavar="NAME", type=arguments.name, help="an archive's name, see `idas archive list`")
    commit = add_command(
        family,
        "commit",
        run_commit,
        summary="Ask an archive to answer for a study that the embedded archive holds (Storage Commitment).",
        example="idas archive commit /srv/idas pacs 1.2.840.99.1",
    )
    commit.add_argument("name", metavar="NAME", type=arguments.name, help="an archive's name, see `idas archive list`")
    commit.add_argument("study", metavar="STUDY_UID", help="a Study Instance UID")


def run_add(args: argparse.Namespace, output: Output) -> int:
    """Add one archive."""
    archive = _archive_of(args)
    if archive.web_user:
        load_config(args.folder)  # before a person is asked for a password in vain
        password = read_password(archive.web_user, from_stdin=args.dicomweb_password_stdin)
        archive = replace(archive, web_password=password)
        if archive.dicomweb.startswith("http:"):
            output.say("the password will cross the network in clear: use https where the archive offers it")
    with open_settings(args.folder) as settings:
        settings.add_archive(archive)
    return changed(args.folder, output, f"archive {archive.name} added", {"archive": _document(archive)})


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every archive."""
    with open_settings(args.folder) as settings:
        documents = [_document(archive) for archive in settings.archives()]
    from idas_p2p.dashboard.configuration import archives_table

    output.answer({"archives": documents}, lambda: archives_table(documents))
    return 0


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Remove one archive."""
    with open_settings(args.folder) as settings:
        settings.remove_archive(args.name)
    return changed(args.folder, output, f"archive {args.name} removed", {"removed": args.name})


def run_check(args: argparse.Namespace, output: Output) -> int:
    """Ask one archive whether it answers; an error says what is wrong."""
    client.call(args.folder, "archive_echo", {"name": args.name})
    output.say(f"archive {args.name} answers")
    if output.as_json:
        output.document({"name": args.name, "answers": True})
    return 0


def run_commit(args: argparse.Namespace, output: Output) -> int:
    """Ask one archive for storage commitment; 0 only when it answers for every instance."""
    answer = client.call(args.folder, "archive_commit", {"name": args.name, "study_uid": args.study})
    committed, failed = answer["committed"], answer["failed"]
    output.say(f"archive {args.name} answers for {committed} of {committed + len(failed)} instances")
    for one in failed:
        output.say(f"not for {one['instance']}: failure reason 0x{one['reason'].upper()}")
    if output.as_json:
        output.document({"name": args.name, "committed": committed, "failed": failed})
    return 1 if failed else 0


def _archive_of(args: argparse.Namespace) -> Archive:
    """The archive that the options describe.

    Raises:
        UsageError: neither or both of the two kinds, or looked at too often.
        BadConfiguration: the folder does not exist.
    """
    from idas_p2p.store.settings import Archive

    is_folder, is_dicom = args.path is not None, args.aet is not None or args.address is not None
    if is_folder == (is_dicom or bool(args.dicomweb)):
        raise UsageError("give either --aet and --address of a DICOM archive, or --dicomweb, or both, or --folder")
    if (args.dicomweb_user or args.dicomweb_password_stdin) and not (args.dicomweb and args.dicomweb_user):
        raise UsageError("--dicomweb-user goes with --dicomweb, and --dicomweb-password-stdin with both")
    if is_folder and not args.path.is_dir():
        raise BadConfiguration(f"archive {args.name}: there is no folder {args.path}")
    try:
        return Archive(
            name=args.name,
            kind="folder" if is_folder else "dicom" if is_dicom else "dicomweb",
            aet=args.aet or "",
            address=args.address,
            folder=str(args.path or ""),
            poll_seconds=args.poll,
            prefer=args.prefer,
            dicomweb=args.dicomweb,
            web_user=args.dicomweb_user,
            tls=args.tls,
            associations=args.associations,
            hours=args.hours,
            bandwidth=args.bandwidth * 1e6,
        )
    except BadConfiguration as error:
        raise UsageError(error.detail) from None


def _document(archive: Archive) -> dict[str, Any]:
    common: dict[str, Any] = {"name": archive.name, "kind": archive.kind, "poll_seconds": archive.poll_seconds}
    limits = {"associations": archive.associations, "hours": archive.hours, "bandwidth": archive.bandwidth}
    common |= {name: limit for name, limit in limits.items() if limit}
    if archive.tls:
        common["tls"] = True
    if archive.kind == "folder":
        return {**common, "folder": archive.folder}
    document = {**common, "prefer": archive.prefer}
    if archive.kind == "dicom":
        document |= {"aet": archive.aet, "address": str(archive.address or "")}
    if archive.dicomweb:
        document |= {"dicomweb": archive.dicomweb, "dicomweb_user": archive.web_user}
    return document
