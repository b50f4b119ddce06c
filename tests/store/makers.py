"""Studies and instances for the tests."""

from __future__ import annotations

from typing import Any

from idas_p2p.blob import MemoryBlob
from idas_p2p.crypto.digest import data_digest
from idas_p2p.store.gathered_writer import GatheredWriter
from idas_p2p.store.spool_writer import SpoolWriter
from idas_p2p.store.spooled import SpooledTransfer
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.study import Study

AnyWriter = SpoolWriter | GatheredWriter

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def make_study(uid: str = "1.2.3", **fields: Any) -> Study:
    given = {
        "patient_id": "P-1",
        "patient_name": "Doe^Jane",
        "study_date": "20240131",
        "accession_number": "A-1",
        "modalities": ("CT",),
        "series_count": 1,
        "instance_count": 3,
    }
    return Study(study_uid=uid, **{**given, **fields})


def make_instance(
    uid: str = "1.2.3.1.1", data: bytes = b"pixels", *, study: str = "1.2.3", series: str = "1.2.3.1"
) -> Instance:
    return Instance(
        study_uid=study,
        series_uid=series,
        sop_class_uid=CT,
        sop_instance_uid=uid,
        transfer_syntax_uid=EXPLICIT,
        data=MemoryBlob(data),
    )


def begin(transfer: SpooledTransfer, instance: Instance, *, size: int | None = None, start: int = 0) -> AnyWriter:
    data = instance.data.read()
    return transfer.begin(
        study_uid=instance.study_uid,
        series_uid=instance.series_uid,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        size=len(data) if size is None else size,
        digest=data_digest(data),
        start=start,
    )


def write_chunks(writer: AnyWriter, data: bytes, *, start: int = 0, stop: int | None = None, chunk: int = 10) -> None:
    """Write a part of an instance as exchange does: chunk by chunk, each with the digest of all up to its end."""
    for offset in range(start, len(data) if stop is None else stop, chunk):
        end = min(offset + chunk, len(data))
        writer.write(data[offset:end], data_digest(data[:end])[:16])


def spool(transfer: SpooledTransfer, instance: Instance) -> Instance:
    with begin(transfer, instance) as writer:
        writer.write(instance.data.read())
        return writer.finish()


def content(instance: Instance) -> tuple[str, str, str, str, str, bytes]:
    """All of an instance, for comparing."""
    return (
        instance.study_uid,
        instance.series_uid,
        instance.sop_class_uid,
        instance.sop_instance_uid,
        instance.transfer_syntax_uid,
        instance.data.read(),
    )
