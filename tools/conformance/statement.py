"""The conformance statement: the sections of PS3.2 Annex A, with tables from the code between the words of template.md.

Belongs here: which table goes where. Not here: the words (template.md), the tables (tables.py).
"""

from __future__ import annotations

from pathlib import Path

from idas_p2p import __version__, limits
from idas_p2p.dicom import sockets
from idas_p2p.dicom.commitment import MAX_REFERENCES
from idas_p2p.node import commitments
from tools.conformance import tables

TEMPLATE = Path(__file__).with_name("template.md")


def statement() -> str:
    """The whole statement, as Markdown."""
    return TEMPLATE.read_text("utf-8").format(
        version=__version__,
        services=tables.services(),
        class_uid=sockets.IMPLEMENTATION_CLASS_UID,
        version_name=sockets.IMPLEMENTATION_VERSION,
        associations=limits.MAX_ASSOCIATIONS,
        acse=limits.DICOM_ACSE_TIMEOUT,
        response=limits.DICOM_RESPONSE_TIMEOUT,
        idle=limits.DICOM_IDLE_TIMEOUT,
        connect=limits.DICOM_CONNECT_TIMEOUT,
        pdu=sockets.LARGEST_PDU,
        extended=tables.extended_negotiation(),
        contexts=tables.service_contexts(),
        storage=tables.storage_classes(),
        syntaxes=tables.transfer_syntaxes(),
        levels=tables.query_levels(),
        references=MAX_REFERENCES,
        tell=commitments.TELL_AFTER,
        give_up=commitments.GIVE_UP_AFTER / 3_600,
        commitment=tables.commitment_reasons(),
        statuses=tables.status_codes(),
        charsets=tables.character_sets(),
        suites=tables.tls_suites(),
        coerced=tables.coerced_attributes(),
    )
