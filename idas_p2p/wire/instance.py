"""One DICOM instance on its way: its names and its data set exactly as the archive gave it."""

from __future__ import annotations

from dataclasses import dataclass

from idas_p2p.blob import Blob
from idas_p2p.errors import IdasError


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instance:
    """An instance; never prints itself.

    `data` is the encoded data set in `transfer_syntax_uid`, without preamble and file meta information (PS3.10
    section 7): the bytes a C-STORE carries.
    """

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data: Blob

    def __repr__(self) -> str:
        return f"Instance({self.data.size} bytes)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of one study is asked for; empty tuples mean all of it. Identifying: never log it."""

    study_uid: str
    series_uids: tuple[str, ...] = ()
    sop_instance_uids: tuple[str, ...] = ()

    def includes(self, *, series_uid: str, sop_instance_uid: str) -> bool:
        """Whether an instance of the study belongs to the selection."""
        return (not self.series_uids or series_uid in self.series_uids) and (
            not self.sop_instance_uids or sop_instance_uid in self.sop_instance_uids
        )


@dataclass(frozen=True, slots=True)
class Total:
    """How many instances a retrieval will bring; comes first and may be corrected later."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceFailed:
    """An instance that cannot be brought, and why; never prints itself."""

    sop_instance_uid: str
    reason: IdasError

    def __repr__(self) -> str:
        return f"InstanceFailed({self.reason.code})"


RetrieveEvent = Total | Instance | InstanceFailed
"""What a retrieval yields, in order of arrival."""
