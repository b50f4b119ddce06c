"""Paths that change under a transfer, with real processes: one opens, one vanishes, a machine is carried elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.idas import Bootstrap, Node, fetch
from tools.images import StudyFiles, set_of_files
from tools.lab import Lab, Site, Wan, why_not
from tools.noisy_ct import write_noisy_ct
from tools.programs import wait_until
from tools.region import FEDERATION, wait_for_study

pytestmark = [
    pytest.mark.nat,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=f"no laboratory: {why_not()}"),
]
LINE = Wan(rate=30e6, rtt=0.02)  # of each node: what follows takes seconds
SLICES = 24  # images of 524 kB, of which a third is saved on the line
NODE_PORT = 7_000
PATIENCE = 90.0  # seconds for one retrieval, pauses included
CHUNK = 1_048_576  # bytes; docs/spec/exchange.md 5.1


@dataclass(slots=True)
class Stage:
    """Anna holds studies and Berg gets them; two bootstrap nodes relay, the first of them nearer."""

    lab: Lab
    folder: Path
    router: Site
    sites: Mapping[str, Site]
    anna: Node
    berg: Node
    spare: tuple[str, str]  # Berg's other line: its device, and the router's address there
    studies: list[StudyFiles]
    told: list[Mapping[str, Any]] = field(default_factory=list)  # progress of the retrieval under way

    @contextmanager
    def dropping(self, name: str, *pairs: tuple[str, str]) -> Iterator[None]:
        """Drop, without a word, whatever goes from one address to another; an empty one is any."""
        rules = "; ".join(
            " ".join([*(["ip saddr", one] if one else []), *(["ip daddr", other] if other else []), "drop"])
            for one, other in pairs
        )
        chain = f"table inet {name} {{ chain through {{ type filter hook forward priority 0; {rules}; }}; }}"
        assert self.lab.run(self.router, ["nft", chain]) == 0
        try:
            yield
        finally:
            self.lab.run(self.router, ["nft", f"delete table inet {name}"])

    @contextmanager
    def no_direct_path(self) -> Iterator[None]:
        """Let the two nodes reach the bootstrap nodes and not each other."""
        ours, theirs = self.sites["anna"].addresses, self.sites["berg"].addresses
        pairs = [pair for one in ours for other in theirs for pair in ((one, other), (other, one))]
        with self.dropping("wall", *pairs):
            yield

    def get_while(self, change: Callable[[], object]) -> tuple[Mapping[str, Any], StudyFiles]:
        """Have Berg get the next study, and change something once a quarter of it has come; what is told at the end."""
        study = self.studies.pop()
        size = sum(file.stat().st_size for file in study.files)
        wait_for_study(self.berg, study.study_uid, instances=SLICES)
        out = self.folder / f"out-{len(self.studies)}"
        out.mkdir()
        self.told.clear()
        ended: list[Mapping[str, Any]] = []

        def get() -> None:
            ended.append(fetch(self.berg, study.study_uid, out, on_progress=self.told.append)[1])

        thread = threading.Thread(target=get, daemon=True)
        thread.start()
        wait_until(lambda: self.carried() > size / 6, timeout=PATIENCE, what="a quarter of the study has come")
        change()
        thread.join(PATIENCE)
        assert ended, f"not within {PATIENCE:g} s; at last {self.told[-1]}"
        assert set_of_files(sorted(out.iterdir())) == study.encoded()
        return ended[0], study

    def carried(self) -> int:
        """Bytes on the wire so far."""
        return int(self.told[-1]["wire_bytes"]) if self.told else 0

    def transfers(self, node: Node, study: StudyFiles) -> list[Mapping[str, Any]]:
        """A node's transfers of a study."""
        return [one for one in node.ask("transfers")["transfers"] if one["study_uid"] == study.study_uid]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("moving")
    shelf = folder / "shelf"
    studies = [write_noisy_ct(shelf / str(n), slices=SLICES, noise=300.0, seed=n) for n in (1, 2, 3)]
    with Lab() as lab, ExitStack() as stack:
        sites = {name: lab.site(name) for name in ("anna", "berg", "near", "far")}
        lines = (LINE, LINE, Wan(), Wan(rtt=0.03))
        router = lab.star(list(zip(sites.values(), lines, strict=True)))
        spare, _, number = lab.connect(sites["berg"], router, wan=LINE)
        run(lab, sites["berg"], f"ip link set {spare} down")
        contacts = []
        for name in ("near", "far"):
            with sites[name].inside():
                bootstrap = Bootstrap(folder / name, host=sites[name].address, relay=True)
                stack.callback(bootstrap.program.kill)
                bootstrap.start()
                contacts.append(bootstrap.contact)
        nodes = []
        for name in ("anna", "berg"):
            with sites[name].inside():
                node = Node(
                    folder / name,
                    institution=name.title(),
                    aet=name.upper(),
                    host=sites[name].address,
                    network=f"0.0.0.0:{NODE_PORT}",
                    bootstrap=contacts,
                    log_level="info",
                )
                stack.callback(node.kill)  # to stop would wait for links into the network that is gone
                node.start()
                nodes.append(node)
        anna, berg = nodes
        wait_until(lambda: anna.log.count("relay_reserved") >= 2, timeout=PATIENCE, what="Anna waits at both relays")
        anna.do("federation create", FEDERATION)
        berg.do("join", anna.do("federation invite").strip())
        anna.do("grant", "--to", "everyone", "--level", "full")
        anna.do("archive add", shelf.name, "--folder", str(shelf), "--poll", "1s")
        yield Stage(lab, folder, router, sites, anna, berg, (spare, f"10.99.{number}.2"), studies)


def run(lab: Lab, site: Site, *commands: str) -> None:
    for command in commands:
        assert lab.run(site, command.split()) == 0, command


def test_a_transfer_that_began_on_a_relay_moves_to_the_direct_path_and_nothing_is_sent_twice(stage: Stage) -> None:
    with ExitStack() as stack:
        stack.enter_context(stage.no_direct_path())
        told, study = stage.get_while(stack.close)
    assert stage.told[0]["path"] in ("", "relay")
    assert told["path"] in ("direct", "tcp-open")
    (ours,), (theirs,) = stage.transfers(stage.berg, study), stage.transfers(stage.anna, study)
    assert ours["path"] == theirs["path"] == told["path"]
    assert abs(ours["wire_bytes"] - theirs["wire_bytes"]) < 10_000  # what was sent has arrived, none of it in vain


def test_a_transfer_goes_on_over_another_relay_when_one_vanishes_without_a_word(stage: Stage) -> None:
    gone = stage.sites["near"].address
    with ExitStack() as stack, stage.no_direct_path():
        vanish = stage.dropping("vanished", (gone, ""), ("", gone))
        told, study = stage.get_while(lambda: stack.enter_context(vanish))
    assert told["path"] == "relay"
    whole = sum(one["wire_bytes"] for one in stage.transfers(stage.anna, study))
    assert len(stage.transfers(stage.anna, study)) == 2
    assert told["wire_bytes"] <= whole  # the rest was on its way when the relay vanished
    assert told["wire_bytes"] < told["bytes"] + CHUNK


def test_a_transfer_goes_on_when_the_machine_that_asked_is_carried_into_another_network(stage: Stage) -> None:
    site, (spare, gateway) = stage.sites["berg"], stage.spare

    def carry() -> None:
        run(stage.lab, site, "ip link set wan2n down", f"ip link set {spare} up", f"ip route add default via {gateway}")

    told, study = stage.get_while(carry)
    assert len(stage.transfers(stage.anna, study)) == 2
    assert told["wire_bytes"] < told["bytes"] + CHUNK
    assert "network_changed" in stage.berg.log
