"""What several manifests say together: the same for all who know the same, in whatever order they heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idas_p2p.access.heads import Held, Known
from idas_p2p.access.manifest import ManifestRefusal, sign_manifest
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.wire.federation import ADD, REMOVE, Manifest, Secrets
from tests.access.region import ANNA, BERT, CARL, EVE, NOW, council

SECRETS = Secrets(read=b"r" * 32, write=b"w" * 32, psk=b"p" * 32)
ADMINS = (ANNA, BERT, CARL)


def begun() -> Known:
    known = council()[0].federation.known
    assert known is not None
    return Known({known.first.admin: Held(known.first)})


BEGUN = begun()


def signed(by: SigningKey, known: Known, **said: object) -> Manifest:
    """What an admin signs that knows this."""
    what = {"roster": known.roster, "charter": known.charter, "proposals": known.proposals, "era": known.first.era}
    return sign_manifest(  # type: ignore[misc]
        by,
        **{"name": "Region", "secrets": SECRETS, "now": NOW, **what, **said},  # type: ignore[arg-type]
        counts=known.counts,
        previous=[held.digest for held in known.heads],
    )


def removing(by: SigningKey, known: Known, whom: SigningKey) -> Manifest:
    return signed(by, known, roster=known.roster.without(whom.node_id, until=int(NOW) + 10**9), era=known.first.era + 1)


def admitting(by: SigningKey, known: Known, whom: SigningKey, name: str) -> Manifest:
    return signed(by, known, roster=known.roster.admitted(whom.node_id, name, epoch=known.epoch + 1))


WITH_EVE = BEGUN.with_manifest(admitting(ANNA, BEGUN, EVE, "Eve"))


def test_what_two_admins_did_at_once_stands_beside_each_other() -> None:
    zoe = SigningKey(b"z" * 32)
    removed, admitted = removing(ANNA, WITH_EVE, EVE), admitting(BERT, WITH_EVE, zoe, "Zoe")
    for order in permutations([removed, admitted]):
        known = WITH_EVE
        for manifest in order:
            assert known.refusal(manifest, now=NOW) is None
            known = known.with_manifest(manifest)
        assert len(known.heads) == 2
        assert known.first == removed  # whose secrets are fresh
        assert zoe.node_id in known.members
        assert EVE.node_id not in known.members
        assert not known.is_settled()


def test_one_manifest_that_follows_both_settles_it() -> None:
    both = WITH_EVE.with_manifest(removing(ANNA, WITH_EVE, EVE)).with_manifest(signed(BERT, WITH_EVE))
    mended = both.with_manifest(signed(CARL, both, roster=both.roster.settled(both.charter.admins, until=1)))
    assert [held.manifest.admin for held in mended.heads] == [CARL.node_id]
    assert mended.is_settled()
    assert mended.members == both.members


def test_two_that_mend_at_once_are_at_one_without_a_third() -> None:
    both = WITH_EVE.with_manifest(removing(ANNA, WITH_EVE, EVE)).with_manifest(signed(BERT, WITH_EVE))
    twice = both.with_manifest(signed(BERT, both)).with_manifest(signed(CARL, both))
    assert len(twice.heads) == 2
    assert twice.is_settled()


@pytest.mark.parametrize("by", [ANNA, BERT, CARL], ids=["anna", "bert", "carl"])
def test_a_rolled_back_manifest_is_refused_and_brings_nobody_back(by: SigningKey) -> None:
    earlier = signed(by, WITH_EVE)
    known = WITH_EVE.with_manifest(earlier)
    later = known.with_manifest(removing(ANNA, known, EVE))
    assert later.refusal(earlier, now=NOW) is ManifestRefusal.NOT_NEWER
    assert EVE.node_id not in later.with_manifest(earlier).members


def test_an_admin_key_that_is_not_on_the_roster_of_admins_signs_nothing() -> None:
    assert WITH_EVE.refusal(admitting(EVE, WITH_EVE, EVE, "Eve"), now=NOW) is ManifestRefusal.NOT_ADMIN
    vote = WITH_EVE.charter.vote(EVE, ADD, EVE.node_id)
    own = replace(WITH_EVE.charter, changes=(*WITH_EVE.charter.changes, vote))
    assert WITH_EVE.refusal(signed(EVE, WITH_EVE, charter=own), now=NOW) is ManifestRefusal.BAD_CHARTER
    coup = replace(signed(EVE, WITH_EVE), founder=EVE.node_id, changes=())
    assert WITH_EVE.refusal(coup, now=NOW) is ManifestRefusal.OTHER_FEDERATION


def without_carl(known: Known) -> Manifest:
    votes = (known.charter.vote(ANNA, REMOVE, CARL.node_id), known.charter.vote(BERT, REMOVE, CARL.node_id))
    change = known.charter.vote(BERT, REMOVE, CARL.node_id, votes)
    charter = replace(known.charter, changes=(*known.charter.changes, change))
    return signed(BERT, known, charter=charter, proposals=())


def test_what_a_former_admin_signs_with_its_old_key_is_refused_also_when_it_did_not_say_so() -> None:
    known = WITH_EVE.with_manifest(without_carl(WITH_EVE))
    assert known.refusal(removing(CARL, WITH_EVE, EVE), now=NOW) is ManifestRefusal.NOT_ADMIN
    assert known.refusal(signed(CARL, known), now=NOW) is ManifestRefusal.NOT_ADMIN


def test_what_an_admin_did_while_the_others_removed_it_does_not_count_in_either_order() -> None:
    stolen, removal = removing(CARL, WITH_EVE, EVE), without_carl(WITH_EVE)
    for order in permutations([stolen, removal]):
        known = WITH_EVE
        for manifest in order:
            known = known.with_manifest(manifest)
        assert EVE.node_id in known.members
        assert [held.manifest for held in known.heads] == [removal]


def test_a_manifest_that_leaves_out_the_one_before_it_is_refused() -> None:
    stray = sign_manifest(
        BERT,
        name="Region",
        charter=WITH_EVE.charter,
        roster=WITH_EVE.roster,
        secrets=SECRETS,
        era=1,
        now=NOW,
        counts=WITH_EVE.counts,
    )
    assert WITH_EVE.refusal(stray, now=NOW) is ManifestRefusal.BROKEN_CHAIN


def test_a_node_that_missed_manifests_takes_a_later_one() -> None:
    second = WITH_EVE.with_manifest(signed(BERT, WITH_EVE))
    third = signed(CARL, second)
    assert BEGUN.refusal(third, now=NOW) is None
    assert len(BEGUN.with_manifest(third).heads) == 1


def test_an_admin_set_back_to_an_older_state_repeats_a_number_and_all_choose_the_same() -> None:
    one, twin = admitting(BERT, WITH_EVE, SigningKey(b"y" * 32), "Y"), signed(BERT, WITH_EVE, era=0)
    ways = [WITH_EVE.with_manifest(a).with_manifest(b) for a, b in permutations([one, twin])]
    assert ways[0].name == ways[1].name
    kept = ways[0].by_admin[BERT.node_id].manifest
    lost = twin if kept == one else one
    assert ways[0].refusal(lost, now=NOW) is ManifestRefusal.NOT_NEWER


def story() -> list[Manifest]:
    """Manifests of three admins of which each knew some of the others': admissions, removals, an admin removed."""
    zoe, tom = SigningKey(b"z" * 32), SigningKey(b"t" * 32)
    first = admitting(ANNA, BEGUN, EVE, "Eve")
    one = BEGUN.with_manifest(first)
    second = admitting(BERT, BEGUN, zoe, "Zoe")
    two = BEGUN.with_manifest(second)
    third = removing(CARL, one, EVE)
    fourth = admitting(ANNA, one, tom, "ZOE")  # Anna does not know of Bert's Zoe yet
    fifth = without_carl(two)
    sixth = removing(ANNA, one.joined(two).with_manifest(fourth), zoe)
    return [first, second, third, fourth, fifth, sixth]


STORY = story()
some_of_it = st.sets(st.sampled_from(range(len(STORY))))


def gathered(manifests: Iterable[Manifest]) -> Known:
    known = BEGUN
    for manifest in manifests:
        known = known.with_manifest(manifest)
    return known


@settings(deadline=None, max_examples=60)
@given(some_of_it, some_of_it, some_of_it)
def test_knowing_is_commutative_associative_and_idempotent(a: set[int], b: set[int], c: set[int]) -> None:
    one, two, three = (gathered(STORY[number] for number in some) for some in (a, b, c))

    def said(known: Known) -> tuple[object, ...]:
        return known.name, known.members, known.charter.admins, known.first, known.proposals

    assert said(one.joined(two)) == said(two.joined(one))
    assert said(one.joined(two).joined(three)) == said(one.joined(two.joined(three)))
    assert said(one.joined(one)) == said(one)


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(len(STORY))))
def test_in_whatever_order_manifests_arrive_the_members_are_the_same(order: list[int]) -> None:
    known = gathered(STORY[number] for number in order)
    assert known.name == gathered(STORY).name
    assert {seat.institution for seat in known.members.values()} == {
        "Anna Hospital",
        "Bert Clinic",
        "Carl Practice",
        "Eve",  # whom Carl removed while the others ended his office
        "ZOE",
    }
