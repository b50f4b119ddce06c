"""A federation in memory for the tests: an admin, two members, and what each keeps over a restart; or three admins."""

from __future__ import annotations

from dataclasses import dataclass, field

from idas_p2p.access.federation import Federation, psk_id
from idas_p2p.access.invitation import Invitation
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import ADD, Manifest

ANNA, BERT, CARL, EVE = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4))
NOW = 1_000_000.0
CONTACT = Contact(Address("10.0.0.1", 4_000), EVE.node_id)


@dataclass
class Vault:
    """Keeps values as long as the test runs."""

    values: dict[str, bytes] = field(default_factory=dict)

    def value(self, key: str) -> bytes | None:
        return self.values.get(key)

    def set_value(self, key: str, value: bytes) -> None:
        self.values[key] = value


@dataclass
class Node:
    """One node's membership, which a restart reads from its vault again."""

    identity: SigningKey
    vault: Vault = field(default_factory=Vault)
    federation: Federation = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.federation = Federation(self.identity, self.vault, random_bytes=random_bytes)

    def invite(
        self, *, secret: bytes = b"i" * 16, uses: int = 1, expires: float = NOW + 100, needs_approval: bool = False
    ) -> Invitation:
        invitation = Invitation.of(self.identity.node_id, secret, CONTACT)
        self.federation.invite(invitation, expires=expires, uses=uses, needs_approval=needs_approval, now=NOW)
        return invitation

    def admit(self, joining: SigningKey, name: str, invitation: Invitation, *, now: float = NOW) -> Manifest:
        return self.federation.admit(joining.node_id, name, proved=psk_id(invitation.psk), now=now)


def founded() -> Node:
    """Anna, admin and only member."""
    anna = Node(ANNA)
    anna.federation.create("Anna Hospital", "Region", now=NOW)
    return anna


def region() -> tuple[Node, Node, Node]:
    """Anna, Bert and Carl, each with the newest manifest."""
    anna, bert, carl = founded(), Node(BERT), Node(CARL)
    invitation = anna.invite(uses=2)
    anna.admit(BERT, "Bert Clinic", invitation)
    manifest = anna.admit(CARL, "Carl Practice", invitation)
    for node in (bert, carl):
        assert node.federation.install(manifest, now=NOW, inviter=ANNA.node_id) is None
    return anna, bert, carl


def meet(*nodes: Node) -> None:
    """Have nodes tell one another the manifests in force, as they do when they can reach each other."""
    for _ in range(2):
        for one in nodes:
            for other in nodes:
                while (lacked := one.federation.lacking(frozenset(other.federation.digests()))) is not None:
                    if other.federation.install(lacked, now=NOW) is not None:
                        break


def mended(*nodes: Node) -> None:
    """Let admins sign what follows from what they heard, and all hear of it, until nobody has anything to say."""
    meet(*nodes)
    while [one for one in nodes if one.federation.mend(now=NOW) is not None]:
        meet(*nodes)


def council() -> tuple[Node, Node, Node]:
    """Anna, Bert and Carl, all three admins, in this order."""
    anna, bert, carl = nodes = region()
    anna.federation.change_admins(ADD, "Bert Clinic", now=NOW)
    mended(*nodes)
    for voter in (anna, bert):
        voter.federation.change_admins(ADD, "Carl Practice", now=NOW)
        mended(*nodes)
    return anna, bert, carl
