from __future__ import annotations

from idas_p2p.dicom.services import Caller


def test_a_caller_never_prints_itself() -> None:
    caller = Caller(
        aet="CANARY", called_aet="NODE", address="10.0.0.1", local_address="10.0.0.2", user_name="canary", password="x"
    )
    assert repr(caller) == str(caller) == "Caller(…)"
