"""`idas grant`, `idas grants`, `idas revoke`."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.clock import SystemClock
from tests.cli.conftest import Type, run_idas


def test_grants_are_listed_in_the_order_in_which_they_were_added(node_folder: Path) -> None:
    assert run_idas("grant", node_folder, "--to", "node:Old Clinic", "--level", "none").status == 0
    added = run_idas("grant", node_folder, "--to", "everyone", "--level", "full", "--json")
    assert added.document["grant"] == {
        "number": 2,
        "subject": "everyone",
        "level": "full",
        "conditions": {},
        "expires": None,
    }
    listed = run_idas("grants", node_folder, "--json").document["grants"]
    assert [(grant["subject"], grant["level"]) for grant in listed] == [
        ("node:Old Clinic", "none"),
        ("everyone", "full"),
    ]


def test_a_grant_may_expire_after_a_time(idas: Type, node_folder: Path) -> None:
    before = SystemClock().now()
    typed = idas("grant", node_folder, "--to", "everyone", "--level", "full", "--expires", "30d", "--json")
    left = typed.document["grant"]["expires"] - before
    assert 30 * 86_400 <= left < 30 * 86_400 + 60


def test_a_revoked_grant_is_gone_and_cannot_be_revoked_again(idas: Type, node_folder: Path) -> None:
    idas("grant", node_folder, "--to", "everyone", "--level", "full")
    assert idas("revoke", node_folder, "1").status == 0
    assert "nothing is shared" in idas("grants", node_folder).stdout
    assert idas("revoke", node_folder, "1").status == 1


@pytest.mark.parametrize("subject", ["everybody", "node:", "user:dr-lee", "group:"])
def test_a_subject_unknown_here_is_a_usage_error(idas: Type, node_folder: Path, subject: str) -> None:
    assert idas("grant", node_folder, "--to", subject, "--level", "full").status == 2
    assert idas("grants", node_folder, "--json").document == {"grants": []}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--level", "half"), "level 'half': known are full"),
        (("--level", ""), "known are full"),
        (("--level", "full", "--modality", "c-t"), "a modality has 1 to 16"),
        (("--level", "full", "--date", "20240201-20240101"), "a range of dates begins before it ends"),
        (("--level", "full", "--patient", "^^^City"), "a patient is written ID or ID^^^ISSUER"),
        (("--level", "full", "--study", "1.x"), "a study is named by its UID"),
    ],
)
def test_a_level_or_condition_without_meaning_is_refused_with_the_remedy_and_nothing_is_kept(
    idas: Type, node_folder: Path, words: tuple[str, ...], says: str
) -> None:
    typed = idas("grant", node_folder, "--to", "everyone", *words)
    assert typed.status == 1
    assert says in typed.stderr
    assert idas("grants", node_folder, "--json").document == {"grants": []}


def test_a_grant_may_be_about_some_studies_alone(idas: Type, node_folder: Path) -> None:
    typed = idas(
        *("grant", node_folder, "--to", "user:dr-lee@Lake Clinic", "--level", "full", "--modality", "CT"),
        *("--modality", "MR", "--date", "20240101-", "--patient", "123^^^City", "--archive", "pacs", "--json"),
    )
    conditions = {"modalities": ["CT", "MR"], "dates": "20240101-", "patients": ["123^^^City"], "archives": ["pacs"]}
    assert typed.document["grant"]["conditions"] == conditions
    assert "modalities CT, MR" in idas("grants", node_folder).stdout


def test_a_level_of_the_policy_file_may_be_granted(idas: Type, node_folder: Path) -> None:
    (node_folder / "policy.toml").write_text('[levels.law]\nbase = "full"\nremove = ["PatientSex"]\n')
    assert idas("grant", node_folder, "--to", "everyone", "--level", "law").status == 0
