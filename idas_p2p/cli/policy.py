"""`idas policy list|explain|preview`: the rules in force, what decides for someone, what a change would do.

All three read the node's folder, whether or not the node runs; only the groups of others are asked of a running node.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from idas_p2p.cli import arguments, client
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.configuration import load_config, open_rules
from idas_p2p.cli.grants import add_rule_arguments, typed_rule
from idas_p2p.cli.parser import Commands, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.clock import SystemClock
from idas_p2p.errors import BadConfiguration, NodeNotRunning, NoSuchThing

if TYPE_CHECKING:
    from idas_p2p.access.policy import Rule
    from idas_p2p.access.preview import Change, Members
    from idas_p2p.access.subjects import Requester
    from idas_p2p.node.rules import RuleBook
    from idas_p2p.store.database import Database

MAX_LISTED: Final = 1_000  # studies of one change that are named; ours: all are counted


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "policy", summary="The rules in force, and what they do.")
    add_command(
        family,
        "list",
        run_list,
        summary="List every rule in the order in which they are tried: those of policy.toml, then the grants.",
        example="idas policy list /srv/idas",
    )
    explain = add_command(
        family,
        "explain",
        run_explain,
        summary="Tell which rule decides for someone and a study, and why each rule before it does not.",
        example="idas policy explain /srv/idas --as 'dr-lee@Lake Clinic' --study 1.2.826.0.1.3680043.8.498.1\n"
        "idas policy explain /srv/idas --as 'Lake Clinic' --study 1.2.3 --in-group radiology",
    )
    explain.add_argument("--as", required=True, dest="who", metavar="USER@NODE", type=arguments.title, help="who asks")
    explain.add_argument("--study", required=True, metavar="UID", type=arguments.uid, help="Study Instance UID")
    explain.add_argument("--in-group", action="append", default=[], metavar="G", help="as if the user were in it")
    explain.add_argument("--in-node-group", action="append", default=[], metavar="G", help="as if the node were in it")
    preview = add_command(
        family,
        "preview",
        run_preview,
        summary="Tell what a change of the rules would do, without making it: which studies change level for whom.",
        example="idas policy preview /srv/idas --file new-policy.toml\n"
        "idas policy preview /srv/idas --to 'node:Lake Clinic' --level full --modality CT\n"
        "idas policy preview /srv/idas --revoke 2",
    )
    add_rule_arguments(preview, is_required=False)
    preview.add_argument("--file", metavar="FILE", type=arguments.folder, help="as if this were policy.toml")
    preview.add_argument("--revoke", metavar="NUMBER", type=arguments.count, help="as if this grant were taken back")


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every rule."""
    with open_rules(args.folder) as (_, book):
        rules = [_document(rule) for rule in book.policy.rules]
        refusal = book.refusal
    from idas_p2p.dashboard.policy import rules_table

    output.answer({"rules": rules, "refusal": refusal}, lambda: rules_table(rules))
    if refusal:
        output.say(f"policy.toml is not in force, what it said before is: {refusal}")
    return 1 if refusal else 0


def run_explain(args: argparse.Namespace, output: Output) -> int:
    """Print what decides."""
    from dataclasses import replace

    from idas_p2p.access.policy import explain
    from idas_p2p.node.facts import facts_of_entries, fullest_first
    from idas_p2p.store.catalog import Catalog
    from idas_p2p.wire.terms import fold

    with open_rules(args.folder) as (database, book):
        user, _, node = args.who.removeprefix("user:").removeprefix("node:").rpartition("@")
        requester = _members(args.folder, database).requester(node, user)
        if requester is None:
            raise NoSuchThing(f"no member of the federation is called {node}")
        entries = fullest_first(Catalog(database).entries(args.study))
        groups, node_groups = _groups(args, database, requester, output)
        requester = replace(
            requester,
            client_groups=frozenset(map(fold, args.in_group)) | groups,
            node_groups=frozenset(map(fold, args.in_node_group)) | node_groups,
        )
        facts = facts_of_entries(entries, book.labelled)
        decision, earlier = explain(book.policy.rules, requester, facts, now=SystemClock().now())
        rule = None if decision.position is None else _document(book.policy.rules[decision.position])
    document = {
        "node": requester.institution,
        "user": requester.user,
        "groups": sorted(requester.client_groups),
        "node_groups": sorted(requester.node_groups),
        "study_uid": args.study,
        "is_held": bool(entries),
        "level": decision.level.name if entries else "none",
        "rule": rule,
        "earlier": [{**_document(one), "why_not": why} for one, why in earlier],
    }
    from idas_p2p.dashboard.policy import explanation

    output.answer(document, lambda: explanation(document))
    return 0


def run_preview(args: argparse.Namespace, output: Output) -> int:
    """Print what would change."""
    from idas_p2p.access.preview import preview
    from idas_p2p.node.facts import every_study
    from idas_p2p.store.catalog import Catalog

    with open_rules(args.folder) as (database, book):
        after = _after(args, book)
        studies = every_study(Catalog(database), book.labelled)
        members = _members(args.folder, database)
        changes = preview(book.policy.rules, after, studies, members, now=SystemClock().now())
    documents = [_change(change) for change in changes]
    from idas_p2p.dashboard.policy import changes_table

    output.answer({"changes": documents}, lambda: changes_table(documents))
    return 0


def _after(args: argparse.Namespace, book: RuleBook) -> list[Rule]:
    """The rules as they would be.

    Raises:
        UsageError: no change was typed, or several.
    """
    from idas_p2p.access.policy_file import parse_policy

    grants = book.policy.rules[len(book.rules_of_file) :]
    if sum(bool(one) for one in (args.file, args.revoke, args.to or args.level)) != 1:
        raise UsageError("one change: --file FILE, --revoke NUMBER, or --to SUBJECT --level LEVEL as for `idas grant`")
    if args.file:
        try:
            text = args.file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(f"{args.file} cannot be read: {error}") from None
        return [*parse_policy(text, file=args.file.name).rules, *grants]
    if args.revoke:
        left = [rule for rule in book.policy.rules if rule.origin != f"grant {args.revoke}"]
        if len(left) == len(book.policy.rules):
            raise NoSuchThing(f"grant {args.revoke}")
        return left
    if not args.to or not args.level:
        raise UsageError("a grant has --to and --level")
    return [*book.policy.rules, typed_rule(args, book, number=0)[1]]


def _members(folder: Path, database: Database) -> Members:
    """Who is who in the federation, as far as this node knows."""
    from idas_p2p.access.federation import Federation
    from idas_p2p.access.preview import Members
    from idas_p2p.crypto.keys import SigningKey, random_bytes
    from idas_p2p.store.settings import Settings

    config = load_config(folder)
    identity = SigningKey.load(config.key_path)
    federation = Federation(identity, Settings(database), random_bytes=random_bytes)
    others = {node_id: federation.institution(node_id) or "" for node_id in federation.others()}
    return Members(identity.node_id, config.institution, others)


def _groups(
    args: argparse.Namespace, database: Database, requester: Requester, output: Output
) -> tuple[frozenset[str], frozenset[str]]:
    """Client groups and node groups of somebody: of our own users as configured, of others as the node finds them."""
    from idas_p2p.store.settings import Settings
    from idas_p2p.wire.terms import fold

    if requester.is_own:
        groups = Settings(database).groups() if requester.user else []
        return frozenset(fold(group.name) for group in groups if requester.user in group.members), frozenset()
    try:
        found = client.call(args.folder, "group_proved", {"node": str(requester.node_id), "user": requester.user})
    except NodeNotRunning:
        output.say("note: the node does not run, so groups were not looked up; say them with --in-group")
        return frozenset(), frozenset()
    return frozenset(found["groups"]), frozenset(found["node_groups"])


def _document(rule: Rule) -> dict[str, Any]:
    return {
        "origin": rule.origin,
        "to": [str(subject) for subject in rule.subjects],
        "studies": rule.objects.words() or "every study",
        "level": rule.level.name,
        "expires": rule.expires,
        "break_glass": rule.break_glass,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "to": str(change.subject),
        "before": change.before,
        "after": change.after,
        "count": len(change.studies),
        "studies": list(change.studies[:MAX_LISTED]),
    }
