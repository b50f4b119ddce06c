"""A command, or a shell, between two hospitals with a WAN link between them.

    python -m tools.lab --rate 200 --rtt 80 --loss 0.1 -- CMD [ARGUMENT]...

CMD runs at the site `near`. These tell it about the other one:
IDAS_LAB_NEAR and IDAS_LAB_FAR are the two addresses, IDAS_LAB_FAR_EXEC is what to put before a command to run it there.
"""

from __future__ import annotations

import argparse
import os
import sys

from tools.lab import Lab, Site, Wan, why_not


def welcome(wan: Wan, near: Site, far: Site) -> str:
    """What a person who gets a shell should know."""
    rate = f"{wan.rate / 1e6:g} Mbit/s" if wan.rate else "no limit of rate"
    return (
        f"A line of {rate}, {wan.rtt * 1e3:g} ms round trip, {wan.loss * 100:g} % loss lies between two sites.\n"
        f"This shell is at `near`, {near.address} ($IDAS_LAB_NEAR); `far` is {far.address} ($IDAS_LAB_FAR).\n"
        "`$IDAS_LAB_FAR_EXEC COMMAND` runs a command at `far`. For example:\n"
        "  $IDAS_LAB_FAR_EXEC storescp --ignore 11112 &\n"
        "  time storescu $IDAS_LAB_FAR 11112 FILE...\n"
        "exit, or Ctrl-D, takes everything down."
    )


def main() -> int:
    """Run the command and return its exit status; 2 when there can be no laboratory here."""
    parser = argparse.ArgumentParser(prog="python -m tools.lab", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rate", type=float, default=200.0, help="Mbit/s in each direction; 0 is no limit")
    parser.add_argument("--rtt", type=float, default=80.0, help="round trip in ms")
    parser.add_argument("--loss", type=float, default=0.0, help="percent of packets, in each direction")
    parser.add_argument("--backlog", type=float, default=50.0, help="ms of sending that may wait; at least one rtt")
    parser.add_argument("--seed", type=int, default=1, help="which packets are lost")
    parser.add_argument("command", nargs="*", metavar="CMD", help="default: a shell")
    options = parser.parse_args()
    if reason := why_not():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    wan = Wan(
        rate=options.rate * 1e6,
        rtt=options.rtt / 1e3,
        loss=options.loss / 100,
        backlog=options.backlog / 1e3,
        seed=options.seed,
    )
    with Lab() as lab:
        near, far = lab.site("near"), lab.site("far")
        lab.connect(near, far, wan=wan)
        lab_variables = {
            "IDAS_LAB_NEAR": near.address,
            "IDAS_LAB_FAR": far.address,
            "IDAS_LAB_FAR_EXEC": " ".join(far.command([])),
        }
        if not options.command:
            print(welcome(wan, near, far), file=sys.stderr)
        return lab.run(near, options.command or [os.environ.get("SHELL", "sh")], env=os.environ | lab_variables)


if __name__ == "__main__":
    sys.exit(main())
