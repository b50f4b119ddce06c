from __future__ import annotations

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import AuditUnavailable
from idas_p2p.node.membership_log import MAX_NAMED, MembershipLog
from idas_p2p.wire.audit import Event
from idas_p2p.wire.federation import ADD
from tests.access.region import BERT, EVE, NOW, founded, region


class Notes:
    """Keeps what was noted, or cannot."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.is_full = False

    def note(self, event: Event) -> None:
        if self.is_full:
            raise AuditUnavailable
        self.texts.append(event.text)


def test_who_came_who_went_and_who_administers_is_noted_once() -> None:
    anna, notes = founded(), Notes()
    log = MembershipLog(anna.federation, notes.note)
    log.look()
    anna.admit(BERT, "Bert", anna.invite(uses=2))
    log.look()
    log.look()
    anna.federation.change_admins(ADD, "Bert", now=NOW)
    log.look()
    anna.admit(EVE, "Eve", anna.invite(secret=b"e" * 16))
    anna.federation.remove("Eve", now=NOW)
    log.look()  # it came and went in between
    bert = BERT.node_id.short
    assert notes.texts == [f"epoch 2: admitted Bert ({bert})", f"epoch 3: administrator Bert ({bert})"]


def test_a_removal_and_a_new_name_are_noted_at_every_member() -> None:
    anna, bert, _ = region()
    notes = Notes()
    log = MembershipLog(bert.federation, notes.note)
    anna.admit(BERT, "Bert Clinic II", anna.invite(secret=b"n" * 16))
    bert.federation.install(anna.federation.remove("Carl Practice", now=NOW), now=NOW)
    log.look()
    (text,) = notes.texts
    assert "removed Carl Practice" in text
    assert "renamed Bert Clinic II" in text


def test_what_could_not_be_recorded_is_in_force_and_recorded_later() -> None:
    anna, notes = founded(), Notes()
    log = MembershipLog(anna.federation, notes.note)
    anna.admit(BERT, "Bert", anna.invite())
    notes.is_full = True
    log.look()
    assert anna.federation.institution(BERT.node_id) == "Bert"
    notes.is_full = False
    log.look()
    assert len(notes.texts) == 1


def test_a_crowd_is_counted() -> None:
    anna, notes = founded(), Notes()
    log = MembershipLog(anna.federation, notes.note)
    invitation = anna.invite(uses=20)
    for number in range(MAX_NAMED + 3):
        anna.admit(SigningKey(bytes([number]) * 31 + b"k"), f"Guest {number}", invitation)
    log.look()
    assert "and 3 more" in notes.texts[0]
