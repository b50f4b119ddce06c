"""The database's tables, and the version of their form.

Belongs here: columns, keys, indexes. Not here: what is read from or written to them. Everything is valid for SQLite
and PostgreSQL. A change of any table raises SCHEMA_VERSION and adds a step to database.py.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql

from idas_p2p.wire.study import Study

SCHEMA_VERSION: Final = 6  # a database of a higher version is refused

metadata = MetaData()

Words = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")  # ordered by code point, as SQLite does
Number = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only in a column called INTEGER


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Words, nullable=False, **options)


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, Number, nullable=False, **options)


def _time(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)  # Unix seconds; 0 means never


def _study_columns(*, key: bool = False) -> list[Column[Any]]:
    """One column for each field of Study, of the same name; modalities joined by backslashes."""
    counts = {"series_count", "instance_count"}
    names = [field.name for field in fields(Study)]
    return [_number(name) if name in counts else _text(name, primary_key=key and name == "study_uid") for name in names]


schema_version = Table("schema_version", metadata, _number("version"))

# Settings
values = Table("node_values", metadata, _text("key", primary_key=True), Column("value", LargeBinary, nullable=False))
archives = Table(
    "archives",
    metadata,
    _text("name", primary_key=True),
    _text("kind"),
    _text("aet"),
    _text("address"),  # HOST:PORT, empty for a folder
    _text("folder"),
    Column("poll_seconds", Double, nullable=False),
    Column("prefers_get", Boolean, nullable=False),  # what version 2 knew of archive_ways.prefer
)
archive_ways = Table(
    "archive_ways",
    metadata,
    _text("name", primary_key=True),
    _text("prefer"),
    _text("dicomweb"),  # URL, empty for none
    _text("web_user"),
    _text("web_password"),  # must be sent as it is: whoever reads this database can read that archive
)
workstations = Table(
    "workstations", metadata, _text("aet", primary_key=True), _text("address"), Column("user_name", Words)
)
archive_limits = Table(
    "archive_limits",
    metadata,
    _text("name", primary_key=True),
    Column("tls", Boolean, nullable=False),
    _number("associations"),  # retrievals at once; 0: no limit of the operator's
    _text("hours"),  # HH:MM-HH:MM in which it is searched; empty: always
    Column("bandwidth", Double, nullable=False),  # bytes a second; 0: as fast as it can
)
workstation_tls = Table(
    "workstation_tls",
    metadata,
    _text("aet", primary_key=True),
    Column("tls", Boolean, nullable=False),  # images go to it over TLS
    _text("certificate"),  # SHA-256 of the one it must show, in hexadecimal; empty: none
)
users = Table("users", metadata, _text("name", primary_key=True), _text("password_hash"))
members = Table(
    "group_members", metadata, _text("group_name", primary_key=True), _text("member", primary_key=True, index=True)
)
grants = Table(
    "grants",
    metadata,
    _number("number", primary_key=True, autoincrement=False),
    _text("subject"),
    _text("level"),
    _text("conditions"),  # JSON
    Column("expires", Double),  # Unix seconds; null means never
)
labels = Table(
    "labels",
    metadata,
    _text("label", primary_key=True),  # folded; so are a patient's id and issuer
    _text("kind", primary_key=True),  # study or patient
    _text("name", primary_key=True),  # study UID or patient id
    _text("issuer", primary_key=True),  # of the patient id; empty: whoever issued it
)
sign_ins = Table(
    "sign_ins",
    metadata,
    _text("name", primary_key=True),  # of whom somebody tried to be, alone and with the address it came from
    _number("failures"),  # since the last success
    _time("failed_at"),
)
sessions = Table(
    "sessions",
    metadata,
    _text("aet", primary_key=True),  # the workstation somebody signed in at
    _text("user_name"),
    _time("until"),
)
group_tokens = Table(
    "group_tokens",
    metadata,
    _text("kind", primary_key=True),  # what the admin says: docs/spec/directory.md section 5.7
    _text("group_name", primary_key=True),  # folded
    _text("member", primary_key=True),  # NodeId
    _time("until"),
    Column("withdrawn", Boolean, nullable=False),
)
pseudonyms = Table(
    "pseudonyms",
    metadata,
    _text("kind", primary_key=True),  # study or patient
    _text("shown", primary_key=True),  # what others see; of different projects never the same
    _text("original"),  # study UID or patient id
)

# Catalog
studies = Table(
    "studies",
    metadata,
    _number("id", primary_key=True),
    _text("archive"),
    *_study_columns(),
    Column("fingerprint", LargeBinary, nullable=False),  # of the study's fields: tells a changed study
    _text("patient_key"),  # folded, see prefilter.py; so are the next six
    _text("accession_key"),
    _text("name_1"),  # component groups: alphabetic,
    Column("name_2", Words),  # ideographic, null when absent,
    Column("name_3", Words),  # phonetic
    _text("day"),
    UniqueConstraint("archive", "study_uid"),
)
Index("studies_uid", studies.c.study_uid)
Index("studies_patient", studies.c.patient_key)
Index("studies_accession", studies.c.accession_key)
Index("studies_name_1", studies.c.name_1)
for _name in (studies.c.name_2, studies.c.name_3):
    Index(f"studies_{_name.name}", _name, sqlite_where=_name.is_not(None), postgresql_where=_name.is_not(None))
Index("studies_day", studies.c.day)
Index("studies_archive_day", studies.c.archive, studies.c.day, studies.c.instance_count)

publications = Table(
    "publications",
    metadata,
    _text("study_uid", primary_key=True),
    _number("revision"),  # raised by every change
    _time("published_at"),  # 0: changed and not yet published
    _time("changed_at"),
)
Index("publications_due", publications.c.published_at, publications.c.changed_at)
announcements = Table(
    "announcements",
    metadata,
    Column("term", LargeBinary, primary_key=True),  # BLAKE2b-128: a million must be small
    _number("claim"),  # instances; -1: withdrawn
    _time("stored_at"),
    sqlite_with_rowid=False,
)
harvests = Table(
    "harvests",
    metadata,
    _text("archive", primary_key=True),
    _text("cursor"),
    _time("last_ok"),
    _text("last_error"),
    _number("failures"),
)

# Embedded archive
stored_studies = Table("stored_studies", metadata, *_study_columns(key=True))
stored_instances = Table(
    "stored_instances",
    metadata,
    _text("study_uid", primary_key=True),
    _text("sop_instance_uid", primary_key=True),
    _text("series_uid"),
    _text("sop_class_uid"),
    _text("transfer_syntax_uid"),
    _text("modality"),
    _text("file", unique=True),
    _number("size"),  # bytes
    Column("digest", LargeBinary, nullable=False),  # BLAKE2b-256
    _time("received_at"),
)
Index("stored_instances_sop", stored_instances.c.sop_instance_uid)
commitments = Table(
    "commitments",
    metadata,
    _text("aet", primary_key=True),  # who asked this node for it
    _text("transaction_uid", primary_key=True),
    Column("asked", LargeBinary, nullable=False),  # JSON: [[SOP Class UID, SOP Instance UID], ...]
    _time("asked_at"),
    _time("due_at"),  # when it is told next
    _number("attempts"),
)

# Spool
spool_transfers = Table(
    "spool_transfers",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    _text("folder", unique=True),
    _time("used_at"),
)
spool_instances = Table(
    "spool_instances",
    metadata,
    Column("key", LargeBinary, ForeignKey("spool_transfers.key", ondelete="CASCADE"), primary_key=True),
    _text("sop_instance_uid", primary_key=True),
    _text("study_uid"),
    _text("series_uid"),
    _text("sop_class_uid"),
    _text("transfer_syntax_uid"),
    _text("file"),
    _number("size"),  # bytes
    Column("digest", LargeBinary, nullable=False),  # BLAKE3
)

# Transfers
transfers = Table(
    "transfers",
    metadata,
    _number("number", primary_key=True),
    _text("direction"),
    _text("study_uid"),
    _text("partner"),
    _text("user_name"),
    _text("destination"),
    Column("state", Words, nullable=False, index=True),
    _time("started_at"),
    _time("ended_at"),
    _number("instances"),
    _number("total"),
    _number("failed"),
    _number("bytes"),
    _number("wire_bytes"),
    _text("path"),
    _text("reason"),
)
transfer_manifests = Table(
    "transfer_manifests",
    metadata,
    Column("number", BigInteger, ForeignKey("transfers.number", ondelete="CASCADE"), primary_key=True),
    _number("position", primary_key=True, autoincrement=False),  # 0, 1, ... within the transfer
    Column("holder", LargeBinary, nullable=False),  # NodeId
    Column("digest", LargeBinary, nullable=False),  # of what it said; docs/spec/exchange.md section 4.7
    Column("signature", LargeBinary, nullable=False),
)
