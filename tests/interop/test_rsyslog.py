"""The audit log at Debian's rsyslog over TLS: every record arrives, also when rsyslog is killed and comes back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from idas_p2p.access.audit.events import queried
from idas_p2p.wire.audit import Event
from idas_p2p.wire.query import StudyQuery
from tests.access.audit.logs import DOCTOR
from tests.access.audit.schema import check
from tests.node.nodes import fill, make_config, running, until
from tools.rsyslog import Rsyslog, driver

pytestmark = [pytest.mark.interop]

TLS = driver()
MESSAGE = re.compile(r'\[meta sequenceId="(\d+)"\] DICOM\+RFC3881 .*?(<AuditMessage>.*</AuditMessage>)')


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Rsyslog]:
    if TLS is None:
        if os.environ.get("IDAS_REQUIRE_PEERS"):
            pytest.fail("rsyslog with TLS is missing; run: tools/setup system")
        pytest.skip("rsyslog with TLS is not installed")
    made = Rsyslog(tmp_path / "rsyslog", TLS)
    yield made
    made.kill()


def received(collector: Rsyslog) -> dict[int, str]:
    """The XML of each record that arrived, by its number."""
    return {int(match[1]): match[2] for line in collector.lines() if (match := MESSAGE.search(line))}


def with_collector(folder: Path, collector: Rsyslog) -> None:
    """Set the collector in node.toml, as an operator would."""
    path = folder / "node.toml"
    text = path.read_text().replace('syslog = ""', f'syslog = "127.0.0.1:{collector.port}"')
    path.write_text(text.replace('syslog_ca = ""', f'syslog_ca = "{collector.authority}"'))


def asked(number: int) -> Event:
    return queried(DOCTOR, StudyQuery.of({"PatientID": f"P{number}"}))


async def test_every_record_arrives_at_rsyslog_also_when_it_was_away_and_was_killed(
    tmp_path: Path, collector: Rsyslog
) -> None:
    config = make_config(tmp_path, "anna")
    with_collector(config.folder, collector)
    async with running(type(config).load(config.folder)) as anna:
        await fill(anna)
        anna.audit.note(asked(1))
        collector.start()  # it was away until now
        await until(lambda: anna.audit.log.state.count in received(collector))
        collector.kill()
        for number in range(200):
            anna.audit.note(asked(number))
        collector.start()
        last = anna.audit.log.state.count
        await until(lambda: last in received(collector), timeout=60)
    arrived = received(collector)
    assert set(range(1, last + 1)) <= arrived.keys()
    for xml in arrived.values():
        check(ElementTree.fromstring(xml))
