"""Passes as values: who may still use one, what is kept, what is told of one that ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idas_p2p.access.admission import psk_id
from idas_p2p.access.invitation import Invitation, PassCode, invitation_psk, pass_psk
from idas_p2p.access.passes import KEPT_FOR, MAX_PASSES, MAX_USES, Pass, Passes
from idas_p2p.errors import BadCode, BadConfiguration, NoSuchThing, PassExpired, PassRevoked, PassUsed
from tests.access.region import ANNA, BERT, CARL, Vault

NOW = 1_000_000.0


@pytest.fixture
def shelf() -> Vault:
    return Vault()


def make(passes: Passes, *, uses: int = 1, secret: bytes = b"s" * 16, now: float = NOW) -> Pass:
    return passes.make(secret, study_uid="1.2.3", level="full", expires=now + 100, uses=uses, now=now)


def test_a_pass_is_found_by_the_key_it_proves_and_by_nothing_else(shelf: Vault) -> None:
    passes = Passes(shelf)
    made = make(passes)
    assert passes.find_psk(psk_id(pass_psk(b"s" * 16))) == pass_psk(b"s" * 16)
    assert passes.find(made.psk_id) == made
    assert passes.find_psk(bytes(8)) is passes.find(bytes(8)) is None


def test_the_key_of_a_pass_is_not_the_key_of_an_invitation_with_the_same_secret() -> None:
    assert pass_psk(b"s" * 16) != invitation_psk(b"s" * 16)


def test_who_begins_takes_a_use_and_may_go_on_alone_until_it_has_everything(shelf: Vault) -> None:
    passes = Passes(shelf)
    made = make(passes)
    passes.begin(made, ANNA.node_id, now=NOW)
    passes.begin(made, ANNA.node_id, now=NOW + 1)
    with pytest.raises(PassUsed):
        passes.begin(made, BERT.node_id, now=NOW + 1)
    assert passes.finish(made, ANNA.node_id, now=NOW + 2)
    assert not passes.finish(made, ANNA.node_id, now=NOW + 3)
    with pytest.raises(PassUsed):
        passes.begin(made, ANNA.node_id, now=NOW + 3)
    assert passes.all()[0].state(now=NOW + 3) == "used"


def test_a_machine_that_never_began_finishes_nothing(shelf: Vault) -> None:
    passes = Passes(shelf)
    assert not passes.finish(make(passes), CARL.node_id, now=NOW)
    assert passes.all()[0].state(now=NOW) == "open"


def test_a_pass_of_two_uses_has_two_receivers(shelf: Vault) -> None:
    passes = Passes(shelf)
    made = make(passes, uses=2)
    passes.begin(made, ANNA.node_id, now=NOW)
    passes.finish(made, ANNA.node_id, now=NOW)
    passes.begin(made, BERT.node_id, now=NOW)
    with pytest.raises(PassUsed):
        passes.begin(made, CARL.node_id, now=NOW)


def test_what_ended_is_refused_by_its_name(shelf: Vault) -> None:
    passes = Passes(shelf)
    made, other = make(passes), make(passes, secret=b"t" * 16)
    passes.begin(made, ANNA.node_id, now=NOW)
    with pytest.raises(PassExpired):
        passes.begin(made, ANNA.node_id, now=NOW + 100)
    passes.revoke(other.label.upper(), now=NOW)
    with pytest.raises(PassRevoked):
        passes.begin(other, ANNA.node_id, now=NOW)
    assert [one.state(now=NOW + 100) for one in passes.all()] == ["expired", "revoked"]
    with pytest.raises(NoSuchThing):
        passes.revoke(other.label, now=NOW)
    with pytest.raises(NoSuchThing):
        passes.revoke("00000000", now=NOW)


def test_passes_and_who_used_them_outlive_a_restart(shelf: Vault) -> None:
    passes = Passes(shelf)
    made = make(passes)
    passes.begin(made, ANNA.node_id, now=NOW)
    again = Passes(shelf)
    assert again.all() == passes.all()
    with pytest.raises(PassUsed):
        again.begin(made, BERT.node_id, now=NOW)


def test_one_that_ended_long_ago_makes_room(shelf: Vault) -> None:
    passes = Passes(shelf)
    make(passes)
    make(passes, secret=b"t" * 16, now=NOW + 101 + KEPT_FOR)
    assert [one.code_secret for one in passes.all()] == [b"t" * 16]


@pytest.mark.parametrize(("uses", "seconds"), [(0, 1), (MAX_USES + 1, 1), (1, 0), (1, 367 * 86_400)])
def test_uses_and_times_that_make_no_sense_are_refused(shelf: Vault, uses: int, seconds: float) -> None:
    with pytest.raises(BadConfiguration):
        Passes(shelf).make(b"s" * 16, study_uid="1.2", level="full", expires=NOW + seconds, uses=uses, now=NOW)


def test_there_are_no_more_than_a_node_keeps(shelf: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idas_p2p.access.passes.MAX_PASSES", 2)
    assert MAX_PASSES > 2
    passes = Passes(shelf)
    for number in range(2):
        make(passes, secret=bytes((number,)) * 16)
    with pytest.raises(BadConfiguration, match="are kept"):
        make(passes, secret=b"z" * 16)


def test_a_pass_prints_neither_its_secret_nor_its_study(shelf: Vault) -> None:
    made = make(Passes(shelf))
    assert repr(made) == f"Pass({made.label})"
    assert made.label not in (b"s" * 16).hex()


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/passes.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["comment"])
def test_the_vectors_of_codes_have_their_outcomes(vector: dict[str, Any]) -> None:
    if vector["outcome"] == "refused":
        with pytest.raises(BadCode):
            PassCode.from_code(vector["code"])
        return
    found = PassCode.from_code(vector["code"])
    assert (found.secret.hex(), str(found.contact)) == (vector["secret"], vector["contact"])
    assert found.inviter_seal.hex() == vector["inviter_seal"]
    assert (found.location.public.hex(), found.psk.hex()) == (vector["location"], vector["psk"])
    assert psk_id(found.psk).hex() == vector["psk_id"]


def test_a_code_of_the_other_kind_is_refused_with_the_command_it_is_for() -> None:
    code = next(vector["code"] for vector in VECTORS if vector["outcome"] == "success")
    with pytest.raises(BadCode, match="idas fetch"):
        Invitation.from_code(code)
