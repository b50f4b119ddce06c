"""`idas priors` and `idas coerce`: earlier studies that come by themselves, and local identifiers for what comes.

Rules are configuration: they work whether or not the node runs. Belongs here: reading arguments, printing. Not here:
what a rule means (node/prior_rules.py, node/coercing.py).
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

from idas_p2p.cli import arguments, client
from idas_p2p.cli.configuration import changed, open_settings
from idas_p2p.cli.parser import Commands, Parser, add_command, add_family
from idas_p2p.cli.render import Output
from idas_p2p.dashboard.text import printable
from idas_p2p.errors import BadConfiguration


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_priors(add_family(commands, "priors", summary="Earlier studies that are fetched when a new one appears."))
    _add_coercion(add_family(commands, "coerce", summary="Local patient ids for exams of others that are kept here."))


def _add_priors(family: Commands) -> None:
    add = add_command(
        family,
        "add",
        run_add,
        summary="Have priors of new studies of this node's archives fetched; the first rule that fits decides.",
        example="idas priors add /srv/idas --modality CT --body-part thorax --body-part chest --years 3 --count 2\n"
        "idas priors add /srv/idas --to PACS --hours 18:00-07:00 --mbit 20",
    )
    repeated: dict[str, Any] = {"action": "append", "default": []}
    add.add_argument("--modality", **repeated, help="of the new study (any); may be repeated")
    add.add_argument("--body-part", **repeated, metavar="WORD", help="in its description and the prior's (any)")
    add.add_argument("--prior-modality", **repeated, metavar="MODALITY", help="of priors (that of the new study)")
    add.add_argument("--years", type=float, default=5.0, help="how old a prior may be (5)")
    add.add_argument("--count", type=arguments.count, default=3, metavar="N", help="the newest so many (3)")
    add.add_argument("--to", default="cache", metavar="ARCHIVE", help="push to this DICOM archive (kept at the node)")
    add.add_argument("--hours", default="", metavar="HH:MM-HH:MM", help="only then, by this machine's clock (always)")
    add.add_argument("--mbit", type=float, default=0.0, help="no faster than so many Mbit/s (no limit)")
    add.add_argument("--match", choices=("id", "name"), default="id", help="the patient by id and issuer, or by name")
    add.add_argument("--keep-days", type=float, default=14.0, help="how long a prior stays at the node (14)")
    add_command(family, "list", run_list, summary="List the rules.", example="idas priors list /srv/idas")
    _numbered(
        add_command(family, "remove", run_remove, summary="Drop a rule.", example="idas priors remove /srv/idas 2")
    )
    explain = add_command(
        family,
        "explain",
        run_explain,
        summary="Tell which rule is about a study, what would be fetched for it, and why; nothing is fetched.",
        example="idas priors explain /srv/idas 1.2.826.0.1.3680043.8.498.1",
    )
    explain.add_argument("study_uid", metavar="STUDY_UID", type=arguments.uid, help="a study of this node's archives")


def _add_coercion(family: Commands) -> None:
    add = add_command(
        family,
        "add",
        run_coerce,
        summary="Give exams of an issuer local identifiers; what they replace is recorded in each image.",
        example="idas coerce add /srv/idas --issuer CITY --patient 123 --to-patient L-77 --to-issuer LAKE\n"
        "idas coerce add /srv/idas --issuer CITY --prefix CITY- --accession-prefix CITY-\n"
        "idas coerce add /srv/idas --table patients.csv",
    )
    add.add_argument("--issuer", default="", help="whose patient ids are replaced")
    add.add_argument("--patient", default="", help="only this patient id")
    add.add_argument("--to-patient", default="", help="the local id")
    add.add_argument("--to-issuer", default="", help="the local issuer")
    add.add_argument("--prefix", default="", help="put before every patient id instead")
    add.add_argument("--accession-prefix", default="", help="put before every accession number")
    add.add_argument("--table", type=Path, metavar="FILE", help="CSV: issuer,patient,to_patient,to_issuer")
    add_command(family, "list", run_coercions, summary="List the rules.", example="idas coerce list /srv/idas")
    _numbered(
        add_command(family, "remove", run_uncoerce, summary="Drop a rule.", example="idas coerce remove /srv/idas 2")
    )
    undo = add_command(
        family,
        "undo",
        run_undo,
        summary="Write a DICOM file as it was before it was coerced.",
        example="idas coerce undo coerced.dcm original.dcm",
        has_folder=False,
    )
    undo.add_argument("source", metavar="FILE", type=Path, help="a coerced file")
    undo.add_argument("target", metavar="NEW_FILE", type=Path, help="where the original goes")


def _numbered(parser: Parser) -> None:
    parser.add_argument("number", metavar="N", type=arguments.count, help="its number in the list")


def run_add(args: argparse.Namespace, output: Output) -> int:
    """Add a rule of priors."""
    from idas_p2p.node.prior_rules import CACHE, PriorBook, PriorRule

    rule = PriorRule(
        modalities=tuple(args.modality),
        body_parts=tuple(args.body_part),
        prior_modalities=tuple(args.prior_modality),
        years=args.years,
        count=args.count,
        to=args.to,
        hours=args.hours,
        mbit=args.mbit,
        match=args.match,
        keep_days=args.keep_days,
    )
    with open_settings(args.folder) as settings:
        if rule.to != CACHE and settings.archive(rule.to).kind != "dicom":
            raise BadConfiguration("priors can be pushed to DICOM archives only")
        number = PriorBook(settings).add(rule)
    return changed(args.folder, output, f"rule {number} of priors added", {"number": number, **asdict(rule)})


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print the rules of priors."""
    from idas_p2p.node.prior_rules import PriorBook

    with open_settings(args.folder) as settings:
        rules = [asdict(rule) for rule in PriorBook(settings).rules()]
    return _rules(output, rules, "No rules: priors are not fetched by themselves.")


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Drop a rule of priors."""
    from idas_p2p.node.prior_rules import PriorBook

    with open_settings(args.folder) as settings:
        PriorBook(settings).remove(args.number)
    return changed(args.folder, output, f"rule {args.number} of priors removed", {"removed": args.number})


def run_explain(args: argparse.Namespace, output: Output) -> int:
    """Print what would be fetched for a study."""
    result = client.call(args.folder, "priors_explain", {"study_uid": args.study_uid})
    from idas_p2p.dashboard.exams import priors_table

    if result.get("rule"):
        output.say(f"rule {result['rule']} is about it; priors go to {printable(str(result.get('to', '')), limit=64)}")
    output.answer(result, lambda: priors_table(result))
    return 0


def run_coerce(args: argparse.Namespace, output: Output) -> int:
    """Add rules of coercion."""
    from idas_p2p.node.coercing import Coercing, CoercionRule

    if args.table is not None:
        with args.table.open(newline="", encoding="utf-8-sig") as file:
            rules = [CoercionRule(**_columns(row)) for row in csv.DictReader(file)]
    else:
        names = ("issuer", "patient", "to_patient", "to_issuer", "prefix", "accession_prefix")
        rules = [CoercionRule(**{name: getattr(args, name) for name in names})]
    with open_settings(args.folder) as settings:
        Coercing(settings, system="").add(rules)
    return changed(args.folder, output, f"{len(rules)} rules of coercion added", {"added": len(rules)})


def _columns(row: dict[str, Any]) -> dict[str, str]:
    known = {"issuer", "patient", "to_patient", "to_issuer", "accession_prefix"}
    if unknown := {str(name) for name in row} - known:
        raise BadConfiguration(f"column {sorted(unknown)[0]}: known are {', '.join(sorted(known))}")
    return {name: (value or "").strip() for name, value in row.items()}


def run_coercions(args: argparse.Namespace, output: Output) -> int:
    """Print the rules of coercion."""
    from idas_p2p.node.coercing import Coercing

    with open_settings(args.folder) as settings:
        rules = [asdict(rule) for rule in Coercing(settings, system="").rules()]
    return _rules(output, rules, "No rules: exams of others keep their own patient ids.")


def run_uncoerce(args: argparse.Namespace, output: Output) -> int:
    """Drop a rule of coercion."""
    from idas_p2p.node.coercing import Coercing

    with open_settings(args.folder) as settings:
        Coercing(settings, system="").remove(args.number)
    return changed(args.folder, output, f"rule {args.number} of coercion removed", {"removed": args.number})


def run_undo(args: argparse.Namespace, output: Output) -> int:
    """Write a file as it was."""
    from idas_p2p.dicom.part10 import read_part10, write_part10
    from idas_p2p.node.coercing import Coercing

    original = Coercing.undo(read_part10(args.source))
    with args.target.open("xb") as file:
        write_part10(original, file)
    output.say("written as it was before it was coerced")
    if output.as_json:
        output.document({"size": original.data.size})
    return 0


def _rules(output: Output, rules: list[dict[str, Any]], when_empty: str) -> int:
    if output.as_json:
        output.document({"rules": rules})
        return 0
    for number, rule in enumerate(rules, 1):
        given = ", ".join(f"{name} {_shown(value)}" for name, value in rule.items() if value)
        output.line(printable(f"{number}  {given}", limit=1_000))
    if not rules:
        output.say(when_empty)
    return 0


def _shown(value: Any) -> str:
    return (
        "/".join(map(str, value))
        if isinstance(value, list | tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
