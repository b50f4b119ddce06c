from __future__ import annotations

import pytest
from pynetdicom.presentation import PresentationContext, build_context

from idas_p2p.dicom import contexts
from idas_p2p.dicom.contexts import (
    CLASS_NOT_SUPPORTED,
    EXPLICIT,
    IMPLICIT,
    ROLE_REJECTED,
    SYNTAXES_NOT_SUPPORTED,
    TRANSFER_SYNTAXES,
    negotiate,
    proposals,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
JPEG = "1.2.840.10008.1.2.4.70"
J2K = "1.2.840.10008.1.2.4.90"
GET = "1.2.840.10008.5.1.4.1.2.2.3"


def proposed(abstract: str, *syntaxes: str) -> PresentationContext:
    context = build_context(abstract, list(syntaxes))
    context.context_id = 1
    return context


def chosen(abstract: str, *syntaxes: str, roles: contexts.Roles | None = None) -> tuple[int, str]:
    (result,), _ = negotiate([proposed(abstract, *syntaxes)], roles or {})
    return result.result, str(result.transfer_syntax[0])


def test_objects_come_in_the_syntax_their_sender_likes_best() -> None:
    assert chosen(CT, J2K, EXPLICIT) == (0, J2K)
    assert chosen(CT, IMPLICIT, EXPLICIT) == (0, IMPLICIT)


def test_objects_go_uncompressed_when_the_requester_offers_it() -> None:
    roles = {CT: (False, True)}
    assert chosen(CT, J2K, IMPLICIT, EXPLICIT, roles=roles) == (0, EXPLICIT)
    assert chosen(CT, J2K, IMPLICIT, roles=roles) == (0, IMPLICIT)
    assert chosen(CT, J2K, JPEG, roles=roles) == (0, J2K)


def test_every_transfer_syntax_for_objects_is_accepted() -> None:
    assert len(TRANSFER_SYNTAXES) > 40
    assert all(chosen(CT, syntax) == (0, syntax) for syntax in TRANSFER_SYNTAXES)


@pytest.mark.parametrize("name", ["CT", "retired ultrasound", "enhanced MR", "encapsulated PDF", "RT dose", "raw data"])
def test_storage_classes_of_every_kind_are_accepted(name: str) -> None:
    last = {"CT": "2", "retired ultrasound": "6", "enhanced MR": "4.1", "encapsulated PDF": "104.1"}
    last |= {"RT dose": "481.2", "raw data": "66"}
    assert chosen(f"1.2.840.10008.5.1.4.1.1.{last[name]}", EXPLICIT) == (0, EXPLICIT)


def test_an_unknown_class_is_rejected_as_such() -> None:
    assert chosen("1.2.3", EXPLICIT)[0] == CLASS_NOT_SUPPORTED


def test_a_query_in_a_compressed_syntax_is_rejected_as_such() -> None:
    assert chosen(GET, JPEG)[0] == SYNTAXES_NOT_SUPPORTED
    assert chosen(GET, "1.2.840.10008.1.2.1.99")[0] == SYNTAXES_NOT_SUPPORTED


def test_proposed_roles_are_answered_and_decide_who_may_send() -> None:
    (result,), (answer,) = negotiate([proposed(CT, EXPLICIT)], {CT: (False, True)})
    assert (answer.scu_role, answer.scp_role) == (False, True)
    assert (result.as_scu, result.as_scp) == (True, False)
    (result,), answers = negotiate([proposed(CT, EXPLICIT)], {})
    assert answers == []
    assert (result.as_scu, result.as_scp) == (False, True)


def test_a_context_without_any_role_is_rejected() -> None:
    assert chosen(CT, EXPLICIT, roles={CT: (False, False)})[0] == ROLE_REJECTED


def test_each_kind_is_proposed_as_stored_and_uncompressed_instead() -> None:
    made = [(c.abstract_syntax, [str(s) for s in c.transfer_syntax]) for c in proposals([(CT, JPEG)])]
    assert made == [(CT, [JPEG]), (CT, [EXPLICIT, IMPLICIT])]
    made = [(c.abstract_syntax, [str(s) for s in c.transfer_syntax]) for c in proposals([(CT, EXPLICIT)])]
    assert made == [(CT, [EXPLICIT]), (CT, [IMPLICIT])]


def test_no_more_contexts_are_proposed_than_an_association_can_have() -> None:
    assert len(proposals([(f"1.2.{number}", JPEG) for number in range(100)])) == contexts.MAX_CONTEXTS


def test_private_classes_are_taken_as_configured_and_no_service_is_taken_for_one() -> None:
    any_private = contexts.StorageClasses(frozenset({contexts.ANY_PRIVATE}))
    assert "1.3.46.670589.2.3.1.1" in any_private
    assert "1.2.840.10008.5.1.4.1.1.999" not in any_private
    assert "1.3.46.670589.2.3.1.1" not in contexts.STANDARD_CLASSES
    (answer,), _ = negotiate([proposed("1.3.46.670589.2.3.1.1", J2K)], {}, any_private)
    assert (answer.result, str(answer.transfer_syntax[0])) == (0, J2K)


def test_the_requestor_of_commitment_may_be_in_either_role() -> None:
    asks, items = negotiate([proposed(contexts.COMMITMENT, EXPLICIT)], {})
    assert (asks[0].result, asks[0].as_scp, items) == (0, True, [])
    (reports,), (item,) = negotiate([proposed(contexts.COMMITMENT, EXPLICIT)], {contexts.COMMITMENT: (False, True)})
    assert (reports.result, reports.as_scu, item.scp_role) == (0, True, True)
    assert chosen(contexts.COMMITMENT, JPEG)[0] == SYNTAXES_NOT_SUPPORTED
