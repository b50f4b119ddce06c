"""`idas label add|list|remove`: words of this house on studies and patients, for rules to name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.configuration import changed, open_database
from idas_p2p.cli.parser import Commands, Parser, add_command, add_family
from idas_p2p.cli.render import Output

if TYPE_CHECKING:
    from idas_p2p.store.labels import Label


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    family = add_family(commands, "label", summary="Words on studies and patients, for rules to name.")
    add = add_command(
        family,
        "add",
        run_add,
        summary="Put a label on a patient or a study; rules name it.",
        example="idas label add /srv/idas vip --patient '123^^^City Hospital'\n"
        "idas label add /srv/idas liver-trial --study 1.2.826.0.1.3680043.8.498.1",
    )
    _add_bearer(add)
    add_command(family, "list", run_list, summary="List the labels of this node.", example="idas label list /srv/idas")
    remove = add_command(
        family,
        "remove",
        run_remove,
        summary="Take a label off.",
        example="idas label remove /srv/idas vip --patient 123",
    )
    _add_bearer(remove)


def run_add(args: argparse.Namespace, output: Output) -> int:
    """Put one label on something."""
    from idas_p2p.store.labels import Labels

    label = _typed(args)
    with open_database(args.folder) as database:
        Labels(database).add(label)
    return changed(args.folder, output, f"label {label.label} put on it", {"label": _document(label)})


def run_list(args: argparse.Namespace, output: Output) -> int:
    """Print every label."""
    from idas_p2p.store.labels import Labels

    with open_database(args.folder) as database:
        documents = [_document(label) for label in Labels(database).all()]
    from idas_p2p.dashboard.configuration import labels_table

    output.answer({"labels": documents}, lambda: labels_table(documents))
    return 0


def run_remove(args: argparse.Namespace, output: Output) -> int:
    """Take one label off."""
    from idas_p2p.store.labels import Labels

    label = _typed(args)
    with open_database(args.folder) as database:
        Labels(database).remove(label)
    return changed(args.folder, output, f"label {label.label} taken off", {"removed": _document(label)})


def _add_bearer(parser: Parser) -> None:
    parser.add_argument("label", metavar="LABEL", type=arguments.name, help="the label, in any spelling")
    parser.add_argument("--patient", metavar="ID", help="a patient: ID, or ID^^^ISSUER")
    parser.add_argument("--study", metavar="UID", type=arguments.uid, help="a study: its Study Instance UID")


def _typed(args: argparse.Namespace) -> Label:
    from idas_p2p.access.objects import parse_label, parse_patient
    from idas_p2p.store.labels import PATIENT, STUDY, Label

    if bool(args.patient) == bool(args.study):
        raise UsageError("a label goes on --patient or on --study")
    word = parse_label(args.label)
    if args.study:
        return Label(label=word, kind=STUDY, name=args.study)
    patient = parse_patient(args.patient)
    return Label(label=word, kind=PATIENT, name=patient.id, issuer=patient.issuer)


def _document(label: Label) -> dict[str, Any]:
    return {"label": label.label, "kind": label.kind, "name": label.name, "issuer": label.issuer}
