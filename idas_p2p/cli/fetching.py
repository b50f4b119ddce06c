"""`idas fetch`: a study by the code of a pass, on a machine that needs no node, no folder and no federation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from idas_p2p.cli import arguments
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.progress import TransferProgress
from idas_p2p.cli.render import Output
from idas_p2p.errors import BadConfiguration

if TYPE_CHECKING:
    from idas_p2p.access.invitation import PassCode
    from idas_p2p.dicom.retrieve import DeliveryReport
    from idas_p2p.node.guest import Seen
    from idas_p2p.transport.way import Way

MAX_CODE_LINE = 1_000  # characters read from stdin; longer than any code


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    fetch = add_command(
        commands,
        "fetch",
        run_fetch,
        summary="Fetch the study that somebody shared with you: needs the code and nothing else.",
        example="idas fetch IDASP1-4F7K2M-9QWXTB --list\n"
        "idas fetch IDASP1-4F7K2M-9QWXTB --out ./study\n"
        "idas fetch - --out ./study < code.txt",
        has_folder=False,
    )
    fetch.add_argument("code", metavar="CODE", help="what `idas share` printed; - reads it from stdin")
    what = fetch.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", metavar="FOLDER", type=arguments.folder, help="write DICOM files into this folder")
    what.add_argument("--list", dest="is_look", action="store_true", help="only show what it is; uses nothing up")
    fetch.add_argument(
        "--proxy", metavar="URL", type=arguments.proxy, help="http://[USER:PASSWORD@]HOST:PORT of this network"
    )


def run_fetch(args: argparse.Namespace, output: Output) -> int:
    """Show or fetch the study; status 0 only when every instance is a file."""
    from idas_p2p.access.invitation import PassCode
    from idas_p2p.transport.proxied import way_out
    from idas_p2p.wire.http_proxy import HttpProxy

    text = sys.stdin.readline(MAX_CODE_LINE) if args.code == "-" else args.code
    code = PassCode.from_code(text.strip())
    way = way_out(HttpProxy.parse(args.proxy) if args.proxy else None)
    if args.is_look:
        return _look(code, way, output)
    if args.out.exists() and not args.out.is_dir():
        raise BadConfiguration(f"{args.out} is a file; give a folder to --out")
    import asyncio

    from idas_p2p.clock import SystemClock
    from idas_p2p.node.visit import fetch

    def tell(report: DeliveryReport, seen: Seen) -> None:
        progress.update(_counters(report, {"path": seen.path, "wire_bytes": seen.wire_bytes}))

    with TransferProgress(output.stderr, is_shown=output.is_watched) as progress:
        report, seen = asyncio.run(fetch(code, args.out, clock=SystemClock(), way=way, on_progress=tell))
    result = _counters(report, seen) | {"failed": list(report.failed_uids)}
    from idas_p2p.dashboard.transfers import retrieved_text

    output.answer(result, lambda: retrieved_text(result))
    if report.failed:
        output.say(f"idas: {report.failed} images failed; the same command goes on with what is missing")
    return 1 if report.failed else 0


def _look(code: PassCode, way: Way, output: Output) -> int:
    import asyncio

    from idas_p2p.clock import SystemClock
    from idas_p2p.node.visit import look, offered

    result = offered(asyncio.run(look(code, clock=SystemClock(), way=way)))
    from idas_p2p.dashboard.outsiders import offered_table

    output.answer(result, lambda: offered_table(result))
    return 0


def _counters(report: DeliveryReport, seen: Mapping[str, Any]) -> dict[str, Any]:
    done = {"instances": report.completed, "total": report.total, "bytes": report.bytes, "failed": report.failed}
    return {**done, **seen}
