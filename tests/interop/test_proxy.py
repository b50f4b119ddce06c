"""A practice whose network lets nothing out but an HTTP proxy (tinyproxy): directory, control and images all pass."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tools.idas import Node
from tools.images import set_of_files, write_ultrasound
from tools.lab import Lab, Site, Wan, why_not
from tools.programs import Program, wait_until
from tools.region import Region, wait_for_study

pytestmark = [
    pytest.mark.nat,
    pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}"),
    pytest.mark.skipif(shutil.which("tinyproxy") is None, reason="no tinyproxy: tools/setup system installs it"),
]
PROXY_PORT, USER, PASSWORD = 3_128, "practice", "geheim"


@contextmanager
def tinyproxy(folder: Path, site: Site, *, allowed_port: int) -> Iterator[Program]:
    """The real one, as practices have it: a password, and CONNECT to one port only."""
    settings = folder / "tinyproxy.conf"
    settings.write_text(
        f"Port {PROXY_PORT}\nListen 0.0.0.0\nTimeout 600\nMaxClients 100\nLogLevel Info\n"
        f"BasicAuth {USER} {PASSWORD}\nConnectPort {allowed_port}\n"
    )
    program = Program("tinyproxy", site.command(["tinyproxy", "-d", "-c", str(settings)]), log=folder)
    try:
        program.start(lambda: "Accepting connections" in program.said + program.log, timeout=20)
        yield program
    finally:
        program.stop()


@pytest.mark.slow
def test_a_practice_behind_a_proxy_joins_finds_and_retrieves_through_it_alone(tmp_path: Path) -> None:
    study = write_ultrasound(
        tmp_path / "images", patient_name="PROXY^TEST", patient_id="P1", accession_number="A1", slices=6, seed="proxy"
    )
    with Lab() as lab, ExitStack() as stack:
        hospital, gate, practice = lab.site("anna"), lab.site("gate"), lab.site("berg")
        middle = lab.internet([hospital, gate], wan=Wan(rate=100e6, rtt=0.02))
        lab.connect(practice, gate, wan=Wan())  # and no route beyond it: the gate passes nothing on
        with middle.inside():
            region = stack.enter_context(Region(tmp_path / "region", host=middle.addresses[0], relay=True))
        proxy = stack.enter_context(tinyproxy(tmp_path, gate, allowed_port=region.bootstrap.port))
        with hospital.inside():
            anna = region.node("anna", host=hospital.address)
            region.shelf(anna, study.files[0].parent)
        with practice.inside():
            berg = Node(
                tmp_path / "region" / "berg", institution="Berg", aet="BERG", host=practice.address,
                bootstrap=[region.bootstrap.contact], proxy=f"http://{USER}:{PASSWORD}@{gate.addresses[1]}:{PROXY_PORT}",
                log_level="info",
            )  # fmt: skip
            stack.callback(berg.stop)
            berg.start()
            wait_until(lambda: "directory_carried" in berg.log, timeout=60, what="datagrams go through the proxy")
            wait_until(lambda: berg.ask("status")["directory"]["joined"], timeout=60, what="the directory")
            berg.do("join", anna.do("federation invite").strip())
            wait_for_study(berg, study.study_uid, instances=len(study.files))
            out = tmp_path / "out"
            told = berg.ask("get", study.study_uid, "--out", str(out))
            assert set_of_files(sorted(out.iterdir())) == study.encoded()
            assert told["path"] == "relay"  # for anna's own port is none that this proxy allows
            (peer,) = json.loads(berg.do("peers", "--json"))["peers"]
            assert "403" in peer["detours"]["direct"]
            assert berg.ask("status")["proxy"]["address"] == f"{gate.addresses[1]}:{PROXY_PORT}"
            assert PASSWORD not in berg.log
    assert f"CONNECT {middle.addresses[0]}:{region.bootstrap.port} HTTP/1.1" in proxy.said + proxy.log
