"""Storage Commitment, Push Model: what is asked for and what is answered, as values. Pure.

Belongs here: requests and results, from and to data sets. Not here: serving them (commitment_service.py), sending them
(commitment_client.py), knowing what is safe (node/). Law: what a peer sends is bounded and
checked before it is a value.
Source: PS3.4 Annex J, PS3.3 C.14, PS3.7 10.1.1 and 10.1.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from pydicom.dataset import Dataset

from idas_p2p.dicom.identifiers import checked_uid, dataset_of
from idas_p2p.errors import BadQuery, MalformedInstance

PUSH_MODEL: Final = "1.2.840.10008.1.20.1"  # SOP Class
PUSH_INSTANCE: Final = "1.2.840.10008.1.20.1.1"  # its one well-known SOP Instance
REQUEST_COMMITMENT: Final = 1  # Action Type ID, PS3.4 Table J.3.2-1
ALL_COMMITTED, SOME_FAILED = 1, 2  # Event Type ID, PS3.4 Table J.3.3-1
MAX_REFERENCES: Final = 50_000  # instances in one request; ours: a large study has 5,000


class Reason(IntEnum):
    """Failure Reason (0008,1197), PS3.3 C.14.1.1."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_CONFLICT = 0x0119
    CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION = 0x0131
    OUT_OF_RESOURCES = 0x0213


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Reference:
    """One instance; never prints itself."""

    sop_class_uid: str
    sop_instance_uid: str

    def __repr__(self) -> str:
        return "Reference(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Requested:
    """A request that the receiver answer for instances from now on.

    Args:
        transaction_uid: the asker's name for it.
        references: at least one, at most MAX_REFERENCES.
    """

    transaction_uid: str
    references: tuple[Reference, ...]

    def __repr__(self) -> str:
        return f"Requested({len(self.references)} instances)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answered:
    """What became of a request.

    Args:
        transaction_uid: of the request.
        committed: the instances that are safe.
        failed: the others, each with its Failure Reason.
    """

    transaction_uid: str
    committed: tuple[Reference, ...] = ()
    failed: tuple[tuple[Reference, int], ...] = ()

    def __repr__(self) -> str:
        return f"Answered({len(self.committed)} committed, {len(self.failed)} failed)"

    @property
    def event_type(self) -> int:
        """Event Type ID of its report."""
        return SOME_FAILED if self.failed else ALL_COMMITTED


def asked_from(ds: Dataset) -> Requested:
    """Read the Action Information of an N-ACTION.

    Raises:
        BadQuery: a UID is missing or wrong, nothing is referenced, or more than MAX_REFERENCES instances are.
    """
    try:
        references = _references(ds, "ReferencedSOPSequence")
        transaction_uid = checked_uid(_text(ds, "TransactionUID"))
    except MalformedInstance:
        raise BadQuery("a UID of the storage commitment request is missing or wrong") from None
    if not references:
        raise BadQuery("the storage commitment request names no instance")
    return Requested(transaction_uid=transaction_uid, references=tuple(dict.fromkeys(one for one, _ in references)))


def asked_dataset(asked: Requested) -> Dataset:
    """The Action Information that asks so."""
    ds = dataset_of({"TransactionUID": asked.transaction_uid})
    ds.ReferencedSOPSequence = [_item(reference) for reference in asked.references]
    return ds


def answered_from(ds: Dataset) -> Answered:
    """Read the Event Information of an N-EVENT-REPORT.

    Raises:
        BadQuery: a UID is missing or wrong, or more than MAX_REFERENCES instances are named.
    """
    try:
        return Answered(
            transaction_uid=checked_uid(_text(ds, "TransactionUID")),
            committed=tuple(reference for reference, _ in _references(ds, "ReferencedSOPSequence")),
            failed=tuple(_references(ds, "FailedSOPSequence")),
        )
    except MalformedInstance:
        raise BadQuery("a UID of the storage commitment result is missing or wrong") from None


def answered_dataset(answered: Answered, *, retrieve_aet: str) -> Dataset:
    """The Event Information that answers so.

    Args:
        answered: what to say.
        retrieve_aet: whom to ask for the committed instances.
    """
    ds = dataset_of({"TransactionUID": answered.transaction_uid, "RetrieveAETitle": retrieve_aet})
    if answered.committed:
        ds.ReferencedSOPSequence = [_item(reference) for reference in answered.committed]
    if answered.failed:
        ds.FailedSOPSequence = [_item(reference, reason) for reference, reason in answered.failed]
    return ds


def _item(reference: Reference, reason: int | None = None) -> Dataset:
    item = dataset_of(
        {"ReferencedSOPClassUID": reference.sop_class_uid, "ReferencedSOPInstanceUID": reference.sop_instance_uid}
    )
    if reason is not None:
        item.FailureReason = reason
    return item


def _references(ds: Dataset, keyword: str) -> list[tuple[Reference, int]]:
    """The instances a sequence names, each with its Failure Reason, processing failure where it has none."""
    items: Any = ds.get(keyword)
    if not isinstance(items, Iterable) or isinstance(items, str | bytes):
        return []
    found: list[tuple[Reference, int]] = []
    for item in items:
        if len(found) == MAX_REFERENCES:
            raise BadQuery(f"more than {MAX_REFERENCES} instances; ask for fewer at once")
        if not isinstance(item, Dataset):
            raise MalformedInstance("a sequence holds something that is no item")
        uids = [checked_uid(_text(item, f"ReferencedSOP{kind}UID")) for kind in ("Class", "Instance")]
        reason = item.get("FailureReason")
        found.append((Reference(*uids), reason if isinstance(reason, int) else Reason.PROCESSING_FAILURE))
    return found


def _text(ds: Dataset, keyword: str) -> str:
    return str(ds.get(keyword) or "").strip(" \0")
