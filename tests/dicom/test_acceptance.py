from __future__ import annotations

from pathlib import Path

import pytest
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from idas_p2p.dicom.acceptance import Rejection, plain_address, rejection_for
from idas_p2p.errors import AccessDenied, Busy, IdasError, NodeStopping, SignInRefused, UnknownCaller
from tests.dicom.memory_node import MemoryNode, serving

VERIFICATION = "1.2.840.10008.1.1"


def answer(link: Association) -> tuple[int, int, int] | None:
    """Result, source and reason of the rejection; None when accepted."""
    rejection = link.acceptor.primitive
    return (rejection.result, rejection.result_source, rejection.diagnostic) if link.is_rejected else None


async def test_a_wrong_called_title_is_rejected_as_not_recognized(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        assert await served.workstation([VERIFICATION], answer, called="OTHER") == (1, 1, 7)


async def test_an_unknown_calling_title_is_rejected_as_not_recognized(tmp_path: Path) -> None:
    async with serving(MemoryNode(), tmp_path) as served:
        assert await served.workstation([VERIFICATION], answer, aet="STRANGER") == (1, 1, 3)


async def test_a_known_caller_is_accepted_and_described(tmp_path: Path) -> None:
    node = MemoryNode()
    async with serving(node, tmp_path) as served:
        assert await served.workstation([VERIFICATION], answer) is None
    (caller,) = node.callers
    assert (caller.aet, caller.called_aet) == ("WORKSTATION", "NODE")
    assert (caller.address, caller.local_address) == ("127.0.0.1", "127.0.0.1")
    assert (caller.user_name, caller.password) == (None, None)


@pytest.mark.parametrize(("kind", "password"), [(1, None), (2, "sesame")])
async def test_user_name_and_password_are_read_from_user_identity(
    tmp_path: Path, kind: int, password: str | None
) -> None:
    identity = UserIdentityNegotiation()
    identity.user_identity_type = kind
    identity.primary_field = "Zoë".encode()
    identity.secondary_field = (password or "").encode()
    node = MemoryNode()
    async with serving(node, tmp_path) as served:
        await served.workstation([VERIFICATION], answer, ext_neg=[identity])
    (caller,) = node.callers
    assert (caller.user_name, caller.password) == ("Zoë", password)
    assert "sesame" not in repr(caller)


async def test_a_caller_that_wants_its_identity_acknowledged_gets_an_empty_answer(tmp_path: Path) -> None:
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.primary_field = 1, b"zoe"
    identity.positive_response_requested = True
    async with serving(MemoryNode(), tmp_path) as served:
        noted = await served.workstation(
            [VERIFICATION], lambda link: link.acceptor.user_identity.server_response, ext_neg=[identity]
        )
    assert noted == b""


@pytest.mark.parametrize(
    ("given", "plain"), [("10.1.2.3", "10.1.2.3"), ("::ffff:10.1.2.3", "10.1.2.3"), ("2001:db8::1", "2001:db8::1")]
)
def test_an_address_inside_another_family_is_known_by_its_own(given: str, plain: str) -> None:
    assert plain_address(given) == plain


@pytest.mark.parametrize(
    ("error", "rejection"),
    [
        (UnknownCaller(), Rejection.CALLING_AET_UNKNOWN),
        (AccessDenied(), Rejection.NOT_WELCOME),
        (SignInRefused(), Rejection.NOT_WELCOME),
        (Busy(), Rejection.CONGESTED),
        (NodeStopping(), Rejection.CONGESTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refused_caller_learns_the_reason(error: IdasError, rejection: Rejection) -> None:
    assert rejection_for(error) is rejection
