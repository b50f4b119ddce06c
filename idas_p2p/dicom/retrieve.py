"""What a retrieval brings, and what may truthfully be said about it at any moment and at its end.

Belongs here: the events, the counting of sub-operations, the final status. Pure. Not here: sending (deliver.py), the
services that ask (retrieve_service.py). Source: PS3.4 C.4.2.1 and C.4.3.1, PS3.7 9.1.3 and 9.1.4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from idas_p2p.dicom.statuses import CANCELLED, INCOMPLETE, SUCCESS, UNABLE_TO_PERFORM, retrieve_status
from idas_p2p.errors import IdasError


class Outcome(Enum):
    """What became of one instance at its destination."""

    COMPLETED = "completed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a retrieval has come, in instances, and in bytes of data sets accepted by the destination."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    warning: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeliveryReport(Progress):
    """The same with the instances that failed; identifying, so it never prints them."""

    failed_uids: tuple[str, ...] = ()
    remark: str = ""  # why the first of them failed, where the requester can do something about it

    def __repr__(self) -> str:
        return f"DeliveryReport({self.completed} of {self.total}, {self.failed} failed, {self.warning} warnings)"

    @property
    def remaining(self) -> int:
        """Sub-operations not yet done; never negative."""
        return max(0, self.total - self.done)

    @property
    def done(self) -> int:
        """Sub-operations done, however they ended."""
        return self.completed + self.failed + self.warning

    def with_total(self, count: int) -> DeliveryReport:
        """Learn how many instances there are; never fewer than are done already."""
        return replace(self, total=max(count, self.done))

    def with_outcome(
        self, outcome: Outcome, sop_instance_uid: str, *, size: int = 0, remark: str = ""
    ) -> DeliveryReport:
        """Count one more instance.

        Args:
            outcome: what became of it.
            sop_instance_uid: kept when it failed.
            size: bytes of its data set, counted unless it failed.
            remark: what the requester should know about it.
        """
        return replace(
            self,
            total=max(self.total, self.done + 1),
            completed=self.completed + (outcome is Outcome.COMPLETED),
            warning=self.warning + (outcome is Outcome.WARNING),
            failed=self.failed + (outcome is Outcome.FAILED),
            bytes=self.bytes + (0 if outcome is Outcome.FAILED else size),
            remark=self.remark or remark,
            failed_uids=(*self.failed_uids, sop_instance_uid) if outcome is Outcome.FAILED else self.failed_uids,
        )

    def finished(self) -> DeliveryReport:
        """Nothing more will come: what is still missing has failed, even where its UID was never learnt."""
        return replace(self, failed=self.failed + self.remaining)


MAX_UID_LIST_SIZE: Final = 65_534  # bytes; the longest UI value in explicit VR, PS3.5 7.1.2


def failed_uid_list(report: DeliveryReport) -> list[str]:
    """Failed SOP Instance UID List (0008,0058): as many of the UIDs as one attribute can hold."""
    uids: list[str] = []
    left = MAX_UID_LIST_SIZE
    for uid in filter(None, report.failed_uids):  # some are not known by name
        left -= len(uid) + 1
        if left < 0:
            break
        uids.append(uid)
    return uids


def final_status(report: DeliveryReport, *, error: IdasError | None = None, cancelled: bool = False) -> int:
    """The status of the last response. Success means that every instance reached its destination, nothing less.

    Args:
        report: what was done, `finished()` unless cancelled.
        error: what ended the retrieval early, if anything did.
        cancelled: the requester asked to stop and something was left to do.
    """
    if cancelled:
        return CANCELLED
    if error is not None and not report.completed and not report.warning:
        return retrieve_status(error)
    if report.failed and not report.completed and not report.warning:
        return UNABLE_TO_PERFORM
    if report.failed or report.warning or error is not None:
        return INCOMPLETE
    return SUCCESS
