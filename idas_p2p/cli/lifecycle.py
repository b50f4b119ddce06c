"""`idas init`, `idas run`, `idas id`: a node's folder, its life, its name."""

from __future__ import annotations

import argparse
import json
import logging

from idas_p2p.cli import arguments
from idas_p2p.cli.configuration import load_config
from idas_p2p.cli.parser import Commands, add_command
from idas_p2p.cli.render import Output
from idas_p2p.wire.ids import NodeId

_EXAMPLE_ID = "a" * 52  # the form of a NodeId
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    init = add_command(
        commands,
        "init",
        run_init,
        summary="Make a node's folder: its configuration, its key and its database.",
        example="idas init /srv/idas --institution 'City Hospital' --aet IDAS --dicom 0.0.0.0:104"
        f" --network 0.0.0.0:7400 --bootstrap boot.example.org:7300/{_EXAMPLE_ID}",
    )
    init.add_argument("--institution", required=True, metavar="NAME", type=arguments.title, help="as peers see it")
    init.add_argument("--aet", required=True, type=arguments.aet, help="the node's own AE title on the local network")
    init.add_argument("--dicom", required=True, metavar="HOST:PORT", type=arguments.address, help="DICOM listens here")
    init.add_argument(
        "--network", required=True, metavar="HOST:PORT", type=arguments.address, help="peers connect here"
    )
    init.add_argument(
        "--bootstrap",
        action="append",
        default=[],
        metavar="HOST:PORT/ID",
        type=arguments.contact,
        help="a bootstrap node to join by; may be repeated",
    )
    init.add_argument(
        "--proxy",
        default=None,
        metavar="URL",
        type=arguments.proxy,
        help="http://[USER:PASSWORD@]HOST:PORT, where the network lets nothing out but an HTTP proxy",
    )
    run = add_command(
        commands,
        "run",
        run_node_here,
        summary="Run the node in the foreground; one line on stdout when it is ready, the log on stderr.",
        example="idas run /srv/idas",
    )
    run.add_argument("--log-level", choices=sorted(LEVELS), default="info", help="the least important events to log")
    add_command(
        commands, "id", run_id, summary="Print the node's NodeId and its fingerprint.", example="idas id /srv/idas"
    )


def run_init(args: argparse.Namespace, output: Output) -> int:
    """Make a node's folder."""
    from idas_p2p.crypto.keys import SigningKey
    from idas_p2p.node.config import NodeConfig

    config = NodeConfig.create(
        args.folder,
        institution=args.institution,
        aet=args.aet,
        dicom=args.dicom,
        network=args.network,
        bootstrap=tuple(args.bootstrap),
        proxy=args.proxy or "",
    )
    node_id = SigningKey.load(config.key_path).node_id
    output.say(f"node made in {args.folder}; start it with: idas run {args.folder}")
    _print_identity(node_id, output, folder=str(args.folder))
    return 0


def run_node_here(args: argparse.Namespace, output: Output) -> int:
    """Run the node until it is told to stop."""
    from idas_p2p.cli.allocator import keep_freed_memory
    from idas_p2p.cli.logs import configure_logging

    load_config(args.folder)  # an error in it is shown before anything else starts
    keep_freed_memory()
    configure_logging(output.stderr, as_json=args.json, level=LEVELS[args.log_level])

    import asyncio

    import uvloop

    from idas_p2p.node.app import run_node

    def on_ready(text: str) -> None:
        output.line(json.dumps({"ready": text}) if args.json else text)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_node(args.folder, on_ready))
    return 0


def run_id(args: argparse.Namespace, output: Output) -> int:
    """Print who this node is."""
    from idas_p2p.crypto.keys import SigningKey

    config = load_config(args.folder)
    _print_identity(SigningKey.load(config.key_path).node_id, output)
    return 0


def fingerprint(node_id: NodeId) -> str:
    """BLAKE2b-160 of the key as ten groups of four hexadecimal digits, to be compared by voice."""
    digits = node_id.kademlia_id.hex()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _print_identity(node_id: NodeId, output: Output, **more: str) -> None:
    if output.as_json:
        output.document({"node_id": str(node_id), "fingerprint": fingerprint(node_id), **more})
    else:
        output.line(f"node id      {node_id}\nfingerprint  {fingerprint(node_id)}")
