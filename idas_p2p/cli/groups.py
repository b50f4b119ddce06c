"""`idas group add|list`: names for several subjects at once."""

from __future__ import annotations

import argparse

from idas_p2p.cli import arguments, client
from idas_p2p.cli.configuration import changed, open_settings
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output

DEFAULT_LIFETIME = 365 * 86_400.0  # seconds; ours


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "group", summary="The groups of users known to this node.")
    add = add_command(
        family,
        "add",
        run_add,
        summary="Put members into a group; the group is made when it is new.",
        example="idas group add /srv/idas radiology dr-lee dr-moss",
    )
    add.add_argument("group", metavar="GROUP", type=arguments.name, help="the group's name")
    add.add_argument("members", metavar="MEMBER", nargs="+", type=arguments.title, help="who belongs to it")
    remove = add_command(
        family,
        "remove",
        run_remove,
        summary="Take members out of a group, or drop the whole group.",
        example="idas group remove /srv/idas radiology dr-moss\nidas group remove /srv/idas radiology",
    )
    remove.add_argument("group", metavar="GROUP", type=arguments.name, help="the group's name")
    remove.add_argument("members", metavar="MEMBER", nargs="*", type=arguments.title, help="who leaves it; none: all")
    for name, summary in (
        ("nodes", "As administrator of the federation: put institutions into a group, for rules about nodes:GROUP."),
        ("vouch", "As administrator: let institutions say which of their users are in a group, for group:GROUP."),
    ):
        said = add_command(
            family,
            name,
            run_say,
            summary=summary,
            example=f"idas group {name} /srv/idas rehabilitation 'Lake Clinic' 'Hill Clinic' --expires 365d\n"
            f"idas group {name} /srv/idas rehabilitation 'Hill Clinic' --remove",
        )
        said.set_defaults(kind=name)
        said.add_argument("group", metavar="GROUP", type=arguments.name, help="the group's name")
        said.add_argument("members", metavar="NODE", nargs="+", type=arguments.title, help="institutions or NodeIds")
        said.add_argument(
            "--expires", default=DEFAULT_LIFETIME, metavar="TIME", type=arguments.duration, help="how long (365d)"
        )
        said.add_argument("--remove", action="store_true", help="take it back")
    add_command(
        family,
        "tokens",
        run_tokens,
        summary="List what this node says in the directory about who belongs to which groups.",
        example="idas group tokens /srv/idas",
    )
    add_command(family, "list", run_list, summary="List the groups of this node.", example="idas group list /srv/idas")


def run_add(args: argparse.Namespace, output: Output) -> int:
    """Put members into a group."""
    from idas_p2p.store.settings import Group

    members = tuple(sorted(set(args.members)))
    with open_settings(args.folder) as settings:
        settings.add_group(Group(name=args.group, members=members))
    document = {"group": {"name": args.group, "added": list(members)}}
    return changed(args.folder, output, f"{len(members)} put into group {args.group}", document)


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Take members out of a group."""
    members = sorted(set(args.members))
    with open_settings(args.folder) as settings:
        for member in members:
            settings.remove_member(args.group, member)
        if not members:
            settings.remove_group(args.group)
    document = {"group": {"name": args.group, "removed": members}}
    return changed(args.folder, output, f"{len(members) or 'all'} taken out of group {args.group}", document)


def run_say(args: argparse.Namespace, output: Output) -> int:
    """Say, or take back, that members are in a group or may vouch for it."""
    words = {"kind": args.kind, "group": args.group, "members": args.members, "expires_seconds": args.expires}
    result = client.call(args.folder, "group_say", {**words, "withdrawn": args.remove})
    done = "taken back" if args.remove else "said; the directory tells the holders within a minute"
    output.say(f"group {args.group}, {len(args.members)} members: {done}")
    if output.as_json:
        output.document(result)
    return 0


def run_tokens(args: argparse.Namespace, output: Output) -> int:
    """Print every statement."""
    result = client.call(args.folder, "group_tokens")
    from idas_p2p.dashboard.configuration import tokens_table

    output.answer(result, lambda: tokens_table(result["tokens"]))
    return 0


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every group."""
    with open_settings(args.folder) as settings:
        documents = [{"name": group.name, "members": list(group.members)} for group in settings.groups()]
    from idas_p2p.dashboard.configuration import groups_table

    output.answer({"groups": documents}, lambda: groups_table(documents))
    return 0
