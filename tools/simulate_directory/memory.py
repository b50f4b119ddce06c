"""What one process that runs a whole federation may remember, and a single node need not.

Belongs here: answers that cannot change. The same record is checked at each node that holds it, and each host is looked
at by thousands of others; here that is done once. No figure but real time changes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from idas_p2p.crypto import records
from idas_p2p.crypto.keys import verify
from idas_p2p.directory import addresses
from idas_p2p.wire import rpc

MAX_SIGNATURES = 100_000  # remembered; about 30 MB
CACHES: tuple[tuple[Any, str], ...] = (
    (addresses, "_normal_host"),
    (addresses, "_host"),
    (rpc, "_packed"),
    (rpc, "_text"),
)


class Verifier:
    """Checks each good signature once; a bad one every time."""

    def __init__(self) -> None:
        self._good: dict[tuple[bytes, bytes, bytes], None] = {}

    def __call__(self, public: bytes, message: bytes, signature: bytes) -> None:
        """As `verify`."""
        asked = (public, message, signature)
        if asked not in self._good:
            verify(public, message, signature)
            if len(self._good) >= MAX_SIGNATURES:
                self._good.clear()
            self._good[asked] = None


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Let all nodes of this process share what each would find out by itself."""
    patched: list[tuple[Any, str, Any]] = [(records, "verify", Verifier())]
    patched += [(module, name, cache(getattr(module, name).__wrapped__)) for module, name in CACHES]
    before = [(module, name, getattr(module, name)) for module, name, _ in patched]
    for module, name, value in patched:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
