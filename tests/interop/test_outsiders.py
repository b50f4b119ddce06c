"""Real processes: an outsider with a code, a user who breaks the glass, a user who signs in at the workstation."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.audit.search import Wanted
from idas_p2p.cli.client import call
from idas_p2p.errors import IdasError, NoEmergencyHere
from idas_p2p.node.audit_questions import log_folder, search
from idas_p2p.wire.audit import Kind
from tools.idas import IDAS, Node
from tools.images import StudyFiles, set_of_files, write_ultrasound
from tools.noisy_ct import write_noisy_ct
from tools.programs import LOOPBACK, Program, free_port, wait_until
from tools.region import FEDERATION, Region
from tools.workstation import SUCCESS, Workstation

pytestmark = pytest.mark.slow
SLICES = 24  # images of 524 kB
PATIENCE = 60.0  # seconds


def idas(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Type a command on a machine that has the package and nothing else."""
    return subprocess.run([*IDAS, *words], input=stdin, capture_output=True, text=True, timeout=120, check=False)


def holds(node: Node, region: Region, study: StudyFiles) -> None:
    """Let a node offer a study, and wait until its catalog has it."""
    region.shelf(node, study.files[0].parent)

    def is_there() -> bool:
        rows: Sequence[dict[str, str]] = call(node.folder, "studies")["studies"]
        return any(
            row["StudyInstanceUID"] == study.study_uid
            and int(row["NumberOfStudyRelatedInstances"] or 0) == len(study.files)
            for row in rows
        )

    wait_until(is_there, timeout=PATIENCE, what="the catalog has the study")


def advertise_nothing_true(node: Node) -> None:
    """Have a node tell others an address at which nobody answers, so that they reach it through a relay alone."""
    node.stop()
    config = node.folder / "node.toml"
    text = config.read_text()
    assert "advertise = []" in text
    config.write_text(text.replace("advertise = []", f'advertise = ["{LOOPBACK}:{free_port()}"]'))
    node.start()


def test_an_outsider_fetches_a_study_over_a_relay_goes_on_after_kill_9_and_nobody_does_it_again(tmp_path: Path) -> None:
    study, out = write_noisy_ct(tmp_path / "images", slices=SLICES), tmp_path / "out"
    with Region(tmp_path / "region", relay=True) as region:
        anna = region.node("anna", joins=False)
        advertise_nothing_true(anna)
        holds(anna, region, study)
        code = anna.do("share", study.study_uid, "--level", "full").strip()
        listed: list[Any] = []

        def is_seen() -> bool:
            done = idas("fetch", "-", "--list", "--json", stdin=f"{code}\n")
            listed[:] = json.loads(done.stdout).get("studies", [])
            return done.returncode == 0

        wait_until(is_seen, timeout=PATIENCE, what="the relay is in the record")
        assert [row["StudyInstanceUID"] for row in listed] == [study.study_uid]
        cut = Program("cut", [*IDAS, "fetch", code, "--out", str(out)], log=tmp_path / "logs")
        cut.start(lambda: list(out.glob("*.dcm")) or not cut.is_running, timeout=PATIENCE)
        cut.kill()
        elsewhere = idas("fetch", code, "--out", str(tmp_path / "elsewhere"), "--json")
        assert json.loads(elsewhere.stdout)["error"]["code"] == "remote.pass.used"
        again = idas("fetch", code, "--out", str(out), "--json")
        told = json.loads(again.stdout)
        if again.returncode:  # it was quicker than the signal
            assert told["error"]["code"] == "remote.pass.used"
        else:
            assert (told["instances"], told["failed"], told["path"]) == (SLICES, [], "relay")
        assert set_of_files(list(out.glob("*.dcm"))) == set_of_files(study.files)
        assert not (out / ".idas-fetch").exists() or again.returncode
        (row,) = call(anna.folder, "passes")["passes"]
        assert (row["state"], row["begun"], row["done"]) == ("used", 1, 1)
        records = search(log_folder(anna.folder), Wanted(user=f"pass:{row['label']}"), 1_000)
        assert {"shown", "begin_transfer", "transferred"} <= {record["kind"] for record in records}
        assert code not in anna.log


def test_a_user_signs_in_at_the_workstation_and_breaks_the_glass_for_one_patient(tmp_path: Path) -> None:
    study = write_ultrasound(
        tmp_path / "images",
        patient_name="CANARY^BIRD",
        patient_id="P-4711",
        accession_number="A1",
        slices=3,
        seed="glass",
    )
    with Region(tmp_path / "region") as region:
        anna, berg = region.node("anna", joins=False), region.node("berg", joins=False)
        anna.do("federation create", FEDERATION)
        berg.do("join", anna.do("federation invite").strip())
        holds(anna, region, study)
        (anna.folder / "policy.toml").write_text(
            '[[rule]]\nto = "user:dr-lee@Berg"\nlevel = "full"\nbreak_glass = true\n'
        )
        berg.do("user add", "dr-lee", "--password-stdin", stdin="correct horse\n")
        with Workstation("VIEWER", berg.dicom_port, berg.aet) as viewer:
            berg.do("workstation add", "--aet", "VIEWER", "--address", f"{viewer.host}:{viewer.port}")
            keys = {"PatientID": "P-4711", "StudyInstanceUID": ""}
            assert viewer.find(keys)[-1].status == 0x0124  # Not Authorized: nobody has said who asks
            assert [one["aet"] for one in call(berg.folder, "status")["sign_ins_wanted"]] == ["VIEWER"]
            place = f"{LOOPBACK}:{berg.network_port}/{call(berg.folder, 'status')['node_id']}"
            login = ("login", "--node", place, "--aet", "VIEWER", "--user", "dr-lee", "--password-stdin")
            assert idas(*login, stdin="wrong horse\n").returncode == 1
            assert idas(*login, stdin="correct horse\n").returncode == 0
            assert len(viewer.find(keys)) == 1  # the end alone: nothing is seen of that patient
            asked = {"reason": "unconscious", "user": "dr-lee"}
            with pytest.raises(NoEmergencyHere):
                call(berg.folder, "break_glass", {"patient_id": "P-0815", **asked})

            def is_open() -> bool:
                try:
                    return bool(call(berg.folder, "break_glass", {"patient_id": "P-4711", **asked})["opened"])
                except NoEmergencyHere:  # the rule has not been read yet
                    return False

            wait_until(is_open, timeout=PATIENCE, what="the rule is in force")
            wait_for_study_of(viewer, keys)
            assert viewer.move({"StudyInstanceUID": study.study_uid})[-1].status == SUCCESS
        for node, side in ((anna, "holder"), (berg, "requester")):
            rows = call(node.folder, "emergencies")["emergencies"]
            assert (rows[0]["side"], rows[0]["user"], rows[0]["reason"]) == (side, "dr-lee", "unconscious")
            alerts = search(log_folder(node.folder), Wanted(kinds=frozenset({Kind.ALERT})), 1_000)
            assert any(one["text"] == "unconscious" and one["user"] == "dr-lee" for one in alerts)
        (opened,) = call(anna.folder, "status")["emergencies"]
        anna.do("emergency end", str(opened["number"]))
        with pytest.raises(IdasError):
            call(berg.folder, "get", {"study_uid": study.study_uid, "user": "dr-lee", "out": str(tmp_path / "late")})


def wait_for_study_of(viewer: Workstation, keys: dict[str, str]) -> None:
    """Query until the patient's study is seen."""
    wait_until(lambda: len(viewer.find(keys)) == 2, timeout=PATIENCE, what="the study is seen")
