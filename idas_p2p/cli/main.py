"""The `idas` command: which command was typed, and what becomes of its errors.

Exit status: 0 only when all that was asked was done, 1 when something was not, 2 for a usage error, 130 when
interrupted. Modules of commands import what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from idas_p2p import __version__
from idas_p2p.cli import (
    archives,
    audit,
    doctor,
    emergencies,
    federation,
    fetching,
    grants,
    groups,
    labels,
    lifecycle,
    monitor,
    offers,
    passes,
    policy,
    priors,
    pseudonyms,
    retrieval,
    sign_ins,
    users,
    views,
    workstations,
)
from idas_p2p.cli.arguments import UsageError
from idas_p2p.cli.parser import Parser
from idas_p2p.cli.render import Output
from idas_p2p.errors import IdasError

FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_GROUPS = (
    lifecycle,
    archives,
    workstations,
    users,
    groups,
    sign_ins,
    labels,
    grants,
    policy,
    pseudonyms,
    passes,
    emergencies,
    federation,
    retrieval,
    offers,
    priors,
    fetching,
    views,
    monitor,
    doctor,
    audit,
)
_EXAMPLE = """example:
  idas init /srv/idas --institution 'City Hospital' --aet IDAS --dicom 0.0.0.0:104 --network 0.0.0.0:7400
  idas run /srv/idas
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit status.

    Args:
        argv: the words after `idas`; those of this process when None.
    """
    args = build_parser().parse_args(argv)
    output = Output(sys.stdout, sys.stderr, as_json=args.json)
    try:
        status: int = args.run(args, output)
    except UsageError as error:
        args.parser.error(str(error))
    except IdasError as error:
        output.fail(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our answer has seen enough; say nothing at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        output.say(f"idas: {error.filename or 'input or output'}: {error.strerror or type(error).__name__}")
    except Exception as error:  # its text may hold patient data; its place does not
        output.say(f"idas: {_place(error)}. This is a fault of the program; please report it.")
    else:
        return status
    return FAILED


def build_parser() -> Parser:
    """The parser of every command."""
    parser = Parser(
        prog="idas",
        description="The images of every institution that agreed to share, behind one ordinary DICOM node.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("--version", action="version", version=f"idas {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for group in _GROUPS:
        group.add_commands(commands)
    return parser


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "unknown place"
    return f"{type(error).__name__} at {where}"
