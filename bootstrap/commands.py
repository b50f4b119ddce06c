"""The command line of a bootstrap node: `init` makes its folder, `run` serves, `status` and `reload` ask it.

    python -m bootstrap init DIR --listen HOST:PORT [--relay]
    python -m bootstrap run DIR
    python -m bootstrap status DIR [--json]
    python -m bootstrap reload DIR

The first two print HOST:PORT/ID, the text to give to nodes as `--bootstrap`.
Belongs here: arguments, words for people, exit codes. Not here: the folder (config.py), the serving (serving.py).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop

from bootstrap.config import BootstrapConfig, usable
from bootstrap.control import ask
from bootstrap.serving import reloaded, serve
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import IdasError, UserError, WireError
from idas_p2p.wire.address import Address, Contact

USAGE_ERROR = 2
FAILURE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 2 used wrongly."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        if options.command == "init":
            return _init(options.folder, options.listen, relay=options.relay)
        if options.command == "status":
            return _status(options.folder, as_json=options.json)
        return _reload(options.folder) if options.command == "reload" else _run(options.folder)
    except IdasError as error:
        print(f"{error.detail}. {error.explanation()}" if error.detail else error.explanation(), file=sys.stderr)
        return USAGE_ERROR if isinstance(error, UserError) else FAILURE
    except OSError as error:
        print(f"{error.strerror or error}. Check the folder and the address it listens on.", file=sys.stderr)
        return FAILURE


def _init(folder: Path, listen: Address, *, relay: bool) -> int:
    node_id = BootstrapConfig.create(folder, listen, relay=relay).node_id
    _print_contacts(listen, Contact(listen, node_id))
    return 0


def _run(folder: Path) -> int:
    config = BootstrapConfig.load(folder)

    def ready(address: Address, identity: SigningKey) -> None:
        _print_contacts(config.listen, Contact(address, identity.node_id))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, on_ready=ready, report=_report))
    return 0


def _status(folder: Path, *, as_json: bool) -> int:
    status = ask(folder, "status")
    print(json.dumps(status) if as_json else "\n".join(_words(status)), flush=True)
    return 0


def _words(status: Mapping[str, Any]) -> Iterator[str]:
    """One line for each figure; of what is counted by reasons, those that have occurred."""
    yield f"{status['contact']}  {'bootstrap node and relay' if status['relay'] else 'bootstrap node'}"
    yield f"{'uptime_s':36} {status['uptime_s']}"
    for name, amount in status["figures"].items():
        if isinstance(amount, dict):
            reasons = ", ".join(f"{reason} {count:g}" for reason, count in amount.items() if count)
            yield f"{name:36} {reasons or 'none'}"
        else:
            yield f"{name:36} {amount:.15g}"


def _reload(folder: Path) -> int:
    print(reloaded(ask(folder, "reload")), flush=True)
    return 0


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_contacts(listen: Address, contact: Contact) -> None:
    """One line to stdout; for a wildcard the best address of this machine, and the others to stderr."""
    first, *others = usable(Contact(Address(listen.host, contact.address.port), contact.node_id))
    print(first, flush=True)
    for other in others:
        print(f"also reachable as {other}", file=sys.stderr, flush=True)


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except WireError as error:
        raise argparse.ArgumentTypeError(error.detail) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bootstrap",
        description="First contact for nodes of idas_p2p. It learns no patients, no studies and no queries.",
        epilog="example: python -m bootstrap init /srv/boot --listen 0.0.0.0:7000 && python -m bootstrap run /srv/boot",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="make a folder with a new key")
    init.add_argument("folder", metavar="DIR", type=Path)
    init.add_argument(
        "--listen", metavar="HOST:PORT", type=_address, required=True, help="UDP and TCP address to serve on"
    )
    init.add_argument("--relay", action="store_true", help="also carry sealed streams to nodes nobody can reach")
    run = commands.add_parser("run", help="serve until SIGTERM or Ctrl-C")
    run.add_argument("folder", metavar="DIR", type=Path)
    status = commands.add_parser("status", help="what the running node has done and refused")
    status.add_argument("folder", metavar="DIR", type=Path)
    status.add_argument("--json", action="store_true", help="print one JSON document")
    reload = commands.add_parser("reload", help="have the running node read bootstrap.toml again")
    reload.add_argument("folder", metavar="DIR", type=Path)
    return parser
