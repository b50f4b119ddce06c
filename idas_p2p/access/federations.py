"""All the federations of one node, asked as one where it does not matter which.

Law: federations know nothing of each other. Who asks, asks in the federation whose key its channel proved, and gets
what the rules give there. A node that is in two federations of ours is called in the one we joined first.
Belongs here: which federation. Not here: what holds in one (standing.py, federation.py).
Source: docs/spec/federation.md section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idas_p2p.access.admission import Vault
from idas_p2p.access.blinding import Blinder
from idas_p2p.access.federation import Federation
from idas_p2p.access.names import same_name
from idas_p2p.access.standing import Standing
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.wire.federation import Membership, Secrets
from idas_p2p.wire.ids import NodeId

MAX_FEDERATIONS: Final = 8  # of one node; ours: each costs looks at the directory
_COUNT: Final = "federations"


@dataclass(frozen=True, slots=True)
class Place:
    """The part of a vault that belongs to one federation; the first has the names without a number."""

    vault: Vault
    number: int

    def value(self, key: str) -> bytes | None:
        """As Vault.value."""
        return self.vault.value(self._name(key))

    def set_value(self, key: str, value: bytes) -> None:
        """As Vault.set_value."""
        self.vault.set_value(self._name(key), value)

    def _name(self, key: str) -> str:
        return key if self.number == 0 else f"{key}.{self.number}"


class Federations:
    """The federations of one node.

    Args:
        identity: the node's key.
        vault: where they are kept.
        random_bytes: a cryptographic source.
    """

    def __init__(self, identity: SigningKey, vault: Vault, *, random_bytes: Callable[[int], bytes]) -> None:
        self._identity, self._vault, self._random_bytes = identity, vault, random_bytes
        count = int.from_bytes(vault.value(_COUNT) or b"", "big")
        self.places = [self._place(number) for number in range(max(1, min(count, MAX_FEDERATIONS)))]

    @property
    def first(self) -> Federation:
        """The one that rules speak of which name none."""
        return self.places[0]

    def vault(self, federation: Federation) -> Place:
        """Where what belongs to a federation is kept."""
        return Place(self._vault, self.places.index(federation))

    def free(self) -> Federation | None:
        """A place in which this node is in no federation; None when each is taken."""
        return next((one for one in self.places if not one.is_member), None)

    def add(self) -> Federation:
        """A further place.

        Raises:
            BadConfiguration: there are too many.
        """
        if len(self.places) >= MAX_FEDERATIONS:
            raise BadConfiguration(f"a node can be in at most {MAX_FEDERATIONS} federations")
        made = self._place(len(self.places))
        self._vault.set_value(_COUNT, (len(self.places) + 1).to_bytes(1, "big"))
        self.places.append(made)
        return made

    def named(self, name: str | None) -> Federation:
        """The federation of this name; without one the only one there is, the first where there is none.

        Raises:
            NoSuchThing: this node is in none of this name.
            BadConfiguration: it is in several, and none was named.
        """
        ours = self._ours()
        if name is not None:
            found = [one for one in ours if same_name(one.require_member().name, name)]
            if len(found) != 1:
                raise NoSuchThing("this node is in no federation of this name")
            return found[0]
        if len(ours) > 1:
            names = ", ".join(one.require_member().name for one in ours)
            raise BadConfiguration(f"this node is in several federations ({names}); say which: --federation NAME")
        return ours[0] if ours else self.first

    def _place(self, number: int) -> Federation:
        place = Place(self._vault, number)
        return Federation(self._identity, place, random_bytes=self._random_bytes, is_first=number == 0)

    def _ours(self) -> list[Federation]:
        return [one for one in self.places if one.is_member]

    def obstacle(self, name: str, federation: bytes = b"") -> str | None:
        """Why this node cannot be in a further federation of this name and these 32 bytes; None when it can."""
        ours = [one.require_member() for one in self._ours()]
        if any(one.federation == federation for one in ours):
            return "this node belongs to this federation already"
        if any(same_name(one.name, name) for one in ours):
            return "this node is in another federation of this name, and rules could not tell them apart"
        return None

    # -- asked as one

    @property
    def is_member(self) -> bool:
        """Whether this node is in any."""
        return bool(self._ours())

    @property
    def epoch(self) -> int:
        """Changes with each of them."""
        return sum(one.epoch for one in self.places)

    def others(self) -> list[NodeId]:
        """The other members of all of them, each once."""
        return list(dict.fromkeys(node for one in self._ours() for node in one.others()))

    def institution(self, node_id: NodeId) -> str | None:
        """The institution of a member of any; None for anyone else."""
        return next((name for one in self._ours() if (name := one.institution(node_id)) is not None), None)

    def roster(self) -> dict[NodeId, str]:
        """The institution of every member of any; where two call it differently, that of the first."""
        return {node: name for one in reversed(self._ours()) for node, name in one.roster().items()}

    def memberships(self) -> list[Membership]:
        """What shows to a relay that we belong to each federation we are in."""
        return [shown for one in self._ours() if (shown := one.membership()) is not None]

    def proved_by(self, proved: bytes) -> Federation:
        """The federation whose key, with this id, was proved on a channel; the first when none is known by it."""
        known = (one for one in self.places if one.find_member_psk(proved) is not None)
        return next(known, self.first)

    def secrets_for(self, node_id: NodeId) -> Secrets:
        """The secrets by which to call a node: of the first federation in which it is a member.

        Raises:
            NotAMember: this node is in none.
        """
        ours = self._ours()
        if not ours:
            return self.first.secrets
        return next((one for one in ours if one.institution(node_id) is not None), ours[0]).secrets

    def blinders(self, *, now: float) -> list[Blinder]:
        """How to find places and read claims, in all of them."""
        return [blinder for one in self.places for blinder in one.blinders(now=now)]

    def current_blinders(self) -> list[Blinder]:
        """Where to write in the directory: with the secrets in force of each."""
        return [blinder for one in self.places for blinder in one.current_blinders()]


Belonging = Standing | Federations
"""One federation or all of them, for those who need not know which."""
