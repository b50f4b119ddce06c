"""Names of institutions: which are fit to be shown and granted to, and whom a name means.

Law: a name means one member at most. A text that is a NodeId means that node and never an institution of that name, so
that nobody can call itself by another node's key. Source: docs/spec/federation.md section 1.
"""

from __future__ import annotations

import unicodedata

from idas_p2p.errors import WireError
from idas_p2p.wire.ids import NodeId

MAX_NAME_SIZE = 64  # characters; protocol: docs/spec/federation.md section 1


def unfit(name: str) -> str | None:
    """Return why a text cannot name an institution or a federation, or None when it can."""
    if not 1 <= len(name) <= MAX_NAME_SIZE:
        return f"a name has 1 to {MAX_NAME_SIZE} characters"
    if not name.isprintable() or name != " ".join(name.split()):
        return "a name has printable characters, and single spaces only between words"
    if node_named(name) is not None:
        return "a NodeId is not a name"
    return None


def same_name(one: str, other: str) -> bool:
    """Whether two names differ at most in case and in the form of their characters."""
    return folded(one) == folded(other)


def means(name: str, node_id: NodeId, institution: str) -> bool:
    """Whether an operator who writes `name` means this node, called `institution`."""
    named = node_named(name)
    return same_name(name, institution) if named is None else named == node_id


def node_named(text: str) -> NodeId | None:
    """The node a text means by its NodeId; None when it is a name."""
    try:
        return NodeId.parse(text)
    except WireError:
        return None


def folded(name: str) -> str:
    """One text for all spellings of a name: Unicode Standard Annex 15, compatibility composition, then case folding."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
