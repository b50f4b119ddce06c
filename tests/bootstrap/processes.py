"""Bootstrap nodes as real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idas_p2p.wire.address import Contact


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m bootstrap` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Contact]]:
    """Run a bootstrap node until the block ends; what it printed when it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "run", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, Contact.parse(process.stdout.readline())
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=20)
            raise
