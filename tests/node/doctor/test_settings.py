"""What the node reads before it starts."""

from __future__ import annotations

from pathlib import Path

from idas_p2p.node.doctor.settings import examine_settings
from idas_p2p.store.configured import Archive, Workstation
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address
from tests.node.nodes import make_config


def test_what_is_configured_is_read_as_the_node_reads_it(tmp_path: Path) -> None:
    config = make_config(tmp_path, "anna")
    database = Database.open(config.database_url)
    settings = Settings(database)
    settings.add_archive(Archive(name="pacs", aet="PACS", address=Address("127.0.0.1", 104)))
    settings.add_workstation(Workstation(aet="WS", address=Address("127.0.0.1", 104)))
    settings.add_grant(subject="everyone", level="full")
    database.close()
    configured, findings = examine_settings(config.folder)
    assert [one.name for one in findings if one.name] == []
    assert ([one.name for one in configured.archives], [one.aet for one in configured.workstations]) == (
        ["pacs"],
        ["WS"],
    )
    assert configured.grants == 1


def test_without_a_readable_configuration_nothing_else_is_looked_at(tmp_path: Path) -> None:
    configured, findings = examine_settings(tmp_path)
    assert configured.config is None
    assert [one.name for one in findings] == ["configuration_wrong"]


def test_a_database_that_cannot_be_read_leaves_the_rest_to_be_looked_at(tmp_path: Path) -> None:
    config = make_config(tmp_path, "anna")
    (config.folder / "node.db").write_bytes(b"no database at all" * 100)
    configured, findings = examine_settings(config.folder)
    assert configured.config is not None
    assert "database_unusable" in {one.name for one in findings}
