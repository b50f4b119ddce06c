"""Presentation contexts: what this node accepts, and what it proposes to a destination. Pure tables and choices.

Belongs here: SOP classes, transfer syntaxes, their negotiation. Not here: who may associate (acceptance.py).
Source: PS3.8 section 7.1.1.13, PS3.7 D.3.3.4, PS3.4 Annex B and C, PS3.6 Table A-1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom._uid_dict import UID_dictionary
from pynetdicom import sop_class
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context

VERIFICATION: Final = "1.2.840.10008.1.1"
PATIENT_ROOT: Final = frozenset(f"1.2.840.10008.5.1.4.1.2.1.{service}" for service in (1, 2, 3))
FIND: Final = frozenset({"1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"})  # patient, study root
MOVE: Final = frozenset({"1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2"})
GET: Final = frozenset({"1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3"})
COMMITMENT: Final = "1.2.840.10008.1.20.1"  # Push Model
SERVICES: Final = FIND | MOVE | GET | {VERIFICATION, COMMITMENT}

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
UNCOMPRESSED: Final = (EXPLICIT, IMPLICIT, BIG_ENDIAN)
MAX_CONTEXTS: Final = 128  # odd context IDs 1 to 255, PS3.8 Table 9-13

_NOT_FOR_OBJECTS: Final = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.")  # MIME, XML and real-time video
TRANSFER_SYNTAXES: Final = frozenset(
    uid
    for uid, entry in UID_dictionary.items()
    if entry[1] == "Transfer Syntax" and not uid.startswith(_NOT_FOR_OBJECTS)
)
STORAGE: Final = frozenset(sop_class._STORAGE_CLASSES.values()) | frozenset(
    uid
    for uid, entry in UID_dictionary.items()
    if entry[1] == "SOP Class" and "Storage" in entry[0] and uid.startswith("1.2.840.10008.5.1.4.1.1.")
)
"""Composite storage SOP classes, the retired ones among them: whatever an archive may still hold."""

ANY_PRIVATE: Final = "*"
_STANDARD_ROOT: Final = "1.2.840.10008."


@dataclass(frozen=True, slots=True)
class StorageClasses:
    """The SOP classes whose instances are taken: all of the standard, and private ones the operator names.

    Args:
        private: SOP Class UIDs; ANY_PRIVATE among them stands for every UID that is not DICOM's own.
    """

    private: frozenset[str] = frozenset()

    def __contains__(self, uid: object) -> bool:
        if uid in STORAGE or uid in self.private:
            return True
        return ANY_PRIVATE in self.private and not str(uid).startswith(_STANDARD_ROOT)


STANDARD_CLASSES: Final = StorageClasses()

ACCEPTED: Final = 0x00
ROLE_REJECTED: Final = 0x01
CLASS_NOT_SUPPORTED: Final = 0x03
SYNTAXES_NOT_SUPPORTED: Final = 0x04

Roles = Mapping[str, tuple[bool | None, bool | None]]
"""SOP class to the roles its requestor proposes: SCU, SCP."""


def negotiate(
    proposed: Iterable[PresentationContext], roles: Roles, storage: StorageClasses = STANDARD_CLASSES
) -> tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]:
    """Answer the proposals of an association's requestor.

    One transfer syntax is chosen per context: the first proposed that we know when objects come to us; when we are
    to send them (C-GET), an uncompressed one if there is any, since every decodable object can be brought to it.

    Args:
        proposed: the requestor's contexts.
        roles: what it proposes beside them.
        storage: SOP classes whose instances are taken.

    Returns:
        A result per proposed context, and the answers to the proposed roles.
    """
    results = [_answer(context, roles, storage) for context in proposed]
    accepted = {str(context.abstract_syntax) for context in results if context.result == ACCEPTED}
    answers = [
        _role_item(uid, pair)
        for uid, pair in sorted(roles.items())
        if uid in accepted and (uid in storage or uid == COMMITMENT)
    ]
    return results, answers


def _answer(proposed: PresentationContext, roles: Roles, storage: StorageClasses) -> PresentationContext:
    uid = str(proposed.abstract_syntax)
    offered = [str(syntax) for syntax in proposed.transfer_syntax]
    has_roles = uid in storage or uid == COMMITMENT
    scu, scp = roles.get(uid, (True, False)) if has_roles else (True, False)
    chosen, result = _choose(uid, offered, storage, is_sender=bool(scp))
    if result == ACCEPTED and not scu and not scp:
        result = ROLE_REJECTED
    context = PresentationContext()
    context.context_id = proposed.context_id
    context.abstract_syntax = proposed.abstract_syntax
    context.transfer_syntax = [chosen]
    context.result = result
    context._as_scp = bool(scu)
    context._as_scu = bool(scp)
    return context


def _choose(uid: str, offered: Sequence[str], storage: StorageClasses, *, is_sender: bool) -> tuple[str, int]:
    """The transfer syntax and the result for one proposed context."""
    if uid in SERVICES:
        candidates = [syntax for syntax in offered if syntax in UNCOMPRESSED]
    elif uid in storage:
        candidates = [syntax for syntax in offered if syntax in TRANSFER_SYNTAXES]
        if is_sender:
            candidates.sort(key=lambda syntax: syntax not in UNCOMPRESSED)  # stable: the requestor's order otherwise
            if EXPLICIT in candidates:
                candidates.insert(0, EXPLICIT)  # as most archives hold what they hold
    else:
        return offered[0], CLASS_NOT_SUPPORTED
    if not candidates:
        return offered[0], SYNTAXES_NOT_SUPPORTED
    return candidates[0], ACCEPTED


def _role_item(uid: str, pair: tuple[bool | None, bool | None]) -> SCP_SCU_RoleSelectionNegotiation:
    item = SCP_SCU_RoleSelectionNegotiation()
    item.sop_class_uid = uid
    item.scu_role, item.scp_role = bool(pair[0]), bool(pair[1])
    return item


Pair = tuple[str, str]
"""SOP class UID and the transfer syntax its instances are stored in."""


def proposals(pairs: Sequence[Pair]) -> list[PresentationContext]:
    """The contexts to propose for sending instances: each as it is stored, and uncompressed as a second choice.

    Args:
        pairs: the most important first; those beyond MAX_CONTEXTS contexts are left out.
    """
    wanted: dict[tuple[str, ...], None] = {}
    for sop_class_uid, syntax in pairs:
        wanted[(sop_class_uid, syntax)] = None
        wanted[(sop_class_uid, *(other for other in UNCOMPRESSED[:2] if other != syntax))] = None
    return [build_context(uid, list(syntaxes)) for uid, *syntaxes in list(wanted)[:MAX_CONTEXTS]]


def sending_contexts(accepted: Iterable[PresentationContext], sop_class_uid: str) -> dict[str, int]:
    """Transfer syntax to context ID of the accepted contexts in which we may send instances of a class."""
    return {
        str(context.transfer_syntax[0]): context.context_id
        for context in accepted
        if context.as_scu and context.abstract_syntax == sop_class_uid
    }
