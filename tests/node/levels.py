"""What applies levels, with a key that every test knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from idas_p2p.dicom.levels.engine import Parts
from idas_p2p.node.levelling import Levelling
from idas_p2p.store.pseudonyms import Pseudonym
from idas_p2p.wire.instance import Instance

KEY = bytes(32)


class Vault(dict[str, bytes]):
    """Named values."""

    def value(self, key: str) -> bytes | None:
        return self.get(key)


class Remembered(dict[tuple[str, str], str]):
    """Pseudonyms that were shown."""

    def add(self, pairs: Iterable[Pseudonym]) -> None:
        for pair in pairs:
            self[pair.kind, pair.shown] = pair.original

    def original(self, kind: str, shown: str) -> str | None:
        return self.get((kind, shown))


async def at_once(apply: Callable[[Instance], Parts], instance: Instance) -> Parts:
    return apply(instance)


def levelling_in_memory(vault: Vault | None = None) -> Levelling:
    """Levels applied with a key that every test knows."""
    return Levelling(KEY, vault if vault is not None else Vault(), Remembered(), run=at_once)
