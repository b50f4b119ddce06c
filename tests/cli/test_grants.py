"""`idas grant`, `idas grants`, `idas revoke`."""

from __future__ import annotations

from pathlib import Path

import pytest

from idas_p2p.clock import SystemClock
from tests.cli.conftest import Type, run_idas


def test_grants_are_listed_in_the_order_in_which_they_were_added(node_folder: Path) -> None:
    assert run_idas("grant", node_folder, "--to", "node:Old Clinic", "--level", "none").status == 0
    added = run_idas("grant", node_folder, "--to", "everyone", "--level", "full", "--json")
    assert added.document["grant"] == {"number": 2, "subject": "everyone", "level": "full", "expires": None}
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


@pytest.mark.parametrize(
    ("subject", "level"), [("everybody", "full"), ("node:", "full"), ("everyone", "half"), ("everyone", "")]
)
def test_a_subject_or_level_unknown_here_is_a_usage_error(
    idas: Type, node_folder: Path, subject: str, level: str
) -> None:
    typed = idas("grant", node_folder, "--to", subject, "--level", level)
    assert typed.status == 2
    assert idas("grants", node_folder, "--json").document == {"grants": []}


def test_a_condition_this_version_cannot_check_is_refused_not_ignored(idas: Type, node_folder: Path) -> None:
    typed = idas("grant", node_folder, "--to", "everyone", "--level", "full", "--modality", "CT")
    assert typed.status == 2
