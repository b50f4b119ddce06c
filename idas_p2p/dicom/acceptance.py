"""Who may open an association, and the answer everybody else gets.

Belongs here: the acceptor's side of association negotiation. Not here: what callers may do then (serving.py).
Source: PS3.8 Table 9-21, PS3.7 D.3.3.7.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation, UserIdentityNegotiation

from idas_p2p.dicom.contexts import STANDARD_CLASSES, StorageClasses, negotiate
from idas_p2p.dicom.negotiation import agreed
from idas_p2p.dicom.services import Caller
from idas_p2p.errors import AccessDenied, IdasError, SignInRefused, UnknownCaller
from idas_p2p.events import log_event

USERNAME: Final = 1  # User Identity types, PS3.7 Table D.3-14
USERNAME_AND_PASSCODE: Final = 2


class Rejection(Enum):
    """Why an association was rejected: result, source and reason of the A-ASSOCIATE-RJ."""

    CALLED_AET_UNKNOWN = (1, 1, 7)
    CALLING_AET_UNKNOWN = (1, 1, 3)
    NOT_WELCOME = (1, 1, 1)
    CONGESTED = (2, 3, 1)
    TOO_MANY_ASSOCIATIONS = (2, 3, 2)


def rejection_for(error: IdasError) -> Rejection:
    """The rejection that tells a caller why it was not admitted."""
    if isinstance(error, UnknownCaller):
        return Rejection.CALLING_AET_UNKNOWN
    if isinstance(error, AccessDenied | SignInRefused):
        return Rejection.NOT_WELCOME
    return Rejection.CONGESTED


def caller_of(link: Association) -> Caller:
    """Who requests this association, from what its A-ASSOCIATE-RQ says."""
    request = link.requestor.primitive
    identity = link.requestor.user_identity
    kind = identity.user_identity_type if identity is not None else None
    return Caller(
        aet=request.calling_ae_title.strip(),
        called_aet=request.called_ae_title.strip(),
        address=plain_address(link.requestor.address_info.address),
        certificate=link.dul.socket.fingerprint,
        local_address=plain_address(link.acceptor.address_info.address),
        user_name=_text(identity.primary_field) if kind in {USERNAME, USERNAME_AND_PASSCODE} else None,
        password=_text(identity.secondary_field) if kind == USERNAME_AND_PASSCODE else None,
    )


def plain_address(address: str) -> str:
    """An IP address, as IPv4 where it is one inside IPv6 (RFC 4291 section 2.5.5.2)."""
    try:
        mapped = ipaddress.IPv6Address(address).ipv4_mapped
    except ValueError:
        return address
    return str(mapped) if mapped is not None else address


def _text(field: bytes | None) -> str:
    return (field or b"").decode("utf-8", "replace")


def _identity_noted() -> UserIdentityNegotiation:
    """The positive response to types 1 and 2: empty, PS3.7 Table D.3-15."""
    item = UserIdentityNegotiation()
    item.server_response = b""
    return item


def _extended(sop_class_uid: str, answer: bytes) -> SOPClassExtendedNegotiation:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = sop_class_uid
    item.service_class_application_information = answer
    return item


class Acceptance(ACSE):  # type: ignore[misc]
    """pynetdicom's association control, with our admission and our choice of contexts.

    Args:
        link: the association.
        judge: asked once, in the association's thread; why to reject the caller, or None to accept.
        storage: SOP classes whose instances are taken.
    """

    def __init__(
        self,
        link: Association,
        judge: Callable[[Caller], Rejection | None],
        storage: StorageClasses = STANDARD_CLASSES,
    ) -> None:
        super().__init__(link)
        self._storage = storage
        self._judge = judge
        self.caller: Caller | None = None
        self.agreed: dict[str, bytes] = {}  # extended negotiation by SOP class

    def _negotiate_as_acceptor(self) -> None:
        self.requestor.ae_title = self.requestor.primitive.calling_ae_title
        caller = caller_of(self.assoc)
        if (rejection := self._judge(caller)) is not None:
            log_event("association_rejected", reason=rejection.name.lower())
            self.send_reject(*rejection.value)
            self.assoc.kill()
            return
        self.caller = caller
        self._accept(self.requestor.primitive.presentation_context_definition_list)

    def _accept(self, proposed: Any) -> None:
        roles = {str(uid): (item.scu_role, item.scp_role) for uid, item in self.requestor.role_selection.items()}
        results, answers = negotiate(proposed, roles, self._storage)
        self.assoc._accepted_cx = {context.context_id: context for context in results if context.result == 0}
        self.assoc._rejected_cx = [context for context in results if context.result != 0]
        for item in answers:
            self.acceptor.add_negotiation_item(item)
        offered = {str(uid): raw or b"" for uid, raw in self.requestor.sop_class_extended.items()}
        self.agreed = agreed(offered)
        for uid, answer in self.agreed.items():
            self.acceptor.add_negotiation_item(_extended(uid, answer))
        identity = self.requestor.user_identity
        if identity is not None and identity.positive_response_requested:
            self.acceptor.add_negotiation_item(_identity_noted())
        self.send_accept()
        self.assoc.is_established = True
