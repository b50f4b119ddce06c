from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.commands import main
from idas_p2p.wire.address import Contact


def test_init_prints_one_line_to_give_to_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path), "--listen", "192.0.2.1:7000"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert str(Contact.parse(line).address) == "192.0.2.1:7000"


def test_init_on_a_wildcard_prints_an_address_that_nodes_can_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--listen", "0.0.0.0:7000"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert not Contact.parse(line).address.is_wildcard


def test_init_twice_is_a_usage_error_and_keeps_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", str(tmp_path), "--listen", "127.0.0.1:7000"])
    key = (tmp_path / "bootstrap.key").read_bytes()
    assert main(["init", str(tmp_path), "--listen", "127.0.0.1:7000"]) == 2
    assert "already holds" in capsys.readouterr().err
    assert (tmp_path / "bootstrap.key").read_bytes() == key


def test_run_without_init_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path)]) == 2
    assert "python -m bootstrap init" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["init", "x"], ["init", "x", "--listen", "nowhere"], ["walk"]], ids=str)
def test_a_usage_error_has_exit_status_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_an_address_of_another_machine_is_a_failure_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path), "--listen", "192.0.2.1:7000"])
    assert main(["run", str(tmp_path)]) == 1
    assert "Check the folder and the address" in capsys.readouterr().err
