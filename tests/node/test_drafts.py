from __future__ import annotations

from idas_p2p.access.blinding import Blinder
from idas_p2p.node.drafts import WITHDRAWN, ClaimDraft, Sayings
from idas_p2p.store.announced import TERM_SIZE
from idas_p2p.store.feed import Publication
from idas_p2p.wire.federation import Secrets
from idas_p2p.wire.terms import Field, Term, study_terms
from tests.directory.network import ManualClock, key
from tests.store.makers import make_study

BLINDER = Blinder(Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32))


def said(*publications: Publication) -> Sayings:
    sayings = Sayings()
    for publication in publications:
        sayings.add(publication)
    return sayings


def test_every_term_is_said_once_for_all_studies_that_share_it() -> None:
    one, two = make_study("1", instance_count=3), make_study("2", instance_count=4)
    sayings = said(
        Publication(uid="1", study=one, revision=1),
        Publication(uid="2", study=two, revision=1),
    ).by_term
    assert set(sayings) == {*study_terms(one), *study_terms(two)}
    assert sayings[Term(Field.STUDY, "2")].claim == 4
    shared = set(study_terms(one)) & set(study_terms(two))
    assert shared
    assert all(sayings[term].uids == {"1", "2"} for term in shared)


def test_a_study_that_is_gone_is_said_to_be_withdrawn() -> None:
    (saying,) = said(Publication(uid="1", study=None, revision=2)).by_term.values()
    assert (saying.term, saying.claim, saying.is_withdrawn) == (Term(Field.STUDY, "1"), WITHDRAWN, True)


def test_a_name_is_short_and_tells_field_and_value_apart() -> None:
    names = {
        said(Publication(uid=uid, study=None, revision=1)).by_term[Term(Field.STUDY, uid)].name for uid in ("1", "2")
    }
    assert {len(name) for name in names} == {TERM_SIZE}
    assert len(names) == 2


def test_a_draft_is_signed_as_of_the_moment_it_is_sent() -> None:
    clock = ManualClock()
    sayings = said(Publication(uid="1", study=make_study("1", instance_count=3), revision=1))
    saying = sayings.by_term[Term(Field.STUDY, "1")]
    draft = ClaimDraft(saying, BLINDER.place(saying.term, now=clock.now()), BLINDER, key(1), clock)
    clock.advance(100)
    record = draft.sign()
    assert record.key == draft.key
    assert record.sequence == int(clock.now() * 1_000)
    assert BLINDER.read_claim(record).count == 3
