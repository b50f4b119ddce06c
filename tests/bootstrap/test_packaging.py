"""What operators copy: the sample configuration, the systemd unit, the container file."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest

from bootstrap.commands import _parser
from bootstrap.config import CONFIG_FILE, BootstrapConfig, template
from bootstrap.relay_settings import RelaySettings
from idas_p2p.wire.address import Address

ROOT = Path(__file__).parents[2]
KIT = ROOT / "packaging" / "bootstrap"
LISTEN = Address("0.0.0.0", 443)


def test_the_sample_configuration_is_what_init_writes_and_equals_the_defaults(tmp_path: Path) -> None:
    sample = (KIT / CONFIG_FILE).read_text("utf-8")
    assert sample == template(LISTEN)
    (tmp_path / CONFIG_FILE).write_text(sample)
    assert BootstrapConfig.load(tmp_path) == BootstrapConfig(folder=tmp_path, listen=LISTEN)


def test_every_setting_of_the_sample_is_explained() -> None:
    settings = [line for line in (KIT / CONFIG_FILE).read_text("utf-8").splitlines() if "=" in line and line[0] != "#"]
    assert len(settings) > 20
    assert [line for line in settings if not re.search(r"    # .{10,}", line)] == []


def test_without_a_file_of_settings_every_rate_is_limited() -> None:
    defaults = RelaySettings()
    for bound in (defaults.sessions, defaults.rate, defaults.amount):
        assert 0 < bound.per_node <= bound.total < 1e15
        assert 0 < bound.per_block <= bound.total
    assert 0 < defaults.reservations_per_block < defaults.reservations


@pytest.mark.parametrize(("line", "command"), [("ExecStart", "run"), ("ExecReload", "reload")])
def test_the_unit_calls_commands_that_there_are(line: str, command: str) -> None:
    words = unit()["Service"][line].split()
    assert words[1:3] == ["-m", "bootstrap"]
    options = _parser().parse_args(words[3:])
    assert (options.command, str(options.folder)) == (command, "/var/lib/idas-bootstrap")


def test_the_unit_gives_the_program_what_it_needs() -> None:
    service, defaults = unit()["Service"], RelaySettings()
    assert int(service["LimitNOFILE"]) > defaults.reservations + 2 * defaults.sessions.total
    assert float(service["TimeoutStopSec"]) > defaults.drain_seconds
    assert service["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"


def test_the_container_runs_commands_that_there_are_from_files_that_there_are() -> None:
    text = (KIT / "Containerfile").read_text("utf-8")
    entry, command = (json.loads(re.search(rf"^{word} (\[.*\])$", text, re.M)[1]) for word in ("ENTRYPOINT", "CMD"))  # type: ignore[index]
    assert entry[1:] == ["-m", "bootstrap"]
    assert _parser().parse_args(command).command == "run"
    health = json.loads(re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.M)[1])  # type: ignore[index]
    assert _parser().parse_args(health[3:]).command == "status"
    for copied in re.findall(r"^COPY (?!--)(.*)$", text, re.M):
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists(), source


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(KIT / "idas-bootstrap.service", "utf-8")
    return parsed
