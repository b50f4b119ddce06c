"""Which nodes may wait at this relay: every node, those listed, and members of the federations listed.

A member shows what its admin signed for it in the newest manifest. The relay knows the admin's NodeId alone, asks
nobody, and learns no roster. Who was removed still has what was signed in an earlier epoch: it counts until somebody
shows a later one, and GRACE longer, while the others fetch their manifest. Admins who are listed are trusted with the
epochs of any federation: one may have several, of whom each signs now and then.
Belongs here: deciding. Not here: places (reservations.py), time (passed in). Source: docs/spec/relay.md section 4.5.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from bootstrap.relay_settings import RelaySettings
from idas_p2p.crypto.relaying import is_membership
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.relay import RelayRefusal

GRACE: Final = 120.0  # seconds an epoch counts after a later one was shown; ours: members look for it every 20 s
MAX_FEDERATIONS: Final = 1_024  # whose newest epoch is remembered; ours: an admin may sign for any number


@dataclass(slots=True)
class _Newest:
    epoch: int
    since: float  # monotonic seconds when it was first shown
    before: int  # the epoch that was the newest until then; earlier ones have had their time


class Guests:
    """Decides for one relay.

    Args:
        settings: who is listed.
    """

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._newest: OrderedDict[bytes, _Newest] = OrderedDict()  # by federation

    def configure(self, settings: RelaySettings) -> None:
        """Decide by other lists from now on."""
        self._settings = settings

    @property
    def is_open(self) -> bool:
        """Whether every node may wait."""
        return not (self._settings.nodes or self._settings.federations)

    def refusal(self, node: NodeId, shown: Membership | None, *, monotonic: float, now: float) -> RelayRefusal | None:
        """Why a node may not wait here; None when it may.

        Args:
            node: who proved its key.
            shown: what it showed, if anything.
            monotonic: seconds of the steady clock.
            now: Unix seconds.
        """
        settings = self._settings
        if self.is_open or node in settings.nodes:
            return None
        if not settings.federations:
            return RelayRefusal.NOT_ALLOWED
        if shown is None:
            return RelayRefusal.MEMBERS_ONLY
        if shown.admin not in settings.federations or not is_membership(shown, node=node):
            return RelayRefusal.NOT_A_MEMBER
        if now >= shown.expires + MAX_CLOCK_SKEW:
            return RelayRefusal.MEMBERSHIP_ENDED
        self._note(shown, monotonic)
        return RelayRefusal.MEMBERSHIP_ENDED if self._is_past(shown, monotonic) else None

    def may_stay(self, node: NodeId, shown: Membership | None, *, monotonic: float) -> RelayRefusal | None:
        """Why a node that waits may do so no longer; None when it may. What was checked before is not checked again."""
        settings = self._settings
        if self.is_open or node in settings.nodes:
            return None
        if shown is None or shown.admin not in settings.federations:
            return RelayRefusal.MEMBERS_ONLY if settings.federations else RelayRefusal.NOT_ALLOWED
        return RelayRefusal.MEMBERSHIP_ENDED if self._is_past(shown, monotonic) else None

    def _note(self, shown: Membership, monotonic: float) -> None:
        newest = self._newest.pop(shown.federation, None)
        if newest is None or shown.epoch > newest.epoch:
            newest = _Newest(shown.epoch, monotonic, newest.epoch if newest else shown.epoch)
        self._newest[shown.federation] = newest
        while len(self._newest) > MAX_FEDERATIONS:
            self._newest.popitem(last=False)

    def _is_past(self, shown: Membership, monotonic: float) -> bool:
        newest = self._newest.get(shown.federation)
        if newest is None or shown.epoch >= newest.epoch:
            return False
        return shown.epoch < newest.before or monotonic >= newest.since + GRACE
