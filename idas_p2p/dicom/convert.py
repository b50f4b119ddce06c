"""The same instance in another transfer syntax, without losing a bit of any pixel.

Belongs here: which conversions are lossless, and doing them. Not here: negotiation (deliver.py).
Source: PS3.5 section 10 and Annex A.
"""

from __future__ import annotations

from collections.abc import Sequence

from idas_p2p.errors import CannotConvert
from idas_p2p.wire.instance import Instance


def convert(instance: Instance, accepted: Sequence[str]) -> Instance:
    """Return the instance in one of the accepted transfer syntaxes, losslessly.

    Args:
        instance: any instance.
        accepted: transfer syntax UIDs, best first.

    Raises:
        CannotConvert: none of them can be reached without loss, or no decoder is installed.
        MalformedInstance: the data set cannot be read.
    """
    if instance.transfer_syntax_uid in accepted:
        return instance
    raise CannotConvert("not yet")
